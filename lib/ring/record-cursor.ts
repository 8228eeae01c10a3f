import { types } from 'node:util';
import { HEADER_BYTES, HEADER_MISC, HEADER_SIZE, HEADER_TYPE, PERF_RECORD_SAMPLE } from '../abi/perf-event';
import { PerfRingError } from '../errors';
import { bufferLength } from '../input/view-span';
import type { RingGeometry } from './geometry';
import { ABSENT, type RecordFormat } from '../records/record-format';
import { RecordView } from '../records/record-view';
import { lentRecordOf } from '../records/lent-record';
import type { RingRecord } from '../records/record';

/** Upper limit of a record's bytes: header.size is a u16. */
export const MAX_RECORD_BYTES = 65_536;

/** Records up to this size that wrap are copied word by word: cheaper than making two views of their parts. */
const SHORT_JOIN_BYTES = 512;

/** The data area of a ring, from its geometry. */
type DataArea = Pick<RingGeometry, 'buffer' | 'dataOffset' | 'capacityBytes'>;

/** Why {@link RecordCursor.load} refused a header. */
export type HeaderFault = 'size' | 'beyond-available' | 'raw-size' | 'truncated' | 'closed';

/**
 * Stands on one record of a ring, after checking the record's header. Users never get the cursor: they get `record`,
 * which reads the record that the cursor stands on.
 *
 * While headers repeat, lib/ring/record-scan.ts moves the cursor by setting `base` alone. A record that wraps is copied
 * into scratch memory, which has a second cursor. So the memory of a cursor never changes, and is a constant to V8.
 */
export class RecordCursor {
  /** The data area, or the scratch memory. */
  readonly view: DataView<ArrayBufferLike>;
  /** The same memory as 64-bit words: a perf header (8 bytes) is one word. */
  readonly doubles: Float64Array<ArrayBufferLike>;
  /** The object that visitors get; it reads the record under this cursor. */
  readonly record: RingRecord;
  /** The cursor on the loaded record: this one, or the one of the scratch memory for a record that wraps. */
  current: RecordCursor = this;
  /** Offset of the payload in `view`, bytes. */
  base = 0;
  /** Payload length, bytes; 0 while the cursor stands nowhere, so that every read is out of range. */
  size = 0;
  type = 0;
  late = false;
  readonly cpu: number;
  /**
   * The loaded record is a sample that does not wrap and has its payload at a fixed offset: the next sample may be
   * recognised by comparing header words.
   */
  repeats = false;
  fault: HeaderFault = 'size';
  /** The records are payloads without a perf header and its fields: records of a BPF ring buffer. */
  payloadAlone = false;
  /** The ring was closed, perhaps by the running visitor: the scan ends. */
  closed = false;

  readonly words: Int32Array<ArrayBufferLike>;
  readonly capacityBytes: number;
  readonly format: RecordFormat;
  /** Offset of the time from the start of a sample, bytes; ABSENT if samples have no time. */
  readonly timeOffset: number;
  /** For records other than samples: bytes from the time to the end of the record; ABSENT if they have no time. */
  readonly timeFromEnd: number;
  /**
   * The 64-bit word at HEADER_MISC (misc, size, raw_size) suffices to recognise a sample like the one before: only the
   * kernel writes the ring, and `misc` is 0 in all records other than samples, and not 0 in samples.
   */
  readonly oneWordTells: boolean;

  /** Offset of the payload from the record's start; 0 while the cursor stands nowhere. */
  payloadStart = 0;
  /** Bytes of the record after its payload; 0 while the cursor stands nowhere. */
  tailBytes = 0;
  /** How often the cursor left the ring. Bytes of the ring change only after that. */
  visits = 0;
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
    // A time in the payload may come from another clock than the time in the kernel's records.
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
   * Checks the header at `position` and moves the cursor to that record.
   * Each word of the ring is read once: if a hostile writer changes it afterwards, reads still stay in bounds.
   * @param position offset in the data area, bytes, a multiple of 8
   * @param available bytes published from `position` on, at most the capacity
   * @returns the record's bytes in the ring; or 0, with `fault` set and the cursor standing nowhere
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
      // The kernel writes no sample too short for raw_size, but a size of 64 KiB or more, cut to a u16, looks like one.
      this.fault = this.format.rawOffset === ABSENT ? 'raw-size' : 'truncated';
      return 0;
    }
    const rawSize = this.view.getUint32(start + rawOffset, true);
    if (rawSize > room) {
      // For a record of 64 KiB or more the kernel stores only the low 16 bits of the size in header.size.
      const whole = rawOffset + 4 + rawSize;
      this.fault = whole >= MAX_RECORD_BYTES && (whole & 0xffff) === size ? 'truncated' : 'raw-size';
      return 0;
    }
    this.#stand(start, size, rawOffset + 4, rawSize);
    this.repeats = this.format.rawOffset !== ABSENT;
    return size;
  }

  /** Offset of `raw_size` in this sample; the sample's end when a damaged field before it reaches past that end. */
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
   * Like {@link load}, for the hot loops: accepts only a sample that does not wrap and has its payload at a fixed
   * offset. It makes no calls that V8 can't inline: after such a call in a loop, V8 loads the ring's constants anew.
   * @returns the sample's bytes in the ring; 0 for any other record, and the cursor stands nowhere
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

  /** Leaves the record: the cursor stands nowhere, and reads are out of range until the next load. */
  leave(): void {
    this.#joined?.leave();
    this.current = this;
    this.#stand(0, 0, 0, 0);
    this.late = false;
    this.repeats = false;
    this.visits++;
  }

  /** Closes the cursor for good: every later load fails, and every later read is out of range. */
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

  /** The only place where a record that wraps is joined: copies both parts to the scratch memory, header at 0. */
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
    // The copy is checked again, like any record: a hostile writer may have changed the header meanwhile.
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
   * Returns the error to throw for what a visitor or a load threw. A read of detached memory throws V8's TypeError,
   * without a code: it becomes ERR_PERF_CLOSED, with that TypeError as the cause. So reads need no check for it.
   */
  explain(thrown: unknown): unknown {
    if (this.#attached() || !types.isNativeError(thrown) || thrown.name !== 'TypeError' || 'code' in thrown) {
      return thrown;
    }
    return detached(thrown);
  }

  /**
   * Called before copies: a copy from detached memory does not throw, it copies nothing.
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
