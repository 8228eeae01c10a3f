import { PERF_RECORD_SAMPLE } from '../abi/perf-event';
import type { SampleVisitor } from '../records/bulk-visitor';
import type { RecordVisitor, RingRecord } from '../records/record';
import { type LoopCounts, noLoopCounts, type RecordRing } from '../records/record-ring';
import { consumedBytesOf, finishBatches, type RecordSource } from '../records/record-source';

/** Most records read from one ring before the next ring is read. */
const FAIR_SHARE = 16_384;

/** Reads rings one after the other, up to FAIR_SHARE records each in turn; the records of a ring keep their order. */
export class RingByRing implements RecordSource {
  rings: readonly RecordRing[] = [];
  inBatch = false;
  stopped = false;
  readonly holdsBack = false;
  /** Index of the ring that this batch started with; the next batch starts with the ring after it. */
  #start = 0;
  /** Index of the ring that is being read. */
  #current = 0;
  /** Samples that next() has returned from that ring in this turn. */
  #taken = 0;
  /** Loop counts of rings that were removed. */
  readonly #loopsBefore = noLoopCounts();

  /** Changes the rings; not within a batch. */
  setRings(rings: readonly RecordRing[]): void {
    for (const ring of this.rings)
      if (!rings.includes(ring)) addLoops(this.#loopsBefore, ring.counters.loops);
    this.rings = rings;
    this.#start = 0;
  }

  beginBatch(): number {
    this.inBatch = true;
    this.#start = this.#start + 1 < this.rings.length ? this.#start + 1 : 0;
    this.#current = this.#start;
    this.#taken = 0;
    let found = 0;
    try {
      for (const ring of this.rings) found += ring.beginBatch();
    } catch (error) {
      this.finishBatch();
      throw error;
    }
    return found;
  }

  get more(): boolean {
    return this.rings.some((ring) => ring.bytesLeft > 0);
  }

  get consumedBytes(): number {
    return consumedBytesOf(this.rings);
  }

  get loopCounts(): LoopCounts {
    const counts = { ...this.#loopsBefore };
    for (const { counters } of this.rings) addLoops(counts, counters.loops);
    return counts;
  }

  visit(sample: SampleVisitor, other: RecordVisitor, limit: number): number {
    this.stopped = false;
    let records = 0;
    // Number of consecutive rings without records left.
    let empty = 0;
    while (empty < this.rings.length && records < limit) {
      const ring = this.rings[this.#current] as RecordRing;
      if (ring.bytesLeft === 0) {
        empty++;
      } else {
        empty = 0;
        records += ring.visit(sample, other, Math.min(FAIR_SHARE, limit - records));
        if (ring.stopped) {
          this.stopped = true;
          break;
        }
      }
      this.#goOn();
    }
    return records;
  }

  next(): RingRecord | null {
    for (let empty = 0; empty < this.rings.length; ) {
      const record = this.#taken < FAIR_SHARE ? (this.rings[this.#current] as RecordRing).next() : null;
      if (record === null) {
        // A ring that has used its share may hold more records.
        empty = this.#taken < FAIR_SHARE ? empty + 1 : 0;
        this.#goOn();
        continue;
      }
      empty = 0;
      this.#taken++;
      if (record.type === PERF_RECORD_SAMPLE) return record;
    }
    return null;
  }

  finishBatch(): void {
    this.inBatch = false;
    finishBatches(this.rings);
  }

  endOfWriting(): void {}

  /** Changes to the next ring. */
  #goOn(): void {
    this.#taken = 0;
    this.#current = this.#current + 1 < this.rings.length ? this.#current + 1 : 0;
  }
}

function addLoops(sum: LoopCounts, { own, shared, single }: LoopCounts): void {
  sum.own += own;
  sum.shared += shared;
  sum.single += single;
}
