import { HEADER_BYTES, HEADER_SIZE, HEADER_TYPE, PERF_RECORD_SAMPLE } from '../abi/perf-event';
import type { RingRecord } from '../records/record';
import { ABSENT, recordFormat, type RecordFormat } from '../records/record-format';
import { FileCursor } from './file-cursor';
import type { FileEvents, PerfDataEvent } from './file-events';
import {
  PERF_RECORD_AUXTRACE,
  PERF_RECORD_COMPRESSED,
  PERF_RECORD_COMPRESSED2,
  PERF_RECORD_FINISHED_ROUND,
  PERF_RECORD_HEADER_TRACING_DATA,
} from './file-format';
import type { FileInput } from './file-input';
import { PerfDataError } from './perf-data-error';
import { AT_ONCE, RecordQueue } from './record-queue';
import { swapRecord, swapRecordHeader } from './swap-bytes';
import { ZstdStream } from './zstd-stream';

const FIRST_WINDOW_BYTES = 2 ** 20;
/** As much room is made before each read. A record has at most 64 KiB. */
const ROOM_BYTES = 2 ** 18;
const CHUNK_BYTES = 2 ** 20;

/** What {@link RecordStream} reads, and how. */
export interface RecordStreamParts {
  readonly input: FileInput;
  readonly isLittle: boolean;
  readonly events: FileEvents;
  /** Where the records begin, and how many bytes they have; Infinity: up to the end of the file. */
  readonly from: number;
  readonly bytes: number;
  /** Whether the writer of the file did not finish it. */
  readonly isUnfinished: boolean;
  readonly order: 'time' | 'file';
  /** The most bytes that are kept to sort them. */
  readonly sortBytes: number;
  /** Called with each record that perf itself wrote, before it is due. It may add events. */
  readonly onFileRecord: (view: DataView, at: number, size: number) => void;
  /** Called with the pieces of the tracing data, which follow their record. */
  readonly onTracingData: (piece: Uint8Array) => void;
  /** The first time of the file, from which times are counted. */
  readonly timeBase: TimeBase;
  /** The event of each lent record. */
  readonly eventOf: WeakMap<RingRecord, PerfDataEvent>;
}

/** The high and the low word of a time; the high word is -1 before the first time. */
export interface TimeBase {
  high: number;
  low: number;
}

const FORMAT_OF_FILE_RECORDS: RecordFormat = recordFormat({ sample_type: 0 });

/**
 * Reads the records of one file into a window of memory, where they are visited. Records stay in the window until they
 * were delivered; then the rest is moved to its beginning and more is read.
 */
export class RecordStream {
  /** Records that were found, by type. */
  readonly counts = new Map<number, number>();
  /** Records that came after one of a later time. */
  late = 0;
  /** Why the records end here; undefined while they don't, and at a proper end. */
  fault: PerfDataError | undefined;
  /** Bytes of the file that were read. */
  bytesRead = 0;
  readonly #parts: RecordStreamParts;
  readonly #queue = new RecordQueue();
  #bytes = new Uint8Array(FIRST_WINDOW_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #cursors: FileCursor[] = [];
  #fileCursor: FileCursor | undefined;
  /** What was parsed lies before `#parsed`, what was read before `#end`. */
  #parsed = 0;
  #end = 0;
  #bytesLeft: number;
  #ended = false;
  /** Bytes that follow a record and are no records. */
  #skip = 0;
  #isTracingData = false;
  #zstd: ZstdStream | undefined;
  /** Decompressed bytes: those that have no room yet, and the beginning of a record that the next piece completes. */
  #unplaced: Uint8Array | undefined;
  #carried: Uint8Array = new Uint8Array(0);
  /** What lies in the window from `#placed` on up to `#placedEnd` came out of the record at `#placedOffset`. */
  #placed = 0;
  #placedEnd = 0;
  #placedOffset = 0;

  constructor(parts: RecordStreamParts) {
    this.#parts = parts;
    this.#bytesLeft = parts.bytes;
    if (parts.input.seeks) parts.input.seek(parts.from);
  }

  /** Time of the next record that is due; {@link AT_ONCE} for one without a time. Only while {@link prepare} is true. */
  get time(): number {
    return this.#queue.time;
  }

  /** Reads until a record is due. @returns false at the end */
  prepare(): boolean {
    while (!this.#queue.hasDue) {
      if (this.#ended) return false;
      this.#fill();
    }
    return true;
  }

  /** Whether a record is due without reading more. */
  get hasDue(): boolean {
    return this.#queue.hasDue;
  }

  /** The next record: lent until the next call. Only while {@link prepare} is true. */
  take(): FileCursor {
    const queue = this.#queue;
    const { position } = queue;
    const cursor = this.#cursorOf(queue.event);
    const late = queue.pop();
    if (late) this.late++;
    cursor.stand(position, this.#view.getUint16(position + HEADER_SIZE, true), late);
    return cursor;
  }

  /** No more records come, after those that are due. */
  get ended(): boolean {
    return this.#ended;
  }

  close(): void {
    this.#ended = true;
    this.#parts.input.close();
  }

  // ------------------------------------------------------------------ reading

  #fill(): void {
    if (!this.#makeRoom()) return;
    if (this.#unplaced !== undefined) {
      this.#place(this.#unplaced);
    } else if (!this.#read()) {
      this.#finish();
      return;
    }
    this.#parse();
    if (this.#ended) this.#queue.releaseAll();
  }

  /**
   * Moves what is still needed to the window's beginning, and makes the window larger if that gives too little room.
   * @returns false when it may not become larger: then records are due
   */
  #makeRoom(): boolean {
    const from = this.#queue.firstPosition(this.#parsed);
    this.#bytes.copyWithin(0, from, this.#end);
    this.#queue.compact(from);
    this.#parsed -= from;
    this.#end -= from;
    this.#placed -= from;
    this.#placedEnd -= from;
    const needed = this.#end + Math.max(ROOM_BYTES, this.#unplaced?.length ?? 0);
    if (needed <= this.#bytes.length) return true;
    const limit = this.#parts.sortBytes + ROOM_BYTES;
    let length = this.#bytes.length;
    while (length < needed) length *= 2;
    if (length <= limit || !this.#queue.waits) {
      this.#moveTo(new Uint8Array(length));
      return true;
    }
    this.#queue.releaseHalf();
    return false;
  }

  #moveTo(bytes: Uint8Array<ArrayBuffer>): void {
    bytes.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
    // A cursor's memory never changes.
    for (const cursor of [...this.#cursors, this.#fileCursor]) cursor?.leave();
    this.#cursors = [];
    this.#fileCursor = undefined;
  }

  /** @returns false at the end of the records */
  #read(): boolean {
    const room = this.#bytes.length - this.#end;
    const length = Math.min(room, CHUNK_BYTES, this.#bytesLeft);
    if (length === 0) return false;
    const read = this.#parts.input.read(this.#bytes.subarray(this.#end, this.#end + length));
    this.#end += read;
    this.bytesRead += read;
    this.#bytesLeft -= read;
    return read > 0;
  }

  #finish(): void {
    const left = this.#end - this.#parsed;
    if (left > 0) this.#fail(this.#parsed, `the file ends within a record, after ${left} of its bytes`);
    else if (this.#carried.length > 0) this.#fail(this.#end, 'the compressed records end within a record');
    else if (this.#skip > 0)
      this.#fail(this.#end, `the file ends ${this.#skip} bytes before the end of the data of a record`);
    else if (Number.isFinite(this.#bytesLeft) && this.#bytesLeft > 0)
      this.#fail(this.#end, `the file ends ${this.#bytesLeft} bytes before the end of its records`);
    else if (this.#parts.isUnfinished)
      this.#fail(this.#end, 'the header says nothing about the records: its writer did not finish');
    this.#ended = true;
    this.#queue.releaseAll();
  }

  #fail(at: number, what: string, cause?: unknown): void {
    this.#ended = true;
    const { input } = this.#parts;
    this.fault = new PerfDataError(input.path, this.#offsetOf(at), what, { cause });
  }

  /** Offset in the file of a place in the window. */
  #offsetOf(at: number): number {
    if (at >= this.#placed && at < this.#placedEnd) return this.#placedOffset;
    return this.#parts.from + this.bytesRead - (this.#end - at);
  }

  // ------------------------------------------------------------------ records

  #parse(): void {
    const { isLittle, events } = this.#parts;
    while (!this.#ended) {
      if (this.#skip > 0 && !this.#skipData()) return;
      const at = this.#parsed;
      const left = this.#end - at;
      if (left < HEADER_BYTES) return;
      const size = this.#view.getUint16(at + HEADER_SIZE, isLittle);
      if (size < HEADER_BYTES) {
        const type = this.#view.getUint32(at + HEADER_TYPE, isLittle);
        this.#fail(at, `a record of type ${type} has ${size} bytes, less than its header`);
        return;
      }
      if (size > left) return;
      const type = this.#view.getUint32(at + HEADER_TYPE, isLittle);
      const event = events.indexOf(this.#view, at, size, type, isLittle);
      if (!isLittle) {
        swapRecordHeader(this.#view, at);
        swapRecord(this.#view, at, size, events.list[event]?.format);
      }
      this.counts.set(type, (this.counts.get(type) ?? 0) + 1);
      this.#parsed = at + size;
      if (event === -1) {
        if (!this.#fileRecord(type, at, size)) return;
      } else {
        const format = events.list[event]?.format as RecordFormat;
        this.#queue.add(at, this.#timeOf(at, size, type, format), event);
      }
    }
  }

  /** @returns whether the next record may be parsed */
  #fileRecord(type: number, at: number, size: number): boolean {
    if (type === PERF_RECORD_COMPRESSED || type === PERF_RECORD_COMPRESSED2) {
      return this.#decompress(type, at, size);
    }
    try {
      this.#parts.onFileRecord(this.#view, at, size);
    } catch (error) {
      this.#fail(at, (error as Error).message, error);
      return false;
    }
    this.#queue.add(at, AT_ONCE, -1);
    if (type === PERF_RECORD_FINISHED_ROUND) this.#queue.finishRound();
    if (type === PERF_RECORD_HEADER_TRACING_DATA && size >= HEADER_BYTES + 4) {
      // The data is padded to 8 bytes.
      this.#skip = (this.#view.getUint32(at + HEADER_BYTES, true) + 7) & ~7;
      this.#isTracingData = true;
      // As a signed number, a size above 2 GiB is negative.
      if (this.#skip < 0) this.#fail(at, 'the tracing data has more than 2 GiB');
    } else if (type === PERF_RECORD_AUXTRACE && size >= HEADER_BYTES + 8) {
      this.#skip = Number(this.#view.getBigUint64(at + HEADER_BYTES, true));
      this.#isTracingData = false;
    }
    return !this.#ended;
  }

  /** @returns whether all of the data was there */
  #skipData(): boolean {
    const length = Math.min(this.#skip, this.#end - this.#parsed);
    if (this.#isTracingData) {
      this.#parts.onTracingData(this.#bytes.slice(this.#parsed, this.#parsed + length));
    }
    this.#parsed += length;
    this.#skip -= length;
    return this.#skip === 0;
  }

  #timeOf(at: number, size: number, type: number, format: RecordFormat): number {
    if (this.#parts.order === 'file') return AT_ONCE;
    const { timeOffset, fromEnd } = format;
    let offset = timeOffset;
    if (type !== PERF_RECORD_SAMPLE) offset = fromEnd.time === ABSENT ? ABSENT : size - fromEnd.time;
    if (offset < HEADER_BYTES || offset + 8 > size) return AT_ONCE;
    const low = this.#view.getUint32(at + offset, true);
    const high = this.#view.getUint32(at + offset + 4, true);
    // perf writes 0 into records about what was there before.
    if (high === 0 && low === 0) return AT_ONCE;
    const { timeBase } = this.#parts;
    if (timeBase.high === -1) {
      timeBase.high = high;
      timeBase.low = low;
    }
    return (high - timeBase.high) * 2 ** 32 + (low - timeBase.low);
  }

  // ------------------------------------------------------------------ compressed records

  /** @returns whether the records that came out of this one are in the window */
  #decompress(type: number, at: number, size: number): boolean {
    const offset = this.#offsetOf(at);
    try {
      this.#zstd ??= new ZstdStream();
      const bytes = Buffer.concat([this.#carried, this.#zstd.push(this.#compressedBytes(type, at, size))]);
      const whole = wholeRecords(bytes, this.#parts.isLittle);
      this.#carried = bytes.subarray(whole);
      this.#unplaced = bytes.subarray(0, whole);
      this.#placedOffset = offset;
    } catch (error) {
      if ((error as { code?: unknown }).code === 'ERR_PERF_PACKAGE_MISSING') throw error;
      this.#fail(at, `a compressed record: ${(error as Error).message}`, error);
      return false;
    }
    if (this.#end + this.#unplaced.length > this.#bytes.length) return false;
    this.#place(this.#unplaced);
    return true;
  }

  #compressedBytes(type: number, at: number, size: number): Uint8Array {
    if (type === PERF_RECORD_COMPRESSED) return this.#bytes.subarray(at + HEADER_BYTES, at + size);
    const from = at + HEADER_BYTES + 8;
    const length = size < HEADER_BYTES + 8 ? -1 : Number(this.#view.getBigUint64(at + HEADER_BYTES, true));
    if (length < 0 || from + length > at + size) throw new RangeError('its data reaches past its end');
    return this.#bytes.subarray(from, from + length);
  }

  /** Inserts the bytes before those that are not parsed. */
  #place(bytes: Uint8Array): void {
    this.#bytes.copyWithin(this.#parsed + bytes.length, this.#parsed, this.#end);
    this.#bytes.set(bytes, this.#parsed);
    this.#end += bytes.length;
    this.#placed = this.#parsed;
    this.#placedEnd = this.#parsed + bytes.length;
    this.#unplaced = undefined;
  }

  // ------------------------------------------------------------------ cursors

  #cursorOf(event: number): FileCursor {
    if (event === -1) {
      this.#fileCursor ??= new FileCursor(this.#view, FORMAT_OF_FILE_RECORDS);
      return this.#fileCursor;
    }
    return this.#cursors[event] ?? this.#makeCursor(event);
  }

  #makeCursor(index: number): FileCursor {
    const event = this.#parts.events.list[index] as FileEvents['list'][number];
    const cursor = new FileCursor(this.#view, event.format);
    this.#parts.eventOf.set(cursor.record, event);
    this.#cursors[index] = cursor;
    return cursor;
  }
}

/** Bytes of the whole records that `bytes` begins with; everything when a header is wrong. */
function wholeRecords(bytes: Buffer, isLittle: boolean): number {
  let at = 0;
  while (at + HEADER_BYTES <= bytes.length) {
    const size = isLittle ? bytes.readUInt16LE(at + HEADER_SIZE) : bytes.readUInt16BE(at + HEADER_SIZE);
    if (size < HEADER_BYTES) return bytes.length;
    if (at + size > bytes.length) break;
    at += size;
  }
  return at;
}
