import { PERF_RECORD_SAMPLE } from '../abi/perf-event';
import { PerfRingError } from '../errors';
import type { SampleVisitor } from '../records/bulk-visitor';
import { type RecordVisitor, type RingRecord, STOP } from '../records/record';
import { type LoopCounts, noLoopCounts } from '../records/record-ring';
import type { RecordSource } from '../records/record-source';
import type { FileCursor } from './file-cursor';
import type { PerfDataError } from './perf-data-error';
import { AT_ONCE } from './record-queue';
import type { RecordStream } from './record-stream';

/** The records of one file, or of the files of a directory, as one stream. A batch is what one read makes due. */
export class FileRecords implements RecordSource {
  readonly rings = [];
  readonly loopCounts: LoopCounts = noLoopCounts();
  inBatch = false;
  stopped = false;
  readonly #streams: readonly RecordStream[];
  #visiting = false;
  #closed = false;
  #last: FileCursor | undefined;

  constructor(streams: readonly RecordStream[]) {
    this.#streams = streams;
  }

  /** @returns 0 at the end, else bytes read; at least 1 */
  beginBatch(): number {
    this.#checkIdle();
    this.inBatch = true;
    this.#leave();
    const before = this.consumedBytes;
    for (const stream of this.#streams) stream.prepare();
    return this.more ? Math.max(this.consumedBytes - before, 1) : 0;
  }

  visit(sample: SampleVisitor, other: RecordVisitor, limit: number): number {
    this.#checkIdle();
    if (typeof sample !== 'function') {
      throw new PerfRingError(
        'ERR_PERF_NOT_SUPPORTED',
        'a query reads perf rings: a reader of perf.data takes a function',
      );
    }
    this.stopped = false;
    let records = 0;
    this.#visiting = true;
    try {
      while (records < limit) {
        const cursor = this.#take();
        if (cursor === undefined) break;
        records++;
        const visitor = cursor.type === PERF_RECORD_SAMPLE ? sample : other;
        if (visitor(cursor.record) === STOP || this.#closed) {
          this.stopped = true;
          break;
        }
      }
    } finally {
      this.#visiting = false;
      this.#leave();
      this.loopCounts.single += records;
    }
    return records;
  }

  next(): RingRecord | null {
    this.#checkIdle();
    for (let cursor = this.#take(); cursor !== undefined; cursor = this.#take()) {
      this.loopCounts.single++;
      if (cursor.type === PERF_RECORD_SAMPLE) return cursor.record;
    }
    return null;
  }

  /** The next record of any type; null when no more are due. */
  nextOfAny(): RingRecord | null {
    this.#checkIdle();
    const cursor = this.#take();
    if (cursor === undefined) return null;
    this.loopCounts.single++;
    return cursor.record;
  }

  get more(): boolean {
    return this.#streams.some((stream) => stream.hasDue);
  }

  get holdsBack(): boolean {
    return false;
  }

  get consumedBytes(): number {
    let bytes = 0;
    for (const stream of this.#streams) bytes += stream.bytesRead;
    return bytes;
  }

  finishBatch(): void {
    this.#checkIdle();
    this.inBatch = false;
    this.#leave();
  }

  endOfWriting(): void {}

  /** Allowed in a visitor: then the visit ends. */
  close(): void {
    this.#closed = true;
    for (const stream of this.#streams) stream.close();
  }

  /** Why the records end where they end. */
  get faults(): PerfDataError[] {
    return this.#streams.flatMap(({ fault }) => (fault === undefined ? [] : [fault]));
  }

  #take(): FileCursor | undefined {
    const stream = this.#streams.length === 1 ? this.#streams[0] : this.#earliest();
    if (stream?.hasDue !== true) {
      this.#leave();
      return undefined;
    }
    const cursor = stream.take();
    if (cursor !== this.#last) this.#leave();
    this.#last = cursor;
    return cursor;
  }

  /** The stream with the earliest record; undefined when one must be read on first. Each has its records in order. */
  #earliest(): RecordStream | undefined {
    let earliest: RecordStream | undefined;
    for (const stream of this.#streams) {
      if (!stream.hasDue) {
        if (stream.ended) continue;
        return undefined;
      }
      if (stream.time === AT_ONCE) return stream;
      if (earliest === undefined || stream.time < earliest.time) earliest = stream;
    }
    return earliest;
  }

  #leave(): void {
    this.#last?.leave();
    this.#last = undefined;
  }

  #checkIdle(): void {
    if (this.#visiting) throw new PerfRingError('ERR_PERF_BUSY', 'a visitor is running: it may not read on');
  }
}
