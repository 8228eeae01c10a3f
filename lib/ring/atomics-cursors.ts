import { PerfRingError } from '../errors';
import type { RingGeometry } from './geometry';
import { headMovedBack, type RingCursors } from './ring-cursors';

/** Offset of data_head in struct perf_event_mmap_page, bytes; data_tail follows at 1032. */
const DATA_HEAD_OFFSET = 1024;
const HEAD = 0;
const TAIL = 1;

/**
 * Cursors in plain TypeScript, for rings in memory where the addon is not built: a recording replayed on another
 * machine, a unit test. They make BigInts per batch, not per record.
 */
export class AtomicsCursors implements RingCursors {
  readonly #cursors: BigUint64Array<ArrayBufferLike>;
  readonly #capacityBytes: number;

  constructor(geometry: RingGeometry) {
    this.#cursors = new BigUint64Array(geometry.buffer, geometry.metadataOffset + DATA_HEAD_OFFSET, 2);
    this.#capacityBytes = geometry.capacityBytes;
  }

  available(): number {
    return this.#used();
  }

  readOffset(): number {
    return this.#offset(TAIL);
  }

  consume(bytes: number): void {
    const words = this.#words();
    const tail = Atomics.load(words, TAIL);
    if (BigInt.asUintN(64, Atomics.load(words, HEAD) - tail) < BigInt(bytes)) throw headMovedBack();
    // Release; pairs with the load of data_tail in the writer's free().
    Atomics.store(words, TAIL, tail + BigInt(bytes));
  }

  skipToHead(): number {
    const words = this.#words();
    const head = Atomics.load(words, HEAD);
    const skipped = head - Atomics.load(words, TAIL);
    // Release; pairs with the load of data_tail in the writer's free().
    Atomics.store(words, TAIL, head);
    return Number(BigInt.asIntN(64, skipped));
  }

  free(): number {
    return this.#capacityBytes - this.#used();
  }

  writeOffset(): number {
    return this.#offset(HEAD);
  }

  publish(bytes: number): void {
    // Release; pairs with the load of data_head in the reader's available().
    Atomics.store(this.#words(), HEAD, Atomics.load(this.#cursors, HEAD) + BigInt(bytes));
  }

  #used(): number {
    const words = this.#words();
    // Acquire; pairs with the store of the other side's cursor in publish() and consume().
    const used = Atomics.load(words, HEAD) - Atomics.load(words, TAIL);
    return Number(BigInt.asIntN(64, used));
  }

  #offset(cursor: number): number {
    return Number(Atomics.load(this.#words(), cursor) & BigInt(this.#capacityBytes - 1));
  }

  #words(): BigUint64Array<ArrayBufferLike> {
    if (this.#cursors.length === 0) {
      throw new PerfRingError('ERR_PERF_CLOSED', 'the memory of the ring was detached');
    }
    return this.#cursors;
  }
}
