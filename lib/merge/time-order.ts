import { PERF_RECORD_SAMPLE } from '../abi/perf-event';
import { PerfRingError } from '../errors';
import type { SampleVisitor } from '../records/bulk-visitor';
import type { RecordVisitor, RingRecord } from '../records/record';
import type { LoopCounts } from '../records/record-ring';
import { consumedBytesOf, type RecordSource } from '../records/record-source';
import type { ReadSide } from '../ring/read-side';
import { RingGroup } from '../ring/ring-group';
import { SCAN_FAULT, SCAN_STOPPED, SCAN_THREW } from '../ring/record-scan';
import { Lane } from './lane';
import { MergeState } from './merge';
import { type MergeLoopCounts, MergeLoops } from './merge-loops';
import { OrderClock, type OrderRules } from './order-clock';

/**
 * Merges many rings into one stream in time order. Users hold a {@link RingReader}, which documents what is due.
 *
 * A batch delivers the records with a time up to a bound: the lowest, over all rings, of
 * max(time of the ring's newest record, clock before the heads were acquired - slack). Later records stay for the next
 * batch. {@link OrderRules} say when the slack is less.
 */
export class TimeOrder implements RecordSource {
  /** Number of records delivered after a record of a later time. */
  late = 0;
  inBatch = false;
  readonly #lanes: Lane[] = [];
  #group = new RingGroup<ReadSide>([]);
  /** The lanes of the rings in which the batch was begun. */
  readonly #begun: Lane[] = [];
  readonly #merge = new MergeState();
  readonly #loops = new MergeLoops(this.#merge, this.#lanes);
  readonly #clock: OrderClock;
  #visiting = false;
  /** The record that next() has read. */
  #taken: RingRecord | undefined;
  readonly #take: RecordVisitor = (record) => {
    this.#taken = record;
  };

  constructor(rules: OrderRules) {
    this.#clock = new OrderClock(rules);
  }

  get rings(): readonly ReadSide[] {
    return this.#group.rings;
  }

  /** Changes the rings; not within a batch. Records of equal times are delivered in the order of `rings`. */
  setRings(rings: readonly ReadSide[]): void {
    const before = this.#lanes.splice(0);
    this.#group = new RingGroup(rings);
    this.#begun.length = 0;
    this.#merge.count = 0;
    for (const [index, ring] of rings.entries()) {
      const lane = new Lane(ring, index);
      const old = before.find((one) => one.ring === ring);
      if (old !== undefined) [lane.high, lane.low] = [old.high, old.low];
      this.#lanes.push(lane);
    }
    this.#loops.lanesChanged();
  }

  get stopped(): boolean {
    return this.#merge.outcome === SCAN_STOPPED;
  }

  get more(): boolean {
    return this.inBatch && this.due() !== undefined;
  }

  get holdsBack(): boolean {
    return this.#merge.count > 0 && this.due() === undefined;
  }

  get consumedBytes(): number {
    return consumedBytesOf(this.rings);
  }

  /** Records delivered by the loop for two rings, and by the loop for any number. */
  get mergeLoopCounts(): MergeLoopCounts {
    return this.#loops.counts;
  }

  get loopCounts(): LoopCounts {
    const { pair, tournament } = this.#loops.counts;
    return {
      own: pair.own + tournament.own,
      shared: pair.shared + tournament.shared,
      single: tournament.single,
    };
  }

  endOfWriting(): void {
    this.#clock.endOfWriting();
  }

  // ------------------------------------------------------------------ batches

  beginBatch(): number {
    if (this.inBatch)
      throw new PerfRingError('ERR_PERF_BATCH_OPEN', 'a batch is open already: finish() it first');
    this.#merge.count = 0;
    this.#clock.read();
    for (const lane of this.#begun) lane.end = lane.position;
    this.#begun.length = 0;
    const found = this.#group.beginBatch();
    let fullest = 0;
    for (const index of this.#group.begun) {
      const lane = this.#lanes[index] as Lane;
      this.#begun.push(lane);
      fullest = Math.max(fullest, lane.ring.bytesLeft / lane.capacityBytes);
    }
    try {
      this.#clock.setLimits(this.#merge, this.#begun, fullest);
    } catch (error) {
      this.#group.finishBatch();
      throw error;
    }
    this.inBatch = true;
    this.#loops.begin();
    this.#gather();
    return found;
  }

  finishBatch(): void {
    this.#checkBatch();
    this.inBatch = false;
    this.#group.finishBatch();
  }

  visit(sample: SampleVisitor, other: RecordVisitor, limit: number): number {
    if (typeof sample !== 'function') throw byRingOnly();
    let records = 0;
    for (;;) {
      const merge = this.#run(sample, other, Math.min(limit - records, 2 ** 30));
      records += merge.records;
      if (merge.outcome === SCAN_THREW) throw this.#thrown();
      if (merge.outcome !== SCAN_FAULT) return records;
      this.#skip();
    }
  }

  next(): RingRecord | null {
    this.#checkNotVisiting();
    for (;;) {
      this.#taken = undefined;
      const lane = this.inBatch ? this.due() : undefined;
      if (lane === undefined) return null;
      const { outcome } = this.step(lane, this.#take);
      if (outcome === SCAN_THREW) throw this.#thrown();
      if (outcome === SCAN_FAULT) this.#skip();
      // Read by a method, because TypeScript has narrowed the field to undefined.
      const record = this.#takenRecord();
      if (record?.type === PERF_RECORD_SAMPLE) return record;
    }
  }

  #takenRecord(): RingRecord | undefined {
    return this.#taken;
  }

  /** The next record that is due, without consuming it; null when none is due. */
  peek(): RingRecord | null {
    this.#checkBatch();
    for (;;) {
      const lane = this.due();
      if (lane === undefined) return null;
      lane.size = -1;
      try {
        const current = lane.ring.peek();
        current.late = this.#isLate(lane);
        return current.record;
      } catch (error) {
        if ((error as { code?: unknown } | null)?.code !== 'ERR_PERF_RING_CORRUPT') throw error;
        this.#skip();
      }
    }
  }

  /** Visits the next record of the lane returned by {@link due}. The cursor stays on the record. */
  step(lane: Lane, visitor: RecordVisitor): MergeState {
    // One record changes one ring only: the other rings need not be lent.
    lane.lend();
    try {
      this.#loops.step(visitor);
    } finally {
      lane.giveBack();
    }
    this.late += this.#merge.late;
    return this.#merge;
  }

  /** The lane of the next record, if that record is due. */
  due(): Lane | undefined {
    const merge = this.#merge;
    // A visitor has closed the ring.
    if (this.inBatch && merge.count > 0 && merge.tournament.first?.cursor.closed === true) this.#gather();
    const lane = merge.count > 0 ? merge.tournament.first : undefined;
    if (lane === undefined) return undefined;
    const beyond =
      lane.high > merge.boundHigh || (lane.high === merge.boundHigh && lane.low > merge.boundLow);
    return beyond ? undefined : lane;
  }

  // ------------------------------------------------------------------ how a batch is read

  #run(visitor: RecordVisitor, other: RecordVisitor, limit: number): MergeState {
    this.#checkBatch();
    const merge = this.#merge;
    this.#visiting = true;
    for (const lane of this.#begun) lane.lend();
    try {
      this.#loops.run(limit, visitor, other);
    } finally {
      this.#visiting = false;
      for (const lane of this.#begun) {
        lane.giveBack();
        lane.cursor.leave();
      }
    }
    this.late += merge.late;
    return merge;
  }

  /** Returns what a visitor threw, and clears it. A read of detached memory of any ring becomes ERR_PERF_CLOSED. */
  #thrown(): unknown {
    const merge = this.#merge;
    const thrown = this.rings.reduce((error, ring) => ring.cursor.explain(error), merge.thrown);
    merge.thrown = undefined;
    return thrown;
  }

  /** After a fault: skips what cannot be read in the ring of the fault, and reports it. */
  #skip(): void {
    const lane = this.#merge.tournament.first;
    if (lane === undefined) return;
    const fault = lane.cursor.closed ? undefined : lane.ring.skipFault();
    // What was skipped has no known time: a next record without a time gets the time of the last delivered record.
    [lane.high, lane.low] = [this.#merge.lastHigh, this.#merge.lastLow];
    this.#gather();
    if (fault !== undefined) lane.ring.report(fault);
  }

  // ------------------------------------------------------------------ what is due

  /** Plays the tournament with the rings that hold records, and computes the bound from those that do not. */
  #gather(): void {
    const merge = this.#merge;
    merge.boundHigh = merge.futureHigh;
    merge.boundLow = merge.futureLow;
    const { lanes: waiting } = merge.tournament;
    waiting.length = 0;
    for (const lane of this.#begun) {
      if (!lane.enter()) continue;
      this.#readTime(lane);
      waiting.push(lane);
    }
    for (const lane of this.#lanes) {
      // The other rings can't lower the bound further.
      if (this.#clock.isLeastLimit(merge.boundHigh, merge.boundLow)) break;
      const isIdle = lane.position === lane.end && !lane.cursor.closed && !this.#group.leftOut.has(lane.ring);
      if (!isIdle) continue;
      this.#clock.setLeastLimit(lane);
      this.#bound(lane);
    }
    merge.count = waiting.length;
    if (merge.count > 0) merge.tournament.play();
  }

  /** Reads the time of the lane's next record. A record with a time not of this clock keeps its place. */
  #readTime(lane: Lane): void {
    lane.readTime();
    const { futureHigh, futureLow, lastHigh, lastLow } = this.#merge;
    if (lane.high > futureHigh || (lane.high === futureHigh && lane.low > futureLow)) {
      [lane.high, lane.low] = [lastHigh, lastLow];
    }
  }

  /** Lowers the bound to the limit of an empty ring: the later of its newest record's time and its least limit. */
  #bound(lane: Lane): void {
    const merge = this.#merge;
    const quieter = lane.high < lane.quietHigh || (lane.high === lane.quietHigh && lane.low < lane.quietLow);
    const high = quieter ? lane.quietHigh : lane.high;
    const low = quieter ? lane.quietLow : lane.low;
    if (high < merge.boundHigh || (high === merge.boundHigh && low < merge.boundLow)) {
      merge.boundHigh = high;
      merge.boundLow = low;
    }
  }

  /** Whether the lane's next record has a time, and a record of a later time has been delivered. */
  #isLate(lane: Lane): boolean {
    const { high, low } = lane;
    const { lastHigh, lastLow } = this.#merge;
    return (high < lastHigh || (high === lastHigh && low < lastLow)) && lane.isTimed;
  }

  #checkBatch(): void {
    if (!this.inBatch)
      throw new PerfRingError('ERR_PERF_NO_READ_BATCH', 'no batch is open: call start() first');
    this.#checkNotVisiting();
  }

  #checkNotVisiting(): void {
    if (this.#visiting) {
      throw new PerfRingError('ERR_PERF_BUSY', 'a visitor is running: the batch is its until it returns');
    }
  }
}

function byRingOnly(): PerfRingError {
  return new PerfRingError(
    'ERR_PERF_NOT_SUPPORTED',
    "a query reads ring by ring: open the reader with order: 'cpu', and take record.time as a column where you need it",
  );
}
