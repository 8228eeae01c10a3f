import { parentPort } from 'node:worker_threads';
import { threadData } from './ring-thread';
import {
  Patience,
  Payloads,
  RandomNumbers,
  type Traffic,
  type TrafficReport,
  trafficRing,
} from './ring-traffic';

/** Writes all records of the traffic, in batches of random lengths. Finishes a batch early when the ring is full. */
function write(traffic: Traffic): TrafficReport {
  const ring = trafficRing(traffic);
  const payloads = new Payloads(traffic);
  const patience = new Patience(traffic, 1);
  const random = new RandomNumbers(traffic.seed ^ 0x9e3779b9);
  let records = 0;
  let bytes = 0;
  let batches = 0;
  payloads.next();
  while (records < traffic.records) {
    const seen = patience.look();
    const before = records;
    const most = Math.min(traffic.records, records + 1 + random.below(200));
    ring.startWriteBatch();
    while (records < most) {
      const { pattern, start, length } = payloads;
      if (ring.tryWrite(pattern.subarray(start, start + length)) < 0) break;
      records++;
      bytes += length;
      payloads.next();
    }
    ring.finishWriteBatch();
    if (records === before) {
      patience.wait(seen);
    } else {
      batches++;
      patience.progress();
    }
  }
  ring.close();
  return { records, bytes, batches, idle: patience.idle };
}

parentPort?.postMessage(write(threadData<Traffic>()));
