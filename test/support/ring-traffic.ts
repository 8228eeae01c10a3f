/**
 * Records that a writer and a reader in different threads make up alike, each by itself: so every byte can be
 * verified, and nothing but the ring carries them.
 */

import { PerfRing } from '../../lib/ring/perf-ring';
import { ringGeometry } from '../../lib/ring/geometry';
import { READING_CURSOR_KINDS } from './ring-cursor-kinds';

/** Common to both threads. */
export interface Traffic {
  readonly memory: SharedArrayBuffer;
  readonly dataPageCount: number;
  readonly pageSize: number;
  readonly records: number;
  /** Payloads of 1 to that many bytes. */
  readonly largestBytes: number;
  readonly seed: number;
  /** One of CURSOR_KINDS; of READING_CURSOR_KINDS for a reader. */
  readonly cursors: string;
  /** Whether a thread with nothing to do sleeps on `signal` until the other has done something, or asks again. */
  readonly waiting: 'sleep' | 'spin';
  /** Two words: the writer's signal to the reader and the reader's to the writer. */
  readonly signals: SharedArrayBuffer;
}

export interface TrafficReport {
  readonly records: number;
  readonly bytes: number;
  readonly batches: number;
  /** How often there was nothing to do. */
  readonly idle: number;
}

export function trafficRing(traffic: Traffic): PerfRing {
  const { memory, dataPageCount, pageSize } = traffic;
  const kind = READING_CURSOR_KINDS.find(([name]) => name === traffic.cursors);
  if (kind === undefined) throw new Error(`there are no cursors by ${traffic.cursors}`);
  const cursors = kind[1](ringGeometry(memory, dataPageCount, pageSize));
  return PerfRing.initContiguous(memory, dataPageCount, pageSize, { cursors });
}

/** Numbers that look random, the same from the same seed: xorshift32. */
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
    // Runs of equal lengths, which a scan takes fast, between lengths of all kinds, small ones mostly.
    const exponent = random & 7;
    if (exponent > 1) this.length = 1 + ((random >>> 8) % Math.max(1, this.#largestBytes >> (exponent - 2)));
    this.length ||= 1;
    this.start = this.#random.next() % PATTERN_BYTES;
  }
}

const STUCK_MILLISECONDS = 30_000;

/** Waits for the other thread: a little while each time, and not for ever. */
export class Patience {
  /** How often there was nothing to do. */
  idle = 0;
  #since = 0;
  readonly #traffic: Traffic;
  readonly #words: Int32Array;
  readonly #own: number;

  /** @param own this thread's word of the signals: 0 for the reader, 1 for the writer */
  constructor(traffic: Traffic, own: 0 | 1) {
    this.#traffic = traffic;
    this.#words = new Int32Array(traffic.signals);
    this.#own = own;
  }

  /** To be asked for before the ring is looked at. */
  look(): number {
    return Atomics.load(this.#words, this.#own);
  }

  /** The ring had nothing: waits until the other thread signals after look(), at most a millisecond. */
  wait(seen: number): void {
    this.idle++;
    if (this.#since === 0) this.#since = Date.now();
    else if (Date.now() - this.#since > STUCK_MILLISECONDS) throw new Error('the other thread does nothing');
    if (this.#traffic.waiting === 'sleep') Atomics.wait(this.#words, this.#own, seen, 1);
  }

  /** Something was done: the other thread may go on. */
  progress(): void {
    this.#since = 0;
    if (this.#traffic.waiting === 'spin') return;
    Atomics.add(this.#words, 1 - this.#own, 1);
    Atomics.notify(this.#words, 1 - this.#own);
  }
}
