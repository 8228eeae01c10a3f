import { PERF_RECORD_LOST } from '../abi/perf-event';
import type { PerfRingError } from '../errors';
import type { SampleVisitor } from './bulk-visitor';
import type { RecordVisitor, RingRecord } from './record';

/** Bytes of a ring that were skipped because they could not be read. */
export interface SkippedFault {
  /**
   * `truncated`: one sample of 64 KiB or more was skipped, whose size does not fit into the u16 header.size.
   * `corrupt`: everything up to the head was skipped.
   */
  readonly kind: 'truncated' | 'corrupt';
  readonly skippedBytes: number;
  /** ERR_PERF_RING_CORRUPT, with the position and the header. */
  readonly error: PerfRingError;
}

/** Number of records delivered, by loop. */
export interface LoopCounts {
  /** By a copy of a loop made for one visitor: the fastest. A visitor gets a copy after several calls and records. */
  own: number;
  /** By the loop that all visitors share. Always so where code can't be made from strings. */
  shared: number;
  /** One by one: records that wrap, records other than samples, and records that were popped, copied or iterated. */
  single: number;
}

/** Returns new counts, all 0. */
export function noLoopCounts(): LoopCounts {
  return { own: 0, shared: 0, single: 0 };
}

/** Counts of one ring since it was made: records delivered, and bytes read. */
export class RingCounters {
  /** Samples delivered. */
  samples = 0;
  /** Records delivered other than samples. */
  others = 0;
  /** Number of PERF_RECORD_LOST delivered, and the sum of the lost records that they report. */
  lostRecords = 0;
  lostInRecords = 0;
  /** Records delivered after a record of a later time. */
  late = 0;
  /** How often the ring was skipped to its head because of a corrupt header or invalid positions. */
  corrupt = 0;
  /** Samples of 64 KiB or more that were skipped, see {@link SkippedFault}. */
  truncated = 0;
  /** Bytes visited or skipped: the reader's position. */
  consumedBytes = 0;
  /** How many of `consumedBytes` were skipped. */
  skippedBytes = 0;
  /** How many of `consumedBytes` were released to the writer. */
  releasedBytes = 0;
  /** Bytes in the ring when the last batch began. */
  foundBytes = 0;
  /** Most bytes found in the ring at one time. */
  highWaterBytes = 0;
  readonly loops = noLoopCounts();

  /** Updates {@link highWaterBytes} with the bytes that are in the ring now. */
  updateHighWater(bytes: number): void {
    if (bytes > this.highWaterBytes) this.highWaterBytes = bytes;
  }

  /**
   * Counts what a PERF_RECORD_LOST reports. Call it with each record other than a sample. Does not change
   * {@link others}.
   */
  countLost(record: RingRecord): void {
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
 * One ring with a single reader, of any kind. It is read in batches: call beginBatch, then visit or next any number of
 * times, then finishBatch. Many rings together are a {@link RecordSource}.
 */
export interface RecordRing {
  /** CPU number, or another label, that records have as `cpu`. */
  readonly cpu: number;
  readonly counters: RingCounters;
  /** Called after a fault was skipped. Without it, faults are not skipped but throw ERR_PERF_RING_CORRUPT. */
  onFault: ((fault: SkippedFault) => void) | undefined;
  /** Begins a batch: acquires the head. @returns bytes found */
  beginBatch(): number;
  /** Whether a batch is open. */
  readonly inBatch: boolean;
  /** Bytes of the open batch that were neither visited nor skipped; 0 when no batch is open. */
  readonly bytesLeft: number;
  /**
   * Visits up to `limit` records of the batch, oldest first. Throws what a visitor throws; its record is consumed.
   * @returns records visited: fewer than `limit` if {@link stopped} or no records are left; 0 when no batch is open
   */
  visit(sample: SampleVisitor, other: RecordVisitor, limit: number): number;
  /** Whether the last visit ended because its visitor returned STOP or closed the ring. */
  readonly stopped: boolean;
  /** Consumes the next record of the batch, of any type; valid until the next call. Null when no record is left. */
  next(): RingRecord | null;
  /** Finishes the batch, if one is open: releases what was consumed. */
  finishBatch(): void;
  /** Bytes published and not consumed, whether or not a batch is open; acquires the head. 0 once closed. */
  unreadBytes(): number;
}
