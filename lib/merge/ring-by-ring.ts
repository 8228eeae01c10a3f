import { PERF_RECORD_SAMPLE } from '../abi/perf-event';
import type { SampleVisitor } from '../records/bulk-visitor';
import type { RecordVisitor, RingRecord } from '../records/record';
import { type LoopCounts, noLoopCounts, type RecordRing } from '../records/record-ring';
import { consumedBytesOf, type RecordSource } from '../records/record-source';
import { RingGroup } from '../ring/ring-group';

/** Most records read from one ring before the next ring is read. */
const FAIR_SHARE = 16_384;

/** Reads rings one after the other, up to FAIR_SHARE records each in turn; the records of a ring keep their order. */
export class RingByRing implements RecordSource {
  inBatch = false;
  stopped = false;
  readonly holdsBack = false;
  #group = new RingGroup<RecordRing>([]);
  /** Index of the ring that this batch started with; the next batch starts with the ring after it. */
  #start = 0;
  /** The ring that is being read: its position among the rings in which the batch was begun. */
  #current = 0;
  /** Samples that next() has returned from that ring in this turn. */
  #taken = 0;
  /** Loop counts of rings that were removed. */
  readonly #loopsBefore = noLoopCounts();

  get rings(): readonly RecordRing[] {
    return this.#group.rings;
  }

  /** Changes the rings; not within a batch. */
  setRings(rings: readonly RecordRing[]): void {
    for (const ring of this.rings)
      if (!rings.includes(ring)) addLoops(this.#loopsBefore, ring.counters.loops);
    this.#group = new RingGroup(rings);
    this.#start = 0;
  }

  beginBatch(): number {
    this.inBatch = true;
    this.#start = this.#start + 1 < this.rings.length ? this.#start + 1 : 0;
    this.#current = 0;
    this.#taken = 0;
    try {
      const found = this.#group.beginBatch();
      const { begun } = this.#group;
      while (this.#current < begun.length && (begun[this.#current] as number) < this.#start) this.#current++;
      if (this.#current === begun.length) this.#current = 0;
      return found;
    } catch (error) {
      this.inBatch = false;
      throw error;
    }
  }

  get more(): boolean {
    return this.#group.begun.some((index) => (this.rings[index] as RecordRing).bytesLeft > 0);
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
    while (empty < this.#group.begun.length && records < limit) {
      const ring = this.#ring;
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
      this.#nextRing();
    }
    return records;
  }

  next(): RingRecord | null {
    for (let empty = 0; empty < this.#group.begun.length; ) {
      const record = this.#taken < FAIR_SHARE ? this.#ring.next() : null;
      if (record === null) {
        // A ring that has used its share may hold more records.
        empty = this.#taken < FAIR_SHARE ? empty + 1 : 0;
        this.#nextRing();
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
    this.#group.finishBatch();
  }

  endOfWriting(): void {}

  /** The ring that is being read. */
  get #ring(): RecordRing {
    return this.rings[this.#group.begun[this.#current] as number] as RecordRing;
  }

  #nextRing(): void {
    this.#taken = 0;
    this.#current = this.#current + 1 < this.#group.begun.length ? this.#current + 1 : 0;
  }
}

function addLoops(sum: LoopCounts, { own, shared, single }: LoopCounts): void {
  sum.own += own;
  sum.shared += shared;
  sum.single += single;
}
