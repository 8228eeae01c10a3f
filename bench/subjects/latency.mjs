import { monotonicNanoseconds } from './line-loop.mjs';

const LATENCY_SLOTS = 64 * 40;

/** 64 slots an octave: slot v below 64, then (shift + 1) * 64 + the six bits after the leading one. */
function latencySlot(nanoseconds) {
  const whole = Math.max(0, Math.min(nanoseconds, 2 ** 31 - 1)) | 0;
  if (whole < 64) return whole;
  const shift = 25 - Math.clz32(whole);
  return (shift + 1) * 64 + (whole >>> shift) - 64;
}

/** The latencies of every `every`-th record of a stream. */
export class LatencyHistogram {
  #counts = new Uint32Array(LATENCY_SLOTS);
  #every;
  #left;

  constructor(every) {
    this.#every = this.#left = every;
  }

  /** Counts a record. @returns whether its latency is taken */
  isDue() {
    if (--this.#left > 0) return false;
    this.#left = this.#every;
    return true;
  }

  /** @param ktime bpf_ktime_get_ns() of a record that is seen now */
  see(ktime) {
    this.#counts[latencySlot(monotonicNanoseconds() - ktime)]++;
  }

  /** [slot, count] of the slots that are not 0. */
  get slots() {
    return Array.from(this.#counts.entries()).filter(([, count]) => count > 0);
  }
}
