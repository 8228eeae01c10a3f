import { parentPort } from 'node:worker_threads';
import type { RingRecord } from '../../lib/records/record';
import { threadData } from './ring-thread';
import {
  Patience,
  Payloads,
  RandomNumbers,
  type Traffic,
  type TrafficReport,
  trafficRing,
} from './ring-traffic';

/** Reads all records of the traffic, in all ways of reading, and compares each byte. */
function read(traffic: Traffic): TrafficReport {
  const ring = trafficRing(traffic);
  const payloads = new Payloads(traffic);
  const patience = new Patience(traffic, 0);
  const random = new RandomNumbers(traffic.seed ^ 0x85ebca6b);
  const { pattern } = payloads;
  const expected = new DataView(pattern.buffer);
  const copy = new Uint8Array(65_536);
  let records = 0;
  let bytes = 0;
  let batches = 0;

  const differ = (what: string): never => {
    throw new Error(`record ${records} (seed ${traffic.seed}): ${what}`);
  };
  const compare = (record: RingRecord): void => {
    payloads.next();
    const { start, length } = payloads;
    const { size } = record;
    if (record.type !== 9 || size !== Math.ceil((length + 4) / 8) * 8 - 4) {
      differ(`type ${record.type}, size ${size}, where ${length} bytes were written`);
    }
    let at = 0;
    for (; at + 4 <= length; at += 4) {
      if (record.u32(at) !== expected.getUint32(start + at, true)) differ(`other bytes at ${at}`);
    }
    for (; at < length; at++) if (record.u8(at) !== pattern[start + at]) differ(`another byte at ${at}`);
    for (; at < size; at++) if (record.u8(at) !== 0) differ(`padding at ${at} is not zero`);
    records++;
    bytes += length;
  };
  const pull = (): void => {
    while (ring.bytesRemaining() > 0) {
      payloads.next();
      const { start, length } = payloads;
      if (ring.peekSize() !== Math.ceil((length + 4) / 8) * 8 - 4) differ(`size ${ring.peekSize()}`);
      ring.peekCopy(copy, 0, length);
      if (Buffer.compare(copy.subarray(0, length), pattern.subarray(start, start + length)) !== 0) {
        differ('other bytes in the copy');
      }
      ring.pop();
      records++;
      bytes += length;
    }
  };

  while (records < traffic.records) {
    const seen = patience.look();
    if (ring.startReadBatch() === 0) {
      ring.finishReadBatch();
      patience.wait(seen);
      continue;
    }
    const way = random.below(8);
    if (way === 0) pull();
    else if (way === 1) ring.visit(compare, { limit: 1 + random.below(20) });
    else ring.visit(compare);
    ring.finishReadBatch();
    batches++;
    patience.progress();
  }
  if (ring.startReadBatch() !== 0) differ('there are more than were written');
  ring.close();
  return { records, bytes, batches, idle: patience.idle };
}

parentPort?.postMessage(read(threadData<Traffic>()));
