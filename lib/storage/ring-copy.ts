import { HEADER_BYTES, HEADER_SIZE, MMAP_PAGE_DATA_HEAD, MMAP_PAGE_DATA_TAIL } from '../abi/perf-event';
import { PerfRing } from '../ring/perf-ring';
import type { MmapRingStorage } from './mmap-ring-storage';

/**
 * A copy of the whole records in an overwriting ring, oldest first, as a ring in memory. The kernel writes such a ring
 * backward, so that the newest record is the first.
 */
export class RingCopy {
  /** Number of records. */
  readonly records: number;
  /** Bytes written to the ring since it was opened, modulo 2^64. */
  readonly writtenBytes: bigint;
  readonly #ring: PerfRing;
  readonly #metadata: DataView;

  /**
   * @param margin leaves out this many of the oldest bytes of a full ring: a program may be overwriting them
   * @param since leaves out what was written up to this value of {@link writtenBytes}
   * @throws PerfRingError as {@link MmapRingStorage.snapshot}
   */
  constructor(storage: MmapRingStorage, margin: number, since = 0n) {
    const { pageSize, dataPageCount } = storage;
    const capacity = pageSize * dataPageCount;
    const newestFirst = new Uint8Array(capacity);
    const { overwrittenBytes, writtenBytes } = storage.snapshot(newestFirst);
    const whole = Math.max(0, capacity - overwrittenBytes - margin);
    const added = BigInt.asUintN(64, writtenBytes - since);
    const sizes = recordSizes(newestFirst, added < BigInt(whole) ? Number(added) : whole);
    const memory = new ArrayBuffer(pageSize + capacity);
    const data = new Uint8Array(memory, pageSize);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    let from = 0;
    let to = total;
    for (const size of sizes) {
      to -= size;
      data.set(newestFirst.subarray(from, from + size), to);
      from += size;
    }
    this.records = sizes.length;
    this.writtenBytes = writtenBytes;
    this.#metadata = new DataView(memory, 0, pageSize);
    this.#metadata.setBigUint64(MMAP_PAGE_DATA_HEAD, BigInt(total), true);
    const { format, event } = storage;
    this.#ring = PerfRing.initContiguous(memory, dataPageCount, pageSize, { format, cpu: event.cpu });
  }

  /** The ring, to be read from its first record. */
  rewound(): PerfRing {
    this.#metadata.setBigUint64(MMAP_PAGE_DATA_TAIL, 0n, true);
    return this.#ring;
  }
}

/** Sizes of the whole records from the newest on, within the first `valid` bytes. */
function recordSizes(newestFirst: Uint8Array, valid: number): number[] {
  const view = new DataView(newestFirst.buffer, newestFirst.byteOffset, newestFirst.byteLength);
  const sizes: number[] = [];
  for (let offset = 0; offset + HEADER_BYTES <= valid; ) {
    const size = view.getUint16(offset + HEADER_SIZE, true);
    if (size < HEADER_BYTES || size % 8 !== 0 || offset + size > valid) break;
    sizes.push(size);
    offset += size;
  }
  return sizes;
}
