/**
 * Records that a writer and a reader in different threads compute independently from one seed. So the reader can verify
 * every byte, and only the ring carries data.
 */

import { type PerfRing, perfRingOver } from '../../lib/ring/perf-ring';
import { ringGeometry } from '../../lib/ring/geometry';
import { CURSOR_KINDS } from './ring-cursor-kinds';

/** The parameters of both threads. */
export interface Traffic {
  readonly memory: SharedArrayBuffer;
  readonly dataPageCount: number;
  readonly pageSize: number;
  readonly records: number;
  /** Payloads have from 1 to this many bytes. */
  readonly largestBytes: number;
  readonly seed: number;
  /** A name in CURSOR_KINDS. */
  readonly cursors: string;
  /** Whether a thread with nothing to do sleeps on `signals` until the other makes progress, or tries again at once. */
  readonly waiting: 'sleep' | 'spin';
  /** Two words: the writer's signal to the reader and the reader's to the writer. */
  readonly signals: SharedArrayBuffer;
}

export interface TrafficReport {
  readonly records: number;
  readonly bytes: number;
  readonly batches: number;
  /** How often the thread had nothing to do. */
  readonly idle: number;
}

export function trafficRing(traffic: Traffic): PerfRing {
  const { memory, dataPageCount, pageSize } = traffic;
  const kind = CURSOR_KINDS.find(([name]) => name === traffic.cursors);
  if (kind === undefined) throw new Error(`there are no cursors by ${traffic.cursors}`);
  const geometry = ringGeometry(memory, dataPageCount, pageSize);
  const cursors = kind[1](geometry);
  return perfRingOver(geometry, {}, cursors, cursors);
}

/** Pseudo-random numbers (xorshift32). The same seed gives the same numbers. */
export class RandomNumbers {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 1;
  }

  /** A u32. */
  next(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return state >>> 0;
  }

  below(limit: number): number {
    return this.next() % limit;
  }
}

const PATTERN_BYTES = 1 << 20;

/** The payloads, one after the other. */
export class Payloads {
  /** The current payload: `length` bytes of `pattern` from `start` on. */
  start = 0;
  length = 0;
  readonly pattern = new Uint8Array(PATTERN_BYTES + 65_536);
  readonly #random: RandomNumbers;
  readonly #largestBytes: number;

  constructor(traffic: Traffic) {
    const noise = new RandomNumbers(traffic.seed ^ 0x5bd1e995);
    for (let i = 0; i < this.pattern.length; i++) this.pattern[i] = noise.next() >>> 9;
    this.#random = new RandomNumbers(traffic.seed);
    this.#largestBytes = traffic.largestBytes;
  }

  next(): void {
    const random = this.#random.next();
    // Runs of equal lengths, for which the scan has a fast loop, among random lengths, mostly small.
    const exponent = random & 7;
    if (exponent > 1) this.length = 1 + ((random >>> 8) % Math.max(1, this.#largestBytes >> (exponent - 2)));
    this.length ||= 1;
    this.start = this.#random.next() % PATTERN_BYTES;
  }
}

const STUCK_MILLISECONDS = 30_000;

/** Waits for the other thread: at most a millisecond each time. Throws when there is no progress for 30 seconds. */
export class Patience {
  /** How often this thread had nothing to do. */
  idle = 0;
  #since = 0;
  readonly #traffic: Traffic;
  readonly #words: Int32Array;
  readonly #own: number;

  /** @param own the index of this thread's word in the signals: 0 for the reader, 1 for the writer */
  constructor(traffic: Traffic, own: 0 | 1) {
    this.#traffic = traffic;
    this.#words = new Int32Array(traffic.signals);
    this.#own = own;
  }

  /** Call it before the ring is read or written. @returns the value for wait() */
  look(): number {
    return Atomics.load(this.#words, this.#own);
  }

  /** Call it when there was nothing to do. Waits at most a millisecond for a signal since look(). */
  wait(seen: number): void {
    this.idle++;
    if (this.#since === 0) this.#since = Date.now();
    else if (Date.now() - this.#since > STUCK_MILLISECONDS) throw new Error('the other thread does nothing');
    if (this.#traffic.waiting === 'sleep') Atomics.wait(this.#words, this.#own, seen, 1);
  }

  /** Call it after progress. Wakes the other thread. */
  progress(): void {
    this.#since = 0;
    if (this.#traffic.waiting === 'spin') return;
    Atomics.add(this.#words, 1 - this.#own, 1);
    Atomics.notify(this.#words, 1 - this.#own);
  }
}
