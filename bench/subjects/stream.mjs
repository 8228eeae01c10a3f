// Ours in the end-to-end, memory and start rows: PerfMapReader in its default settings, by the line protocol.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { answer, monotonicNanoseconds, SequenceCheck, serve } from './line-loop.mjs';
import { fromDist } from './load-source.mjs';

const { PerfEventArray, PerfMapReader } = fromDist('index');

const LATENCY_SLOTS = 64 * 40;

/** 64 slots an octave: slot v below 64, then (shift + 1) * 64 + the six bits after the leading one. */
function latencySlot(nanoseconds) {
  const whole = Math.max(0, Math.min(nanoseconds, 2 ** 31 - 1)) | 0;
  if (whole < 64) return whole;
  const shift = 25 - Math.clz32(whole);
  return (shift + 1) * 64 + (whole >>> shift) - 64;
}

/** One stream from `ready` to `stop`. */
class Stream {
  #map;
  #reader;
  #checks = [];
  #lost = 0;
  #latency = new Uint32Array(LATENCY_SLOTS);
  #latencyEvery;
  #untilLatency;
  #cpuAtStart = process.cpuUsage();
  #reading;
  #loopDelay = null;
  #stopped = false;

  constructor({ map, ringBytes, latencyEvery, variant, loopDelay = false }) {
    const wakeup = variant === 'manual' ? 'manual' : 'moderated';
    this.#map = PerfEventArray.openById(map);
    const order = variant === 'time' ? 'time' : 'cpu';
    this.#reader = PerfMapReader.open(this.#map, { bufferBytes: ringBytes, wakeup, order });
    this.#latencyEvery = this.#untilLatency = latencyEvery;
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
      latency: Array.from(this.#latency.entries()).filter(([, count]) => count > 0),
      ...(this.#loopDelay === null ? {} : { loopDelay: delaysOf(this.#loopDelay) }),
    };
  }

  async #read() {
    const visitors = { sample: this.#onSample, lost: this.#onLost };
    for await (const batch of this.#reader) batch.forEach(visitors);
  }

  #onSample = (record) => {
    this.#checks[record.cpu].see(record.u64AsNumber(0));
    if (--this.#untilLatency > 0) return;
    this.#untilLatency = this.#latencyEvery;
    this.#latency[latencySlot(monotonicNanoseconds() - record.u64AsNumber(8))]++;
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
