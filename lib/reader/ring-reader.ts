import { PerfRingError } from '../errors';
import type { PerfRing, SkippedFault } from '../ring/perf-ring';
import type { RecordVisitor, RingRecord } from '../ring/record';
import { RecordCursor } from '../ring/record-cursor';
import { ringGeometry } from '../ring/geometry';
import { SCAN_FAULT, SCAN_STOPPED, SCAN_THREW, ScanState } from '../ring/record-scan';
import { ABSENT, sampleFormat } from '../ring/sample-format';
import { LoopCache } from '../ring/specialise';
import { Lane, MergeState, mergeRecords } from './merge';

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
  /** The clock the times are of, nanoseconds; CLOCK_MONOTONIC by default, as bpf_ktime_get_ns() has it. */
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

/** CLOCK_MONOTONIC. Past 104 days a number keeps it to 2 ns, which a slack does not notice. */
function monotonicClock(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e9 + nanoseconds;
}

const loops = new LoopCache(mergeRecords, (copy) => {
  const probe = new MergeState();
  const geometry = ringGeometry(new ArrayBuffer(4096), 1, 2048);
  probe.heap = [new Lane(new RecordCursor(geometry, sampleFormat(), ABSENT, -1), new ScanState(), 0)];
  probe.count = 1;
  // An empty ring: its first header is a fault, and everything before that has been tried.
  copy(
    probe,
    1,
    () => undefined,
    () => undefined,
  );
});

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
  readonly #slack: number;
  #live: boolean;
  readonly #clock: () => number;
  readonly #onFault: ((ring: PerfRing, fault: SkippedFault) => void) | undefined;
  #started = false;
  #visiting = false;
  #lateTotal = 0;

  /** @throws PerfRingError ERR_PERF_INVALID_OPTION */
  constructor(options: RingReaderOptions = {}) {
    const { slackNanoseconds = DEFAULT_SLACK_NANOSECONDS, live = true, clock = monotonicClock } = options;
    if (!(slackNanoseconds >= 0 && slackNanoseconds <= Number.MAX_SAFE_INTEGER)) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_OPTION',
        `slackNanoseconds must be 0 or more, got ${String(slackNanoseconds)}`,
      );
    }
    this.#slack = slackNanoseconds;
    this.#live = live;
    this.#clock = clock;
    this.#onFault = options.onFault;
  }

  /** @throws PerfRingError ERR_PERF_BATCH_OPEN during a pass, ERR_PERF_CLOSED for a closed ring */
  addRing(ring: PerfRing): void {
    if (this.#started)
      throw new PerfRingError('ERR_PERF_BATCH_OPEN', 'finish() the pass before adding a ring');
    if (ring.closed) throw new PerfRingError('ERR_PERF_CLOSED', 'the ring was closed');
    if (this.#rings.includes(ring)) {
      throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', 'the ring was added before');
    }
    this.#rings.push(ring);
    this.#lanes.push(new Lane(ring.cursor, ring.scanState, this.#lanes.length));
  }

  /** Takes a ring out; unknown ones are ignored. @throws PerfRingError ERR_PERF_BATCH_OPEN during a pass */
  removeRing(ring: PerfRing): void {
    if (this.#started)
      throw new PerfRingError('ERR_PERF_BATCH_OPEN', 'finish() the pass before removing a ring');
    const at = this.#rings.indexOf(ring);
    if (at === -1) return;
    this.#rings.splice(at, 1);
    const before = this.#lanes;
    this.#lanes.length = 0;
    for (const [index, kept] of this.#rings.entries()) {
      const lane = new Lane(kept.cursor, kept.scanState, index);
      const old = before[index < at ? index : index + 1];
      if (old !== undefined) [lane.high, lane.low] = [old.high, old.low];
      this.#lanes.push(lane);
    }
  }

  /** In the order of {@link lanes}. */
  get rings(): readonly PerfRing[] {
    return this.#rings;
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
   * Starts a pass: reads the clock, then acquires every ring's head.
   * @throws PerfRingError ERR_PERF_BATCH_OPEN, ERR_PERF_CLOSED, ERR_PERF_RING_CORRUPT; no ring is then left in a batch
   */
  start(): void {
    if (this.#started)
      throw new PerfRingError('ERR_PERF_BATCH_OPEN', 'a pass is open already: finish() it first');
    const merge = this.#merge;
    this.#setClock();
    merge.count = 0;
    for (const [index, ring] of this.#rings.entries()) {
      try {
        ring.startReadBatch();
      } catch (error) {
        for (const begun of this.#rings.slice(0, index)) begun.finishReadBatch();
        throw error;
      }
    }
    this.#started = true;
    this.#gather();
  }

  /** Whether nothing (more) is due in this pass. Rings may hold records that are not due yet, see {@link holdsBack}. */
  isEmpty(): boolean {
    this.#checkStarted();
    return this.#due() === undefined;
  }

  /** Whether records wait in the rings for their time: look again after the slack. */
  get holdsBack(): boolean {
    return this.#started && this.#merge.count > 0;
  }

  /**
   * Time of the next record, nanoseconds; for a record without a time, that of the one before it in its ring.
   * @throws PerfRingError ERR_PERF_EMPTY, ERR_PERF_NO_READ_BATCH
   */
  peekTimestamp(): bigint {
    const lane = this.#checkDue();
    return (BigInt(lane.high) << 32n) | BigInt(lane.low);
  }

  /** The ring of the next record. @throws PerfRingError ERR_PERF_EMPTY, ERR_PERF_NO_READ_BATCH */
  currentRing(): PerfRing {
    return this.#rings[this.#checkDue().index] as PerfRing;
  }

  /** The next record, lent until the next call; null when nothing is due. */
  peek(): RingRecord | null {
    this.#checkStarted();
    const lane = this.#due();
    if (lane === undefined) return null;
    lane.size = -1;
    return (this.#rings[lane.index] as PerfRing).peek();
  }

  /** Steps over the next record. @throws PerfRingError ERR_PERF_EMPTY, ERR_PERF_NO_READ_BATCH, ERR_PERF_RING_CORRUPT */
  pop(): void {
    this.#checkDue();
    this.visit(() => undefined, { limit: 1 });
  }

  /**
   * Visits what is due in time order, in place, without an object or a native call a record.
   * @param visitor called with each record, lent until it returns; `record.cpu` tells its ring; false stops after it
   * @param options.other gets records that are no samples; `visitor` by default
   * @returns records visited
   * @throws what the visitor throws: its record is consumed, and the pass stays open; PerfRingError
   *   ERR_PERF_RING_CORRUPT without `onFault`
   */
  visit(visitor: RecordVisitor, options: { other?: RecordVisitor; limit?: number } = {}): number {
    const { other = visitor, limit = Number.MAX_SAFE_INTEGER } = options;
    if (typeof visitor !== 'function') {
      throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', 'visitor must be a function');
    }
    let records = 0;
    for (;;) {
      const merge = this.merge(visitor, other, Math.min(limit - records, 2 ** 30));
      records += merge.records;
      if (merge.outcome === SCAN_THREW) {
        const { thrown } = merge;
        merge.thrown = undefined;
        throw thrown;
      }
      if (merge.outcome !== SCAN_FAULT) return records;
      const fault = this.skipFault();
      if (fault === undefined) return records;
      if (this.#onFault === undefined) throw fault.error;
      this.#onFault(fault.ring, fault);
      if (records >= limit) return records;
    }
  }

  /**
   * As {@link visit}, for the layer above: answers the merge's state, whatever ended it, and throws nothing of it.
   * @internal
   */
  merge(visitor: RecordVisitor, other: RecordVisitor, limit: number): MergeState {
    this.#checkStarted();
    const merge = this.#merge;
    if (this.#visiting) {
      throw new PerfRingError('ERR_PERF_BUSY', 'a visitor is running: the pass is its until it returns');
    }
    this.#visiting = true;
    for (const ring of this.#rings) ring.lend(true);
    try {
      loops.loopFor(visitor)(merge, limit, visitor, other);
    } finally {
      this.#visiting = false;
      for (const ring of this.#rings) ring.lend(false);
      for (const lane of this.#lanes) lane.size = -1;
    }
    loops.saw(visitor, merge.records);
    this.#lateTotal += merge.late;
    return merge;
  }

  /**
   * After a fault: steps over what cannot be read in the ring it was found in.
   * @returns undefined when the ring was closed meanwhile
   * @internal
   */
  skipFault(): (SkippedFault & { readonly ring: PerfRing }) | undefined {
    const lane = this.#merge.heap[0];
    const ring = lane && this.#rings[lane.index];
    if (lane === undefined || ring === undefined) return undefined;
    const fault = ring.closed ? undefined : ring.skipFault();
    this.#gather();
    return fault && { ...fault, ring };
  }

  /**
   * Nothing more will be written: from the next pass on nothing is held back.
   */
  endOfWriting(): void {
    this.#live = false;
    const merge = this.#merge;
    merge.futureHigh = 0xffff_ffff;
    merge.futureLow = 0xffff_ffff;
  }

  /** What was delivered, ring by ring. @internal */
  get lanes(): readonly Lane[] {
    return this.#lanes;
  }

  /** Ends the pass: gives back what was visited. Rings closed meanwhile are left alone. */
  finish(): void {
    this.#checkStarted();
    if (this.#visiting) {
      throw new PerfRingError('ERR_PERF_BUSY', 'a visitor is running: the pass is its until it returns');
    }
    this.#started = false;
    for (const ring of this.#rings) if (!ring.closed) ring.finishReadBatch();
  }

  #setClock(): void {
    const merge = this.#merge;
    if (!this.#live) return;
    const now = this.#clock();
    [merge.quietHigh, merge.quietLow] = words(now - this.#slack);
    [merge.futureHigh, merge.futureLow] = words(now + Math.max(this.#slack, FUTURE_NANOSECONDS));
  }

  /** Makes the heap of the rings that hold records, and the bound of those that do not. */
  #gather(): void {
    const merge = this.#merge;
    merge.boundHigh = merge.futureHigh;
    merge.boundLow = merge.futureLow;
    merge.heap.length = 0;
    for (const lane of this.#lanes) {
      if ((this.#rings[lane.index] as PerfRing).closed) continue;
      lane.position = lane.state.position;
      lane.end = lane.state.position + lane.state.left;
      lane.size = -1;
      if (lane.state.left > 0) {
        this.#readTime(lane);
        merge.heap.push(lane);
      } else if (this.#live) {
        this.#bound(lane);
      }
    }
    merge.count = merge.heap.length;
    merge.heap.sort(compareLanes);
  }

  /** Time of the lane's next record, where it has one that this clock can have given. */
  #readTime(lane: Lane): void {
    const { cursor, position } = lane;
    if (cursor.timeOffset === ABSENT || cursor.words[position >> 2] !== 9) return;
    const mask = cursor.capacityBytes - 1;
    const at = (position + cursor.timeOffset) & mask;
    const low = (cursor.words[at >> 2] ?? 0) >>> 0;
    const high = (cursor.words[((at + 4) & mask) >> 2] ?? 0) >>> 0;
    const { futureHigh, futureLow } = this.#merge;
    if (high > futureHigh || (high === futureHigh && low > futureLow)) return;
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

  #due(): Lane | undefined {
    const merge = this.#merge;
    const lane = merge.count > 0 ? merge.heap[0] : undefined;
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

  #checkStarted(): void {
    if (!this.#started)
      throw new PerfRingError('ERR_PERF_NO_READ_BATCH', 'no pass is open: call start() first');
  }
}

function words(nanoseconds: number): [high: number, low: number] {
  const value = Math.max(0, nanoseconds);
  const high = Math.floor(value / TWO_POW_32);
  return [high, value - high * TWO_POW_32];
}

function compareLanes(one: Lane, other: Lane): number {
  return one.high - other.high || one.low - other.low || one.index - other.index;
}
