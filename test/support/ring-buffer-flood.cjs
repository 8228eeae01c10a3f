/**
 * A worker that writes into a ring buffer map: bursts, pauses and single records, so that its reader often switches
 * between wakes and the timer; or only single records, without pauses. Posts how many records were written.
 */
require('./register-typescript.cjs');
const { parentPort, workerData } = require('node:worker_threads');
const { RingBufferMap } = require('../../lib/bpf/ring-buffer-map');
const { RingBufferProducer } = require('./ring-buffer-producer');

const map = RingBufferMap.openById(workerData.mapId);
const producer = new RingBufferProducer(map);
const pause = new Int32Array(new SharedArrayBuffer(4));
const end = performance.now() + workerData.milliseconds;
let round = 0;
while (performance.now() < end) {
  if (workerData.singles) {
    producer.emit(1);
    continue;
  }
  round++;
  const burst = performance.now() + 6;
  while (performance.now() < burst) producer.emit(1 + (round % 7));
  // A low rate for long enough that the reader is woken again, with records around the switch.
  for (let i = 0; i < 25; i++) {
    producer.emit(1);
    Atomics.wait(pause, 0, 0, 1);
  }
}
const { emitted, full } = producer.counts;
producer[Symbol.dispose]();
map.close();
parentPort.postMessage(emitted - full);
