import { PerfRingError } from '../errors';
import { monotonicNanoseconds } from '../host/monotonic-clock';
import { plainOptions } from '../input/plain-data';
import { shown } from '../input/shown';
import type { RecordVisitor, RingRecord } from '../records/record';
import { checkVisitor } from '../records/record-check';
import type { SkippedFault } from '../records/record-ring';
import { internalsOf, PerfRing } from '../ring/perf-ring';
import { type Lane, unbiasedTime } from './lane';
import type { MergeLoopCounts } from './merge-loops';
import { TimeOrder } from './time-order';

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

const ignore: RecordVisitor = () => undefined;

/**
 * Layer 3: many rings, one stream in time order.
 *
 * Times are PERF_SAMPLE_TIME, or a field of the payload, as each ring is configured; records without one keep their
 * place in their ring, and equal times keep the order in which the rings were added. One batch is `start`, then `visit`
 * (or `peek` and `pop`), then `finish`.
 *
 * A batch delivers what is due: up to the least, over the rings, of max(its newest record, clock before heads - slack).
 * What lies beyond stays in its ring for the next batch; {@link holdsBack} tells.
 */
export class RingReader {
  readonly #rings: PerfRing[] = [];
  readonly #order: TimeOrder;
  readonly #onFault: RingReaderOptions['onFault'];

  /** @throws PerfRingError ERR_PERF_INVALID_OPTION */
  constructor(options: RingReaderOptions = {}) {
    const {
      slackNanoseconds = DEFAULT_SLACK_NANOSECONDS,
      live = true,
      clock = monotonicNanoseconds,
      onFault,
    } = plainOptions(options, ['slackNanoseconds', 'live', 'clock', 'onFault']);
    for (const [name, value] of Object.entries({ clock, onFault: onFault ?? ignore })) {
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
    this.#order = new TimeOrder(slackNanoseconds, live, clock);
    this.#onFault = onFault;
  }

  /** @throws PerfRingError ERR_PERF_BATCH_OPEN during a batch, ERR_PERF_CLOSED for a closed ring */
  addRing(ring: PerfRing): void {
    this.#checkNoBatch('adding');
    if (!PerfRing.is(ring)) {
      throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `ring must be a PerfRing, got ${shown(ring)}`);
    }
    if (ring.closed) throw new PerfRingError('ERR_PERF_CLOSED', 'the ring was closed');
    if (this.#rings.includes(ring)) {
      throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', 'the ring was added before');
    }
    this.#rings.push(ring);
    this.#ringsChanged();
  }

  /** Takes a ring out; unknown ones are ignored. @throws PerfRingError ERR_PERF_BATCH_OPEN during a batch */
  removeRing(ring: PerfRing): void {
    this.#checkNoBatch('removing');
    const at = this.#rings.indexOf(ring);
    if (at === -1) return;
    this.#rings.splice(at, 1);
    this.#ringsChanged();
  }

  #ringsChanged(): void {
    this.#order.setRings(this.#rings.map(internalsOf));
  }

  /** In the order in which they were added. */
  get rings(): readonly PerfRing[] {
    return [...this.#rings];
  }

  /** Whether the visitor of the last visit asked to stop. */
  get stopped(): boolean {
    return this.#order.stopped;
  }

  /** Records delivered after a later one, since the reader was made. */
  get late(): number {
    return this.#order.late;
  }

  /**
   * Starts a batch: reads the clock, acquires every ring's head, and reads the clock again. With `onFault` a ring whose
   * data_head and data_tail cannot be is skipped to its head, and left out of the batch when that does not mend it.
   * @throws PerfRingError ERR_PERF_BATCH_OPEN, ERR_PERF_CLOSED, ERR_PERF_RING_CORRUPT, ERR_PERF_INVALID_OPTION when
   *   the clock returns no time, and what the clock throws; no ring is then left in a batch
   */
  start(): void {
    const onFault = this.#onFault;
    if (onFault !== undefined) {
      // For this batch: outside of it a ring's own methods throw.
      for (const ring of this.#rings) internalsOf(ring).onFault = (fault) => onFault(ring, fault);
    }
    try {
      this.#order.beginBatch();
    } catch (error) {
      this.#takeNoFaults();
      throw error;
    }
  }

  /** Whether nothing (more) is due in this batch. Rings may hold records that are not due yet, see {@link holdsBack}. */
  isEmpty(): boolean {
    return this.#due() === undefined;
  }

  /**
   * Whether nothing is due any more, and yet records wait in the rings for their time: look again after the slack.
   * Of the last batch, when none is open.
   */
  get holdsBack(): boolean {
    return this.#order.holdsBack;
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
    return this.#order.peek();
  }

  /** Steps over the next record. @throws PerfRingError ERR_PERF_EMPTY, ERR_PERF_NO_READ_BATCH, ERR_PERF_RING_CORRUPT */
  pop(): void {
    this.#order.peek();
    const lane = this.#checkDue();
    this.#order.step(lane, ignore);
    lane.cursor.leave();
  }

  /**
   * Visits what is due in time order, in place, without an object or a native call a record.
   * @param visitor called with each record, lent until it returns; `record.cpu` tells its ring; {@link STOP} ends the
   *   visit after it, and so does closing that ring: visit again for the others
   * @param options.other gets records that are no samples; `visitor` by default
   * @param options.limit most records to visit
   * @returns records visited
   * @throws what the visitor throws: its record is consumed, and the batch stays open; PerfRingError
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
    return this.#order.visit(visitor, other, limit);
  }

  /**
   * Nothing more will be written: from the next batch on nothing is held back.
   */
  endOfWriting(): void {
    this.#order.endOfWriting();
  }

  /** Which loops have delivered the records. @internal */
  get loopCounts(): MergeLoopCounts {
    const { pair, tournament } = this.#order.mergeLoopCounts;
    return { pair: { ...pair }, tournament: { ...tournament } };
  }

  /** Ends the batch: gives back what was visited. Rings closed meanwhile are left alone. */
  finish(): void {
    this.#order.finishBatch();
    this.#takeNoFaults();
  }

  #takeNoFaults(): void {
    if (this.#onFault === undefined) return;
    for (const ring of this.#rings) internalsOf(ring).onFault = undefined;
  }

  #due(): Lane | undefined {
    if (!this.#order.inBatch) {
      throw new PerfRingError('ERR_PERF_NO_READ_BATCH', 'no batch is open: call start() first');
    }
    return this.#order.due();
  }

  #checkDue(): Lane {
    const lane = this.#due();
    if (lane !== undefined) return lane;
    throw new PerfRingError('ERR_PERF_EMPTY', 'nothing is due in this batch: finish() it and start another');
  }

  #checkNoBatch(what: string): void {
    if (this.#order.inBatch) {
      throw new PerfRingError('ERR_PERF_BATCH_OPEN', `finish() the batch before ${what} a ring`);
    }
  }
}
