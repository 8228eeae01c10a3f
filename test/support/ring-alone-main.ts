/**
 * Writes and reads a ring in one thread and compares every byte. For node with flags that change how it runs code:
 * `node FLAGS -r register-typescript.cjs ring-alone-main.ts RECORDS`. Prints how many records were right.
 */

import type { RingRecord } from '../../lib/records/record';
import { Payloads, RandomNumbers, type Traffic, trafficRing } from './ring-traffic';

const traffic: Traffic = {
  memory: new SharedArrayBuffer(3 * 4096),
  dataPageCount: 2,
  pageSize: 4096,
  records: Number(process.argv[2]),
  largestBytes: 400,
  seed: 12345,
  cursors: 'Atomics',
  waiting: 'spin',
  signals: new SharedArrayBuffer(8),
};

const ring = trafficRing(traffic);
const writing = new Payloads(traffic);
const reading = new Payloads(traffic);
const random = new RandomNumbers(traffic.seed);
const expected = Buffer.from(reading.pattern.buffer);
let written = 0;
let read = 0;

const fail = (what: string): never => {
  throw new Error(`record ${read}: ${what}`);
};

/** Always the same visitor, so it gets a specialised loop. */
const compare = (record: RingRecord): void => {
  reading.next();
  const { start, length } = reading;
  if (record.size !== Math.ceil((length + 4) / 8) * 8 - 4) fail(`size ${record.size} of ${length}`);
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    if (record.u32(at) !== expected.readUInt32LE(start + at)) fail(`other bytes at ${at}`);
  }
  for (; at < length; at++) if (record.u8(at) !== expected[start + at]) fail(`another byte at ${at}`);
  read++;
};

writing.next();
while (read < traffic.records) {
  const most = 1 + random.below(150);
  ring.startWriteBatch();
  for (let i = 0; i < most && written < traffic.records; i++) {
    const { pattern, start, length } = writing;
    if (ring.tryWrite(pattern.subarray(start, start + length)) < 0) break;
    written++;
    writing.next();
  }
  ring.finishWriteBatch();
  ring.startReadBatch();
  // Sometimes a new visitor, which has no specialised loop.
  const way = random.below(6);
  if (way === 0) ring.visit((record) => compare(record));
  else if (way === 1) ring.visit(compare, { limit: random.below(100) });
  else ring.visit(compare);
  ring.finishReadBatch();
}
process.stdout.write(`${read} right\n`);
