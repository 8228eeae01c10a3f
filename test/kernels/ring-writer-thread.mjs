/** The writing thread of the check of a ring between two threads. */

import { createRequire } from 'node:module';
import { workerData } from 'node:worker_threads';

const { MemoryRingStorage } = createRequire(import.meta.url)('../../dist/bundle/perfring.js');

const { memory, dataPageCount, records } = workerData;
const { ring } = new MemoryRingStorage({ memory, dataPageCount });
const payload = new Uint8Array(16);
const view = new DataView(payload.buffer);

for (let number = 0; number < records; ) {
  ring.startWriteBatch();
  for (; number < records; number++) {
    view.setBigUint64(0, BigInt(number), true);
    view.setBigUint64(8, ~BigInt(number), true);
    if (ring.tryWrite(payload) < 0) break;
  }
  ring.finishWriteBatch();
}
