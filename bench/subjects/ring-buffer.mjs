// Ours in the rows of ring buffer maps, by the line protocol: RingBufferReader, by drain() or by its batches.
import { LatencyHistogram } from './latency.mjs';
import { now, SequenceCheck, serve } from './line-loop.mjs';
import { fromDist, loadProgram } from './load-source.mjs';

const { RingBufferMap, RingBufferReader } = fromDist('index');

const PACKET = new Uint8Array(64);

const check = new SequenceCheck();
let opened = null;

/** What the C and Go readers do with a record: read its 64-bit number and check it. */
const checkSequence = (record) => {
  check.see(record.u64AsNumber(0));
};

/** One stream from `ready` to `stop`, in default settings. */
class Stream {
  #map;
  #reader;
  #latency;
  #cpuAtStart = process.cpuUsage();
  #reading;

  constructor({ map, latencyEvery }) {
    this.#map = RingBufferMap.openById(map);
    this.#reader = RingBufferReader.open(this.#map);
    this.#latency = new LatencyHistogram(latencyEvery);
    check.restart();
    this.#reading = this.#read();
  }

  async #read() {
    for await (const batch of this.#reader) batch.forEach(this.#onRecord);
  }

  async stop() {
    const cpu = process.cpuUsage(this.#cpuAtStart);
    await Promise.all([this.#reader.close({ drain: true }), this.#reading]);
    this.#map.close();
    const { records, gaps, missing } = check;
    const { slots } = this.#latency;
    return { records, gaps, missing, lost: 0, cpuMicroseconds: cpu.user + cpu.system, latency: slots };
  }

  #onRecord = (record) => {
    check.see(record.u64AsNumber(0));
    if (this.#latency.isDue()) this.#latency.see(record.u64AsNumber(8));
  };
}

let stream = null;

serve({
  open(question) {
    const map = RingBufferMap.openById(question.map);
    const reader = RingBufferReader.open(map, { wakeup: 'manual' });
    opened = { map, reader, program: loadProgram(question.instructions) };
    check.restart();
    return { ready: 1 };
  },
  drain({ records, cycles }) {
    const { reader, program } = opened;
    check.reset();
    let milliseconds = 0;
    for (let cycle = 1; cycle <= cycles; cycle++) {
      program.testRun({ dataIn: PACKET, repeat: records });
      const start = now();
      reader.drain(checkSequence);
      milliseconds += now() - start;
    }
    return { ns: Math.round(milliseconds * 1e6), records: check.records, gaps: check.gaps, lost: 0 };
  },
  async close() {
    await opened.reader.close();
    opened.map.close();
    opened.program.close();
    opened = null;
    return { closed: 1 };
  },
  stream(question) {
    stream = new Stream(question);
    return { ready: 1 };
  },
  stop: () => stream.stop(),
});
