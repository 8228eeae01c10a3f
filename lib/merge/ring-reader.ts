import { HEADER_MISC, PERF_RECORD_SAMPLE } from '../abi/perf-event';
import { PerfRingError } from '../errors';
import { monotonicNanoseconds } from '../host/monotonic-clock';
import { plainOptions } from '../input/plain-data';
import { shown } from '../input/shown';
import { attemptAll } from '../input/attempt-all';
import { internalsOf, PerfRing, type SkippedFault } from '../ring/perf-ring';
import type { RecordVisitor, RingRecord } from '../records/record';
import { checkVisitor } from '../records/record-check';
import { SCAN_FAULT, SCAN_STOPPED, SCAN_THREW } from '../ring/record-scan';
import { ABSENT } from '../records/record-format';
import { FIRST_USER_TYPE } from '../records/record-view';
import { biased, GREATEST_WORD, Lane, unbiasedTime } from './lane';
import { MergeState } from './merge';
import { type MergeLoopCounts, MergeLoops } from './merge-loops';

/** Options of a {@link RingReader}. */
export interface RingReaderOptions {
  /**
   * How long after its time a record may still become visible, nanoseconds; 2 ms by default. A ring that is silent
   * holds the others back by this much and no more. The kernel gives no bound (3.3 ms were seen), so records may
   * still come late: they are delivered, marked `late` and counted.
   */
  readonly slackNanoseconds?: number;
  /**
   * False for recordings: everything published is there already, so nothing is held back and no clock is read.
   */
  readonly live?: boolean;
  /**
   * The clock the times are of: nanoseconds, a finite number, 0 or more. CLOCK_MONOTONIC by default, as
   * bpf_ktime_get_ns() has it.
   */
  readonly clock?: () => number;
  /**
   * Told of each header that is corrupt or truncated, after it was skipped; without it such a header throws
   * ERR_PERF_RING_CORRUPT.
   */
  readonly onFault?: (ring: PerfRing, fault: SkippedFault) => void;
}

const DEFAULT_SLACK_NANOSECONDS = 2e6;
/** A time further ahead of the clock than this, or than the slack, is no time of that clock. */
const FUTURE_NANOSECONDS = 1e7;
const TWO_POW_32 = 4_294_967_296;

/** A function of the module and not a member of RingReader: lanes lead to the memory of the rings. */
let lanes: (reader: RingReader) => readonly Lane[];

/** What was delivered, ring by ring, in the order of {@link RingReader.rings}. Nothing of it may reach a user. */
export function lanesOf(reader: RingReader): readonly Lane[] {
  return lanes(reader);
}

/**
 * Layer 3: many rings, one stream in time order.
 *
 * Times are PERF_SAMPLE_TIME, or a field of the payload, as each ring is configured; records without one keep their
 * place in their ring, and equal times keep the order in which the rings were added. One pass is `start`, then `visit`
 * (or `peek` and `pop`), then `finish`.
 *
 * A pass delivers what is due: up to the least, over the rings, of max(its newest record, clock before heads - slack).
 * What lies beyond stays in its ring for the next pass; {@link holdsBack} tells.
 */
export class RingReader {
  readonly #lanes: Lane[] = [];
  readonly #rings: PerfRing[] = [];
  readonly #merge = new MergeState();
  readonly #loops = new MergeLoops(this.#merge, this.#lanes);
  readonly #slack: number;
  #live: boolean;
  readonly #clock: () => number;
  readonly #onFault: ((ring: PerfRing, fault: SkippedFault) => void) | undefined;
  #started = false;
  #visiting = false;
  #lateTotal = 0;

  static {
    lanes = (reader) => reader.#lanes;
  }

  /** @throws PerfRingError ERR_PERF_INVALID_OPTION */
  constructor(options: RingReaderOptions = {}) {
    const {
      slackNanoseconds = DEFAULT_SLACK_NANOSECONDS,
      live = true,
      clock = monotonicNanoseconds,
      onFault,
    } = plainOptions(options, ['slackNanoseconds', 'live', 'clock', 'onFault']);
    for (const [name, value] of Object.entries({ clock, onFault: onFault ?? nobody })) {
      if (typeof value !== 'function') {
        throw new PerfRingError('ERR_PERF_INVALID_OPTION', `${name} must be a function, got ${shown(value)}`);
      }
    }
    if (!Number.isSafeInteger(slackNanoseconds) || slackNanoseconds < 0) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_OPTION',
        `slackNanoseconds must be a whole number, 0 or more, got ${shown(slackNanoseconds)}`,
      );
    }
    if (typeof live !== 'boolean') {
      throw new PerfRingError('ERR_PERF_INVALID_OPTION', `live must be true or false, got ${shown(live)}`);
    }
    this.#slack = slackNanoseconds;
    this.#live = live;
    this.#clock = clock;
    this.#onFault = onFault;
  }

  /** @throws PerfRingError ERR_PERF_BATCH_OPEN during a pass, ERR_PERF_CLOSED for a closed ring */
  addRing(ring: PerfRing): void {
    if (this.#started)
      throw new PerfRingError('ERR_PERF_BATCH_OPEN', 'finish() the pass before adding a ring');
    if (!PerfRing.is(ring)) {
      throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `ring must be a PerfRing, got ${shown(ring)}`);
    }
    if (ring.closed) throw new PerfRingError('ERR_PERF_CLOSED', 'the ring was closed');
    if (this.#rings.includes(ring)) {
      throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', 'the ring was added before');
    }
    this.#rings.push(ring);
    this.#lanes.push(laneOf(ring, this.#lanes.length));
    this.#loops.lanesChanged();
  }

  /** Takes a ring out; unknown ones are ignored. @throws PerfRingError ERR_PERF_BATCH_OPEN during a pass */
  removeRing(ring: PerfRing): void {
    if (this.#started)
      throw new PerfRingError('ERR_PERF_BATCH_OPEN', 'finish() the pass before removing a ring');
    const at = this.#rings.indexOf(ring);
    if (at === -1) return;
    this.#merge.count = 0;
    this.#rings.splice(at, 1);
    const before = [...this.#lanes];
    this.#lanes.length = 0;
    for (const [index, kept] of this.#rings.entries()) {
      const lane = laneOf(kept, index);
      const old = before[index < at ? index : index + 1];
      if (old !== undefined) [lane.high, lane.low] = [old.high, old.low];
      this.#lanes.push(lane);
    }
    this.#loops.lanesChanged();
  }

  /** In the order in which they were added. */
  get rings(): readonly PerfRing[] {
    return [...this.#rings];
  }

  /** Whether the visitor of the last visit asked to stop. */
  get stopped(): boolean {
    return this.#merge.outcome === SCAN_STOPPED;
  }

  /** Records delivered after a later one, since the reader was made. */
  get late(): number {
    return this.#lateTotal;
  }

  /**
   * Starts a pass: reads the clock, acquires every ring's head, and reads the clock again. With `onFault` a ring whose data_head and
   * data_tail cannot be is skipped to its head, and left out of the pass when that does not mend it.
   * @throws PerfRingError ERR_PERF_BATCH_OPEN, ERR_PERF_CLOSED, ERR_PERF_RING_CORRUPT, ERR_PERF_INVALID_OPTION when
   *   the clock returns no time, and what the clock throws; no ring is then left in a batch
   */
  start(): void {
    if (this.#started)
      throw new PerfRingError('ERR_PERF_BATCH_OPEN', 'a pass is open already: finish() it first');
    const merge = this.#merge;
    merge.count = 0;
    this.#setQuiet();
    let begun = 0;
    try {
      for (const ring of this.#rings) {
        this.#begin(ring);
        begun++;
      }
      this.#setFuture();
    } catch (error) {
      for (const ring of this.#rings.slice(0, begun)) if (ring.reading) ring.finishReadBatch();
      throw error;
    }
    this.#started = true;
    this.#loops.begin();
    this.#gather();
  }

  /** Whether nothing (more) is due in this pass. Rings may hold records that are not due yet, see {@link holdsBack}. */
  isEmpty(): boolean {
    this.#checkStarted();
    return this.#due() === undefined;
  }

  /**
   * Whether nothing is due any more, and yet records wait in the rings for their time: look again after the slack.
   * Of the last pass, when none is open.
   */
  get holdsBack(): boolean {
    return this.#merge.count > 0 && this.#due() === undefined;
  }

  /**
   * Time of the next record, nanoseconds; for a record without a time, that of the one before it in its ring.
   * @throws PerfRingError ERR_PERF_EMPTY, ERR_PERF_NO_READ_BATCH
   */
  peekTimestamp(): bigint {
    const lane = this.#checkDue();
    return unbiasedTime(lane.high, lane.low);
  }

  /** The ring of the next record. @throws PerfRingError ERR_PERF_EMPTY, ERR_PERF_NO_READ_BATCH */
  currentRing(): PerfRing {
    return this.#rings[this.#checkDue().index] as PerfRing;
  }

  /**
   * The next record, lent until the next call; null when nothing is due.
   * @throws PerfRingError ERR_PERF_NO_READ_BATCH; ERR_PERF_RING_CORRUPT without `onFault`
   */
  peek(): RingRecord | null {
    this.#checkNotVisiting();
    this.#checkStarted();
    for (;;) {
      const lane = this.#due();
      if (lane === undefined) return null;
      lane.size = -1;
      try {
        const record = (this.#rings[lane.index] as PerfRing).peek();
        lane.cursor.current.late = this.#isLate(lane);
        return record;
      } catch (error) {
        if (!isCorrupt(error)) throw error;
        this.#skipOrThrow();
      }
    }
  }

  /** Steps over the next record. @throws PerfRingError ERR_PERF_EMPTY, ERR_PERF_NO_READ_BATCH, ERR_PERF_RING_CORRUPT */
  pop(): void {
    this.peek();
    const lane = this.#checkDue();
    const ring = this.#rings[lane.index] as PerfRing;
    // One record touches one ring: the others need not be lent.
    const { lend } = internalsOf(ring);
    lend(true);
    this.#loops.step();
    lend(false);
    settle(lane);
    this.#lateTotal += this.#merge.late;
  }

  /**
   * Visits what is due in time order, in place, without an object or a native call a record.
   * @param visitor called with each record, lent until it returns; `record.cpu` tells its ring; {@link STOP} ends the
   *   visit after it, and so does closing that ring: visit again for the others
   * @param options.other gets records that are no samples; `visitor` by default
   * @param options.limit most records to visit
   * @returns records visited
   * @throws what the visitor throws: its record is consumed, and the pass stays open; PerfRingError
   *   ERR_PERF_RING_CORRUPT without `onFault`, ERR_PERF_BUSY inside a visitor, ERR_PERF_INVALID_ARGUMENT,
   *   ERR_PERF_NO_READ_BATCH
   */
  visit(visitor: RecordVisitor, options: { other?: RecordVisitor; limit?: number } = {}): number {
    const plain = plainOptions(options, ['other', 'limit'], 'ERR_PERF_INVALID_ARGUMENT');
    const { other = visitor, limit = Number.POSITIVE_INFINITY } = plain;
    checkVisitor(visitor, 'visitor');
    checkVisitor(other, 'other');
    if (limit !== Number.POSITIVE_INFINITY && !(Number.isInteger(limit) && limit >= 0)) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_ARGUMENT',
        `limit must be a number of records, got ${shown(limit)}`,
      );
    }
    let records = 0;
    for (;;) {
      const merge = this.#run(visitor, other, Math.min(limit - records, 2 ** 30));
      records += merge.records;
      if (merge.outcome === SCAN_THREW) {
        // A read of detached memory says so, whichever ring it was.
        const thrown = this.#rings.reduce(
          (error, ring) => internalsOf(ring).cursor.explain(error),
          merge.thrown,
        );
        merge.thrown = undefined;
        throw thrown;
      }
      if (merge.outcome !== SCAN_FAULT) return records;
      this.#skipOrThrow();
    }
  }

  #skipOrThrow(): void {
    const fault = this.#skipFault();
    if (fault === undefined) return;
    if (this.#onFault === undefined) throw fault.error;
    this.#onFault(fault.ring, fault);
  }

  /** As {@link visit}, but returns how the merge ended, and throws nothing that a visitor threw. */
  #run(visitor: RecordVisitor, other: RecordVisitor, limit: number): MergeState {
    this.#checkStarted();
    this.#checkNotVisiting();
    const merge = this.#merge;
    this.#visiting = true;
    for (const ring of this.#rings) internalsOf(ring).lend(true);
    try {
      this.#loops.run(limit, visitor, other);
    } finally {
      this.#visiting = false;
      for (const ring of this.#rings) internalsOf(ring).lend(false);
      for (const lane of this.#lanes) settle(lane);
    }
    this.#lateTotal += merge.late;
    return merge;
  }

  /**
   * After a fault: steps over what cannot be read in the ring it was found in.
   * @returns undefined when the ring was closed meanwhile
   */
  #skipFault(): (SkippedFault & { readonly ring: PerfRing }) | undefined {
    const lane = this.#merge.tournament.first;
    const ring = lane && this.#rings[lane.index];
    if (lane === undefined || ring === undefined) return undefined;
    const fault = ring.closed ? undefined : ring.skipFault();
    // The time of what was stepped over is nobody's: a record without one, behind it, has the place of the last delivered.
    [lane.high, lane.low] = [this.#merge.lastHigh, this.#merge.lastLow];
    this.#gather();
    return fault && { ...fault, ring };
  }

  /**
   * Nothing more will be written: from the next pass on nothing is held back.
   */
  endOfWriting(): void {
    this.#live = false;
  }

  /** Which loops have delivered the records. @internal */
  get loopCounts(): MergeLoopCounts {
    return this.#loops.counts;
  }

  /** Ends the pass: gives back what was visited. Rings closed meanwhile are left alone. */
  finish(): void {
    this.#checkStarted();
    this.#checkNotVisiting();
    this.#started = false;
    attemptAll(this.#rings.filter((ring) => ring.reading).map((ring) => () => ring.finishReadBatch()));
  }

  #begin(ring: PerfRing): void {
    try {
      ring.startReadBatch();
    } catch (error) {
      if (this.#onFault === undefined || !isCorrupt(error)) throw error;
      this.#onFault(ring, { kind: 'corrupt', skippedBytes: ring.resynchronise(), error });
      try {
        ring.startReadBatch();
      } catch (again) {
        // The head itself cannot be: the other rings go on without this one.
        if (!isCorrupt(again)) throw again;
      }
    }
  }

  /** @throws PerfRingError ERR_PERF_INVALID_OPTION */
  #now(): number {
    const now: unknown = this.#clock();
    if (typeof now === 'number' && now >= 0 && now < Number.POSITIVE_INFINITY) return now;
    const remedy = typeof now === 'bigint' ? ': convert it with Number()' : '';
    throw new PerfRingError(
      'ERR_PERF_INVALID_OPTION',
      `clock must return nanoseconds, a finite number of 0 or more, got ${shown(now)}${remedy}`,
    );
  }

  /** Before the heads: what a ring's silence vouches for. */
  #setQuiet(): void {
    const merge = this.#merge;
    // A ring of a recording that has run out vouches for all time.
    [merge.quietHigh, merge.quietLow] = this.#live
      ? words(this.#now() - this.#slack)
      : [GREATEST_WORD, GREATEST_WORD];
  }

  /** After the heads: nothing published was written later, however long this thread was kept from running. */
  #setFuture(): void {
    const merge = this.#merge;
    [merge.futureHigh, merge.futureLow] = this.#live
      ? words(this.#now() + Math.max(this.#slack, FUTURE_NANOSECONDS))
      : [GREATEST_WORD, GREATEST_WORD];
  }

  /** Has the rings that hold records play, and makes the bound of those that do not. */
  #gather(): void {
    const merge = this.#merge;
    merge.boundHigh = merge.futureHigh;
    merge.boundLow = merge.futureLow;
    merge.count = 0;
    for (const lane of this.#lanes) {
      if (!(this.#rings[lane.index] as PerfRing).reading) {
        lane.end = lane.position;
        continue;
      }
      lane.position = lane.state.position;
      lane.end = lane.state.position + lane.state.left;
      lane.size = -1;
      if (lane.state.left > 0) {
        this.#readTime(lane);
        merge.count++;
      } else {
        this.#bound(lane);
      }
    }
    merge.tournament.play();
  }

  /** Time of the lane's next record. A record without one, or with one of no clock, keeps its place. */
  #readTime(lane: Lane): void {
    const { cursor, position } = lane;
    const offset = timeOffsetAt(lane);
    if (offset === ABSENT) return;
    const mask = cursor.capacityBytes - 1;
    const at = (position + offset) & mask;
    const low = biased(cursor.words[at >> 2] ?? 0);
    const high = biased(cursor.words[((at + 4) & mask) >> 2] ?? 0);
    const { futureHigh, futureLow, lastHigh, lastLow } = this.#merge;
    if (high > futureHigh || (high === futureHigh && low > futureLow)) {
      lane.high = lastHigh;
      lane.low = lastLow;
      return;
    }
    lane.high = high;
    lane.low = low;
  }

  /** An empty ring vouches for its newest record, or for the clock before heads less the slack. */
  #bound(lane: Lane): void {
    const merge = this.#merge;
    const quieter =
      lane.high < merge.quietHigh || (lane.high === merge.quietHigh && lane.low < merge.quietLow);
    const high = quieter ? merge.quietHigh : lane.high;
    const low = quieter ? merge.quietLow : lane.low;
    if (high < merge.boundHigh || (high === merge.boundHigh && low < merge.boundLow)) {
      merge.boundHigh = high;
      merge.boundLow = low;
    }
  }

  /** Whether a record of a later time than the lane's next one has been delivered. */
  #isLate(lane: Lane): boolean {
    const { high, low } = lane;
    const { lastHigh, lastLow } = this.#merge;
    return (high < lastHigh || (high === lastHigh && low < lastLow)) && timeOffsetAt(lane) !== ABSENT;
  }

  #due(): Lane | undefined {
    const merge = this.#merge;
    // A visitor closed the ring.
    if (this.#started && merge.count > 0 && merge.tournament.first?.cursor.closed === true) this.#gather();
    const lane = merge.count > 0 ? merge.tournament.first : undefined;
    if (lane === undefined) return undefined;
    const beyond =
      lane.high > merge.boundHigh || (lane.high === merge.boundHigh && lane.low > merge.boundLow);
    return beyond ? undefined : lane;
  }

  #checkDue(): Lane {
    this.#checkStarted();
    const lane = this.#due();
    if (lane === undefined) {
      throw new PerfRingError('ERR_PERF_EMPTY', 'nothing is due in this pass: finish() it and start another');
    }
    return lane;
  }

  #checkNotVisiting(): void {
    if (this.#visiting) {
      throw new PerfRingError('ERR_PERF_BUSY', 'a visitor is running: the pass is its until it returns');
    }
  }

  #checkStarted(): void {
    if (!this.#started)
      throw new PerfRingError('ERR_PERF_NO_READ_BATCH', 'no pass is open: call start() first');
  }
}

function laneOf(ring: PerfRing, index: number): Lane {
  const { cursor, state } = internalsOf(ring);
  return new Lane(cursor, state, index);
}

const nobody: RecordVisitor = () => undefined;

function isCorrupt(error: unknown): error is PerfRingError {
  return (error as { code?: unknown } | null)?.code === 'ERR_PERF_RING_CORRUPT';
}

/** Offset of the time from the start of the lane's next record, whose header has not been checked; ABSENT without one. */
function timeOffsetAt({ cursor, position, timeOffset, timeFromEnd, timedBytes }: Lane): number {
  const type = (cursor.words[position >> 2] ?? 0) >>> 0;
  const bytes = (cursor.words[(position + HEADER_MISC) >> 2] ?? 0) >>> 16;
  if (type === PERF_RECORD_SAMPLE) return bytes >= timeOffset + 8 ? timeOffset : ABSENT;
  const isTimed = timeFromEnd !== ABSENT && type < FIRST_USER_TYPE && bytes >= timedBytes;
  return isTimed ? bytes - timeFromEnd : ABSENT;
}

/** Tells the ring how far the merge has come, and forgets the header: others may move the cursor now. */
function settle(lane: Lane): void {
  lane.size = -1;
  lane.state.position = lane.position;
  lane.state.left = lane.end - lane.position;
}

/** The two words of a time, as a merge keeps them. Beyond 64 bits it is the greatest there is. */
function words(nanoseconds: number): [high: number, low: number] {
  const value = Math.max(0, nanoseconds);
  if (value >= TWO_POW_32 * TWO_POW_32) return [GREATEST_WORD, GREATEST_WORD];
  const high = Math.floor(value / TWO_POW_32);
  return [biased(high), biased(value - high * TWO_POW_32)];
}
