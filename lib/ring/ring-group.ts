import type { RecordRing } from '../records/record-ring';
import { finishBatches } from '../records/record-source';
import { ReadSide } from './read-side';
import { type BoundCursors, headMovedBack } from './ring-cursors';

/**
 * Rings whose batches begin and finish together. Mapped rings take one native call for all of them to begin, and one to
 * finish, and rings without records are left alone. Other rings begin and finish one by one.
 */
export class RingGroup<Ring extends RecordRing> {
  readonly rings: readonly Ring[];
  /** Indices of the rings in which a batch was begun, ascending. No other ring has records in this batch. */
  readonly begun: number[] = [];
  /** Rings that were left out of this batch, because their positions are invalid. */
  readonly leftOut = new Set<Ring>();
  /** Bytes consumed in each of `begun`, while they are released. */
  readonly #consumed: number[] = [];
  /** Undefined before the first batch; null when the rings can't be bound together. */
  #bound: { readonly cursors: BoundCursors; readonly rings: readonly ReadSide[] } | null | undefined;

  constructor(rings: readonly Ring[]) {
    this.rings = rings;
  }

  /**
   * Begins a batch in each ring that holds records.
   * @returns bytes found
   * @throws what {@link RecordRing.beginBatch} of a ring throws; then no batch is open
   */
  beginBatch(): number {
    for (const index of this.begun) (this.rings[index] as Ring).counters.foundBytes = 0;
    this.begun.length = 0;
    if (this.leftOut.size > 0) this.leftOut.clear();
    this.#bound = this.#bound === undefined ? this.#bind() : this.#bound;
    let found = 0;
    try {
      if (this.#bound === null) {
        for (const [index, ring] of this.rings.entries()) found += this.#begun(index, ring.beginBatch());
      } else {
        const { cursors, rings } = this.#bound;
        const ready = cursors.acquire();
        for (let nth = 0; nth < ready; nth++) {
          const index = cursors.ready(nth);
          const ring = rings[index] as ReadSide;
          found += this.#begun(index, ring.beginBatchAt(cursors.available(index), cursors.readOffset(index)));
        }
      }
    } catch (error) {
      this.finishBatch();
      throw error;
    }
    return found;
  }

  #bind(): { readonly cursors: BoundCursors; readonly rings: readonly ReadSide[] } | null {
    const rings = this.rings.filter((ring) => ring instanceof ReadSide);
    const [first] = rings;
    if (first === undefined || rings.length < this.rings.length) return null;
    const cursors = first.cursors.bind?.(rings.map((ring) => ring.cursors));
    return cursors === undefined ? null : { cursors, rings };
  }

  #begun(index: number, found: number): number {
    const ring = this.rings[index] as Ring;
    if (ring.inBatch) this.begun.push(index);
    else this.leftOut.add(ring);
    return found;
  }

  /** Finishes the batches that were begun and are still open; tries every ring, then throws the first error. */
  finishBatch(): void {
    if (this.begun.length === 0) return;
    if (this.#bound === null || this.#bound === undefined) {
      finishBatches(this.begun.map((index) => this.rings[index] as Ring));
      return;
    }
    const { cursors, rings } = this.#bound;
    const { begun } = this;
    const consumed = this.#consumed;
    for (let nth = 0; nth < begun.length; nth++) {
      const index = begun[nth] as number;
      consumed[nth] = (rings[index] as ReadSide).endBatch();
      cursors.consume(index, consumed[nth] as number);
    }
    cursors.release();
    let failed = false;
    for (let nth = 0; nth < begun.length; nth++) {
      const index = begun[nth] as number;
      if (cursors.isReleased(index))
        (rings[index] as ReadSide).counters.releasedBytes += consumed[nth] as number;
      else failed = true;
    }
    if (failed) throw headMovedBack();
  }
}
