import { HEADER_BYTES, HEADER_MISC, HEADER_SIZE, HEADER_TYPE, PERF_RECORD_SAMPLE } from '../abi/perf-event';
import { PerfRingError } from '../errors';
import type { RingGeometry } from './geometry';
import { shown } from '../input/shown';
import { partOf } from '../input/view-span';

/** Most bytes of a record: the largest multiple of 8 that fits into the u16 header.size. */
const LARGEST_RECORD_BYTES = 65_528;

const roundUp8 = (value: number): number => Math.ceil(value / 8) * 8;

/** Bytes before the payload: the header, and for a sample `raw_size`. */
function payloadStartOf(type: number): number {
  return type === PERF_RECORD_SAMPLE ? HEADER_BYTES + 4 : HEADER_BYTES;
}

/** Bytes in the ring of a record with `length` payload bytes: the kernel's header.size. */
export function framedBytes(length: number, type: number): number {
  return roundUp8(payloadStartOf(type) + length);
}

/**
 * Writes records framed as the kernel does in perf_output_sample() and perf_output_copy(): header, for a sample
 * `raw_size` = roundup8(n + 4) - 4, n bytes of payload, zeros up to a multiple of 8. Wraps records at the end of the
 * data area.
 *
 * @see https://github.com/torvalds/linux/blob/v6.12/kernel/events/core.c perf_output_sample
 */
export class RecordWriter {
  readonly #data: DataView<ArrayBufferLike>;
  readonly #bytes: Uint8Array<ArrayBufferLike>;
  readonly #capacityBytes: number;
  readonly #largestBytes: number;

  constructor(geometry: RingGeometry) {
    this.#data = new DataView(geometry.buffer, geometry.dataOffset, geometry.capacityBytes);
    this.#bytes = new Uint8Array(geometry.buffer, geometry.dataOffset, geometry.capacityBytes);
    this.#capacityBytes = geometry.capacityBytes;
    this.#largestBytes = Math.min(LARGEST_RECORD_BYTES, geometry.capacityBytes);
  }

  /** @throws PerfRingError ERR_PERF_INVALID_ARGUMENT, ERR_PERF_EMPTY_WRITE, ERR_PERF_RECORD_TOO_LARGE */
  check(length: number, type: number): void {
    if (!Number.isInteger(type) || type < 0 || type > 0xffff_ffff) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_ARGUMENT',
        `type must be a u32 (PERF_RECORD_*), got ${shown(type)}`,
      );
    }
    if (length === 0) {
      throw new PerfRingError('ERR_PERF_EMPTY_WRITE', 'a record needs at least one byte of payload');
    }
    const size = framedBytes(length, type);
    if (size > this.#largestBytes) {
      throw new PerfRingError(
        'ERR_PERF_RECORD_TOO_LARGE',
        `a payload of ${length} bytes makes a record of ${size}; this ring takes at most ${this.#largestBytes}`,
      );
    }
  }

  /**
   * Writes one record. The caller has called check() and made sure of the room.
   * @param position offset of the record in the data area, bytes
   * @param length of `data` in bytes, as passed to check()
   * @returns the payload's offset in the data area, bytes
   * @throws PerfRingError ERR_PERF_CLOSED when the memory was detached
   */
  write(position: number, data: Uint8Array, length: number, type: number): number {
    if (this.#bytes.length === 0) {
      throw new PerfRingError('ERR_PERF_CLOSED', 'the memory of the ring was detached');
    }
    const size = framedBytes(length, type);
    const start = payloadStartOf(type);
    this.#data.setUint32(position + HEADER_TYPE, type, true);
    this.#data.setUint16(position + HEADER_MISC, 0, true);
    this.#data.setUint16(position + HEADER_SIZE, size, true);
    if (type === PERF_RECORD_SAMPLE)
      this.#data.setUint32(this.#wrap(position + HEADER_BYTES), size - start, true);
    const payload = this.#wrap(position + start);
    this.#copy(payload, data, length);
    this.#zero(this.#wrap(payload + length), size - start - length);
    return payload;
  }

  #wrap(offset: number): number {
    return offset & (this.#capacityBytes - 1);
  }

  #copy(offset: number, data: Uint8Array, length: number): void {
    const first = Math.min(length, this.#capacityBytes - offset);
    if (first === length) {
      this.#bytes.set(data, offset);
    } else {
      this.#bytes.set(partOf(data, 0, first), offset);
      this.#bytes.set(partOf(data, first, length - first), 0);
    }
  }

  #zero(offset: number, length: number): void {
    // Padding never wraps: it lies within the record's last 8 bytes, and the ring ends on an 8-byte boundary.
    this.#bytes.fill(0, offset, offset + length);
  }
}
