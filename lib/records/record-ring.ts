import { PERF_RECORD_LOST } from '../abi/perf-event';
import type { PerfRingError } from '../errors';
import type { SampleVisitor } from './bulk-visitor';
import type { RecordVisitor, RingRecord } from './record';

/** What was stepped over because it could not be read. */
export interface SkippedFault {
  /** `truncated`: one sample past the 64 KiB law. `corrupt`: everything up to the head. */
  readonly kind: 'truncated' | 'corrupt';
  readonly skippedBytes: number;
  /** ERR_PERF_RING_CORRUPT, naming position and header. */
  readonly error: PerfRingError;
}

/** Records delivered, by what delivered them. */
export interface LoopCounts {
  /** By copies of a loop, each made for one visitor: the fast way. A visitor gets one after some calls and records. */
  own: number;
  /** By a loop that all visitors share. It stays so where code can't be made from strings. */
  shared: number;
  /** One by one: records that wrap or are no samples, and those that were not visited but popped, copied or iterated. */
  single: number;
}

/** A new count of nothing. */
export function noLoopCounts(): LoopCounts {
  return { own: 0, shared: 0, single: 0 };
}

/** What one ring has delivered, and how far it was read, since it was made. */
export class RingCounters {
  /** Samples delivered. */
  samples = 0;
  /** Records delivered that are no samples. */
  others = 0;
  /** PERF_RECORD_LOST among them, and the sum of what they say. */
  lostRecords = 0;
  lostInRecords = 0;
  /** Records delivered after one of a later time. */
  late = 0;
  /** Times the ring was skipped to its head for a header, or positions, that could not be. */
  corrupt = 0;
  /** Samples past the 64 KiB law that were stepped over. */
  truncated = 0;
  /** Bytes visited or skipped: the reader's position. */
  consumedBytes = 0;
  /** Those of them that were skipped. */
  skippedBytes = 0;
  /** Those of them that were given back to the writer. */
  releasedBytes = 0;
  /** Bytes that the last batch found when it began. */
  foundBytes = 0;
  /** Most bytes seen in the ring at once. */
  highWaterBytes = 0;
  readonly loops = noLoopCounts();

  /** So many bytes lie in the ring. */
  sawBytes(bytes: number): void {
    if (bytes > this.highWaterBytes) this.highWaterBytes = bytes;
  }

  /** A record that is no sample is delivered; it is not in {@link others} yet. */
  sawOther(record: RingRecord): void {
    if (record.type !== PERF_RECORD_LOST) return;
    this.lostRecords++;
    this.lostInRecords += record.lost;
  }

  countFault({ kind, skippedBytes }: SkippedFault): void {
    this.consumedBytes += skippedBytes;
    this.skippedBytes += skippedBytes;
    if (kind === 'truncated') this.truncated++;
    else this.corrupt++;
  }
}

/**
 * One ring that a single reader empties, whatever writes it. It is read in batches: begin, then visit or next as often as
 * wanted, then finish. Many rings are one {@link RecordSource}.
 */
export interface RecordRing {
  /** CPU number, or another label, that records carry. */
  readonly cpu: number;
  readonly counters: RingCounters;
  /** Called with what was stepped over, after it was. Without it nothing is, and ERR_PERF_RING_CORRUPT is thrown. */
  onFault: ((fault: SkippedFault) => void) | undefined;
  /** Begins a batch: acquires what is published. @returns bytes found */
  beginBatch(): number;
  /** A batch is open. */
  readonly inBatch: boolean;
  /** Bytes of the open batch that were neither visited nor skipped; 0 when none is open. */
  readonly bytesLeft: number;
  /**
   * Visits up to `limit` records of the batch, oldest first. What the visitor throws is passed on, its record consumed.
   * @returns records visited: fewer than `limit` when it {@link stopped}, or none are left; 0 when no batch is open
   */
  visit(sample: SampleVisitor, other: RecordVisitor, limit: number): number;
  /** The visitor of the last visit asked to stop, or closed the ring. */
  readonly stopped: boolean;
  /** Consumes the next record of the batch, of any type. It is lent until the next call; null when none is left. */
  next(): RingRecord | null;
  /** Finishes the batch, if one is open: gives back (release) what was consumed. */
  finishBatch(): void;
  /** Bytes published and not consumed (acquire), those of an open batch included; 0 once closed. */
  unreadBytes(): number;
}
