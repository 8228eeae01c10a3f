// Ours in the end-to-end, memory and start rows: PerfMapReader in its default settings, by the line protocol.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { LatencyHistogram } from './latency.mjs';
import { answer, monotonicNanoseconds, SequenceCheck, serve } from './line-loop.mjs';
import { fromDist } from './load-source.mjs';

const { PerfEventArray, PerfMapReader } = fromDist('index');

/** One stream from `ready` to `stop`. */
class Stream {
  #map;
  #reader;
  #checks = [];
  #lost = 0;
  #latency;
  #cpuAtStart = process.cpuUsage();
  #reading;
  #loopDelay = null;
  #stopped = false;

  constructor({ map, ringBytes, latencyEvery, variant, loopDelay = false }) {
    const wakeup = variant === 'manual' ? 'manual' : 'moderated';
    this.#map = PerfEventArray.openById(map);
    const order = variant === 'time' ? 'time' : 'cpu';
    this.#reader = PerfMapReader.open(this.#map, { bufferBytes: ringBytes, wakeup, order });
    this.#latency = new LatencyHistogram(latencyEvery);
    for (const cpu of this.#reader.cpus) this.#checks[cpu] = new SequenceCheck();
    this.#reading = wakeup === 'manual' ? this.#drainByTimer() : this.#read();
    if (!loopDelay) return;
    // Its timer wakes the loop each millisecond: never beside another measurement.
    this.#loopDelay = monitorEventLoopDelay({ resolution: 1 });
    this.#loopDelay.enable();
  }

  /** Nothing wakes: a timer of the event loop's drains, as often as the default does under load. */
  async #drainByTimer() {
    const visitors = { sample: this.#onSample, lost: this.#onLost };
    while (!this.#stopped) {
      this.#reader.drain(visitors);
      await setTimeout(1);
    }
  }

  async stop() {
    this.#stopped = true;
    const cpu = process.cpuUsage(this.#cpuAtStart);
    this.#loopDelay?.disable();
    const closing = this.#reader.close({ drain: true });
    await this.#reading;
    await closing;
    this.#map.close();
    const total = (field) => this.#checks.reduce((sum, check) => sum + check[field], 0);
    return {
      records: total('records'),
      gaps: total('gaps'),
      missing: total('missing'),
      lost: this.#lost,
      cpuMicroseconds: cpu.user + cpu.system,
      latency: this.#latency.slots,
      ...(this.#loopDelay === null ? {} : { loopDelay: delaysOf(this.#loopDelay) }),
    };
  }

  async #read() {
    const visitors = { sample: this.#onSample, lost: this.#onLost };
    for await (const batch of this.#reader) batch.forEach(visitors);
  }

  #onSample = (record) => {
    this.#checks[record.cpu].see(record.u64AsNumber(0));
    if (this.#latency.isDue()) this.#latency.see(record.u64AsNumber(8));
  };

  #onLost = (record) => {
    this.#lost += record.lost;
  };
}

/** Milliseconds. */
function delaysOf(histogram) {
  return {
    p50: histogram.percentile(50) / 1e6,
    p99: histogram.percentile(99) / 1e6,
    max: histogram.max / 1e6,
  };
}

/** `stream.mjs first MAP_ID RING_BYTES`: says when its first sample came, and ends. */
async function first(map, ringBytes) {
  const array = PerfEventArray.openById(Number(map));
  const reader = PerfMapReader.open(array, { bufferBytes: Number(ringBytes) });
  let seen = 0;
  const onFirst = () => {
    seen = monotonicNanoseconds();
  };
  for await (const batch of reader) {
    if (batch.forEach(onFirst, { records: 1 }) > 0) break;
  }
  answer({ first: seen });
  await reader.close();
  array.close();
}

if (process.argv[2] === 'first') {
  await first(process.argv[3], process.argv[4]);
} else {
  let stream = null;
  serve({
    stream(question) {
      stream = new Stream(question);
      return { ready: 1 };
    },
    stop: () => stream.stop(),
  });
}
