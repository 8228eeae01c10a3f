import { types } from 'node:util';
import { HEADER_BYTES, HEADER_MISC, HEADER_SIZE, HEADER_TYPE, PERF_RECORD_SAMPLE } from '../abi/perf-event';
import { PerfRingError } from '../errors';
import { bufferLength } from '../input/view-span';
import type { RingGeometry } from './geometry';
import { ABSENT, type RecordFormat } from '../records/record-format';
import { RecordView } from '../records/record-view';
import { lentRecordOf } from '../records/lent-record';
import type { RingRecord } from '../records/record';

/** header.size is a u16: no record is longer. */
export const MAX_RECORD_BYTES = 65_536;

/** Up to here a record that wraps is joined word by word, for less than two views of its parts cost. */
const SHORT_JOIN_BYTES = 512;

/** The part of a ring's geometry that records lie in. */
type DataArea = Pick<RingGeometry, 'buffer' | 'dataOffset' | 'capacityBytes'>;

/** Why {@link RecordCursor.load} refused a header. */
export type HeaderFault = 'size' | 'beyond-available' | 'raw-size' | 'truncated' | 'closed';

/**
 * Stands on one record of a ring and checks its header. It never leaves the library: `record` does, which reads what
 * the cursor stands on.
 *
 * The scan of lib/ring/record-scan.ts moves it by `base` alone while headers repeat. A record that wraps is joined in a
 * scratch with a cursor of its own: so the memory under a cursor never changes, and is constant to V8.
 */
export class RecordCursor {
  /** The data area, or the scratch. */
  readonly view: DataView<ArrayBufferLike>;
  /** The data area as 64-bit words: a header is one. */
  readonly doubles: Float64Array<ArrayBufferLike>;
  /** What visitors get: reads the record under this cursor. */
  readonly record: RingRecord;
  /** The cursor on the record that was loaded: this one, or, for a record that wraps, the one over the scratch. */
  current: RecordCursor = this;
  /** Start of the payload in `view`. */
  base = 0;
  /** Payload length, bytes; 0 while the cursor stands nowhere, so that every read is out of range. */
  size = 0;
  type = 0;
  late = false;
  readonly cpu: number;
  /** The next sample may be taken by comparing header words: it neither wraps nor moves its payload. */
  repeats = false;
  fault: HeaderFault = 'size';
  /** Records are payloads alone, without a perf header and its fields: those of a BPF ring buffer. */
  payloadAlone = false;
  /** The ring was closed, perhaps by the very visitor that holds this cursor: the scan ends. */
  closed = false;

  readonly words: Int32Array<ArrayBufferLike>;
  readonly capacityBytes: number;
  readonly format: RecordFormat;
  /** Offset of the time in a sample from the record's start; ABSENT without one. */
  readonly timeOffset: number;
  /** Offset of the time in other records back from the record's end; ABSENT without one. */
  readonly timeFromEnd: number;
  /**
   * The 64-bit word from HEADER_MISC on (misc, size, raw_size), when it is that of a sample, tells another one: only
   * the kernel writes, and `misc` is 0 in all that is no sample.
   */
  readonly oneWordTells: boolean;

  /** Offset of the payload from the record's start; 0 while the cursor stands nowhere. */
  payloadStart = 0;
  /** Bytes of the record behind its payload; 0 while the cursor stands nowhere. */
  tailBytes = 0;
  #joined: RecordCursor | undefined;
  readonly #fields: RecordView;

  constructor(
    geometry: DataArea,
    format: RecordFormat,
    timeOffset: number,
    cpu: number,
    kernelWritten: boolean,
  ) {
    const { buffer, dataOffset, capacityBytes } = geometry;
    this.words = new Int32Array(buffer, dataOffset, capacityBytes >> 2);
    this.doubles = new Float64Array(buffer, dataOffset, capacityBytes >> 3);
    this.view = new DataView(buffer, dataOffset, capacityBytes);
    this.capacityBytes = capacityBytes;
    this.format = format;
    this.timeOffset = timeOffset;
    // A time in the payload may be of another clock than the kernel's.
    this.timeFromEnd = timeOffset === format.timeOffset ? format.fromEnd.time : ABSENT;
    this.cpu = cpu;
    this.oneWordTells = kernelWritten && format.rawOffset === HEADER_BYTES;
    this.#fields = new RecordView(format);
    this.record = lentRecordOf(this);
  }

  /** Bytes of the whole record; 0 while the cursor stands nowhere, and for a payload alone. */
  get recordBytes(): number {
    return this.payloadAlone ? 0 : this.payloadStart + this.size + this.tailBytes;
  }

  /**
   * Checks the header at `position` and stands on the record.
   * Each word of the ring is read once: a hostile writer may change it afterwards, and reads stay in bounds.
   * @param position offset in the data area, a multiple of 8
   * @param available bytes published from there on, at most the capacity
   * @returns the record's size in the ring, or 0 with `fault` set and the cursor standing nowhere
   * @internal
   */
  load(position: number, available: number): number {
    if (this.closed) {
      this.leave();
      this.fault = 'closed';
      return 0;
    }
    const type = this.view.getUint32(position + HEADER_TYPE, true);
    const size = this.view.getUint16(position + HEADER_SIZE, true);
    this.#stand(0, 0, 0, 0);
    this.repeats = false;
    this.current = this;
    if (size < HEADER_BYTES || (size & 7) !== 0) {
      this.fault = 'size';
      return 0;
    }
    if (size > available) {
      this.fault = 'beyond-available';
      return 0;
    }
    if (position + size > this.capacityBytes) return this.#loadJoined(position, size);
    this.type = type;
    if (type !== PERF_RECORD_SAMPLE) {
      this.#stand(position, size, HEADER_BYTES, size - HEADER_BYTES);
      return size;
    }
    return this.#loadSample(position, size);
  }

  #loadSample(start: number, size: number): number {
    const { places, fixedBytes } = this.format;
    if (places.raw === undefined) {
      if (size < fixedBytes) {
        this.fault = 'truncated';
        return 0;
      }
      this.#stand(start, size, size, 0);
      return size;
    }
    const rawOffset = this.#rawOffsetOf(start, size);
    const room = size - rawOffset - 4;
    if (room < 0) {
      // Nothing writes a sample too short for its raw_size, but the law of 64 KiB makes one so of a longer sample.
      this.fault = this.format.rawOffset === ABSENT ? 'raw-size' : 'truncated';
      return 0;
    }
    const rawSize = this.view.getUint32(start + rawOffset, true);
    if (rawSize > room) {
      // The kernel's law of 64 KiB: header.size is what a longer record leaves of itself in a u16.
      const whole = rawOffset + 4 + rawSize;
      this.fault = whole >= MAX_RECORD_BYTES && (whole & 0xffff) === size ? 'truncated' : 'raw-size';
      return 0;
    }
    this.#stand(start, size, rawOffset + 4, rawSize);
    this.repeats = this.format.rawOffset !== ABSENT;
    return size;
  }

  /** Offset of `raw_size` in this sample; its end where a size before it leads past that. */
  #rawOffsetOf(start: number, size: number): number {
    if (this.format.rawOffset !== ABSENT) return this.format.rawOffset;
    try {
      return this.#fields.moveTo(this.view, start, size, PERF_RECORD_SAMPLE).offsetOf('raw');
    } catch (error) {
      if (!isDamage(error)) throw error;
      return size;
    }
  }

  /**
   * As {@link load}, but only for a sample that is whole where it lies, and whose like can be told by its header words:
   * what the hot loops take. It calls nothing, for a call in a loop costs V8 what it knows of constants.
   * @returns 0 for any other record, and the cursor stands nowhere
   * @internal
   */
  loadStraight(position: number, available: number): number {
    const type = this.view.getUint32(position + HEADER_TYPE, true);
    const size = this.view.getUint16(position + HEADER_SIZE, true);
    const { rawOffset } = this.format;
    this.#stand(0, 0, 0, 0);
    this.repeats = false;
    this.current = this;
    if (type !== PERF_RECORD_SAMPLE || rawOffset < 0 || this.closed) return 0;
    if (this.oneWordTells && this.view.getUint16(position + HEADER_MISC, true) === 0) return 0;
    if (size < rawOffset + 4 || (size & 7) !== 0 || size > available) return 0;
    if (position + size > this.capacityBytes) return 0;
    const rawSize = this.view.getUint32(position + rawOffset, true);
    if (rawSize > size - rawOffset - 4) return 0;
    this.type = PERF_RECORD_SAMPLE;
    this.#stand(position, size, rawOffset + 4, rawSize);
    this.repeats = true;
    return size;
  }

  /** Stands nowhere: reads are out of range until the next load. */
  leave(): void {
    this.#joined?.leave();
    this.current = this;
    this.#stand(0, 0, 0, 0);
    this.late = false;
    this.repeats = false;
  }

  /** For good: every load and every read is refused from here on. */
  close(): void {
    this.leave();
    this.closed = true;
  }

  #stand(start: number, recordBytes: number, payloadStart: number, size: number): void {
    this.base = start + payloadStart;
    this.payloadStart = payloadStart;
    this.size = size;
    this.tailBytes = recordBytes - payloadStart - size;
  }

  /** THE place where a record that wraps is made whole: both parts go to the scratch, its header at 0. */
  #loadJoined(position: number, size: number): number {
    this.#joined ??= this.#makeJoined();
    const joined = this.#joined;
    const count = size >> 2;
    const start = position >> 2;
    const first = this.words.length - start;
    if (size <= SHORT_JOIN_BYTES) {
      for (let i = 0; i < count; i++) {
        joined.words[i] = this.words[i < first ? start + i : i - first] as number;
      }
    } else {
      joined.words.set(this.words.subarray(start));
      joined.words.set(this.words.subarray(0, count - first), first);
    }
    // Checked there, as any record: a hostile writer may have changed the header meanwhile.
    const loaded = joined.load(0, size);
    this.fault = joined.fault;
    this.current = joined;
    return loaded;
  }

  #makeJoined(): RecordCursor {
    const geometry = {
      buffer: new ArrayBuffer(MAX_RECORD_BYTES),
      dataOffset: 0,
      capacityBytes: MAX_RECORD_BYTES,
    };
    return new RecordCursor(geometry, this.format, this.timeOffset, this.cpu, false);
  }

  /**
   * What to throw for what a visitor, or a load, threw: a read of detached memory is a TypeError of the engine's,
   * without a code, and becomes ERR_PERF_CLOSED with it as the cause. Here, so that reads need no check of their own.
   */
  explain(thrown: unknown): unknown {
    if (this.#attached() || !types.isNativeError(thrown) || thrown.name !== 'TypeError' || 'code' in thrown) {
      return thrown;
    }
    return detached(thrown);
  }

  /**
   * Copies from detached memory would not throw: they would copy nothing.
   * @throws PerfRingError ERR_PERF_CLOSED
   */
  checkAttached(): void {
    if (this.words.length === 0) throw detached();
  }

  #attached(): boolean {
    return bufferLength(this.words.buffer) > 0;
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof PerfRingError && error.code === 'ERR_PERF_RECORD_DAMAGED';
}

function detached(cause?: unknown): PerfRingError {
  return new PerfRingError(
    'ERR_PERF_CLOSED',
    'the memory of the ring was detached while it was read: do not transfer it before close()',
    { cause },
  );
}
