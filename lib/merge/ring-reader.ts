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
   * How long after its time a record may still become visible in its ring: an integer of 0 or more nanoseconds, 2 ms by
   * default. A ring without new records delays the records of other rings by at most this long. The kernel guarantees
   * no limit (3.3 ms were seen), so records may still come late: they are delivered, marked `late` and counted.
   */
  readonly slackNanoseconds?: number;
  /**
   * True by default. False for recordings: all records are in the rings already, so none is held back and no clock is
   * read.
   */
  readonly live?: boolean;
  /**
   * Returns the time of the clock that the records' times come from: nanoseconds, a finite number of 0 or more. By
   * default CLOCK_MONOTONIC, the clock of bpf_ktime_get_ns().
   */
  readonly clock?: () => number;
  /**
   * Called after a corrupt or truncated header was skipped. Without it, such a header throws ERR_PERF_RING_CORRUPT.
   */
  readonly onFault?: (ring: PerfRing, fault: SkippedFault) => void;
}

const DEFAULT_SLACK_NANOSECONDS = 2e6;

const ignore: RecordVisitor = () => undefined;

/**
 * Merges the records of many rings into one stream in time order.
 *
 * A record's time is PERF_SAMPLE_TIME or a field of the payload, as configured for each ring. Records without a time
 * keep their place in their ring. Equal times keep the order in which the rings were added. A batch is `start`, then
 * `visit` (or `peek` and `pop`), then `finish`.
 *
 * A batch delivers the records that are due: those with a time up to a bound. Each ring has a limit: the time of its
 * newest record, or, if later, the clock just before the batch minus the slack. The bound is the lowest limit. Later
 * records stay in their rings for the next batch; {@link holdsBack} tells whether there are any.
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
    this.#order = new TimeOrder({ slackNanoseconds, live, clock });
    this.#onFault = onFault;
  }

  /**
   * Adds a ring. The reader does not close it.
   * @throws PerfRingError ERR_PERF_BATCH_OPEN during a batch, ERR_PERF_CLOSED for a closed ring,
   *   ERR_PERF_INVALID_ARGUMENT for a ring that was added before or a value that is not a ring
   */
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

  /**
   * Removes a ring; does nothing for a ring that was not added.
   * @throws PerfRingError ERR_PERF_BATCH_OPEN during a batch
   */
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

  /** The rings, in the order in which they were added. */
  get rings(): readonly PerfRing[] {
    return [...this.#rings];
  }

  /** Whether the last visit was stopped by its visitor ({@link STOP}, or closing the record's ring). */
  get stopped(): boolean {
    return this.#order.stopped;
  }

  /** Number of records delivered after a record of a later time, since the reader was made. */
  get late(): number {
    return this.#order.late;
  }

  /**
   * Starts a batch: reads the clock, acquires the head of every ring, and reads the clock again. With `onFault`, a ring
   * whose data_head and data_tail are not valid is skipped to its head, and left out of the batch if they still are
   * not.
   * @throws PerfRingError ERR_PERF_BATCH_OPEN, ERR_PERF_CLOSED, ERR_PERF_RING_CORRUPT (without `onFault`),
   *   ERR_PERF_INVALID_OPTION when the clock returns no valid time; and what the clock throws. No batch is open then
   */
  start(): void {
    const onFault = this.#onFault;
    if (onFault !== undefined) {
      // Only for this batch: outside it, the ring's methods throw on a fault.
      for (const ring of this.#rings) internalsOf(ring).onFault = (fault) => onFault(ring, fault);
    }
    try {
      this.#order.beginBatch();
    } catch (error) {
      this.#takeNoFaults();
      throw error;
    }
  }

  /**
   * Whether no more records are due in this batch. Rings may hold records that are not due yet, see {@link holdsBack}.
   * @throws PerfRingError ERR_PERF_NO_READ_BATCH
   */
  isEmpty(): boolean {
    return this.#due() === undefined;
  }

  /**
   * Whether no more records are due, but the rings hold records for a later batch: start one after the slack. When no
   * batch is open, the value of the last batch.
   */
  get holdsBack(): boolean {
    return this.#order.holdsBack;
  }

  /**
   * Time of the next record, nanoseconds; for a record without a time, the time of the record before it in its ring.
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
   * The next record, valid until the next call; null when no record is due.
   * @throws PerfRingError ERR_PERF_NO_READ_BATCH; ERR_PERF_RING_CORRUPT without `onFault`
   */
  peek(): RingRecord | null {
    return this.#order.peek();
  }

  /** Consumes the next record. @throws PerfRingError ERR_PERF_EMPTY, ERR_PERF_NO_READ_BATCH, ERR_PERF_RING_CORRUPT */
  pop(): void {
    this.#order.peek();
    const lane = this.#checkDue();
    this.#order.step(lane, ignore);
    lane.cursor.leave();
  }

  /**
   * Visits the records that are due, in place and in time order. It makes no object and no native call per record.
   * @param visitor called with each record, which is valid until the visitor returns; `record.cpu` tells its ring.
   *   Returning {@link STOP} ends the visit after that record, and so does closing the record's ring: call visit()
   *   again for the other rings
   * @param options.other called with records other than samples; `visitor` by default
   * @param options.limit most records to visit; no limit by default
   * @returns number of records visited
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
   * Call it when no more records will be written: from the next batch on, no record is held back.
   */
  endOfWriting(): void {
    this.#order.endOfWriting();
  }

  /** Number of records that each loop has delivered. @internal */
  get loopCounts(): MergeLoopCounts {
    const { pair, tournament } = this.#order.mergeLoopCounts;
    return { pair: { ...pair }, tournament: { ...tournament } };
  }

  /**
   * Ends the batch and releases the records that were visited. Rings that were closed meanwhile are skipped.
   * @throws PerfRingError ERR_PERF_NO_READ_BATCH, ERR_PERF_BUSY inside a visitor; ERR_PERF_RING_CORRUPT when data_head
   *   of a ring moved back meanwhile
   */
  finish(): void {
    try {
      this.#order.finishBatch();
    } finally {
      this.#takeNoFaults();
    }
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
