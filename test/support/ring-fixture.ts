import { AtomicsCursors } from '../../lib/ring/atomics-cursors';
import { ringGeometry } from '../../lib/ring/geometry';
import { internalsOf, PerfRing } from '../../lib/ring/perf-ring';
import type { PerfRingOptions } from '../../lib/ring/ring-options';
import type { LoopName, MakeCursors } from './ring-cursor-kinds';

export interface RingFixtureOptions extends Omit<PerfRingOptions, 'cursors'> {
  readonly cursors?: MakeCursors;
  /** 1 by default. */
  readonly dataPageCount?: number;
  /** 2048 by default, the smallest: wraps are near. */
  readonly pageSize?: number;
  readonly shared?: boolean;
  /** Where data_head and data_tail begin: as if so many bytes had been written and read before. 0 by default. */
  readonly position?: number | bigint;
  /** The loop that visits samples: `mixed` always, or `equal` until it meets short runs. */
  readonly loop?: LoopName;
  /** What the data area holds before: rings are used again and again. 0 by default. */
  readonly fill?: number;
}

/** A ring in memory, and the memory as the other side of the protocol sees it: without the code under test. */
export class RingFixture {
  readonly memory: ArrayBuffer | SharedArrayBuffer;
  readonly ring: PerfRing;
  /** The data area. */
  readonly data: Uint8Array;
  readonly view: DataView;
  readonly #positions: BigUint64Array;

  constructor(options: RingFixtureOptions = {}) {
    const {
      dataPageCount = 1,
      pageSize = 2048,
      shared = false,
      position = 0,
      fill = 0,
      loop = 'equal',
      cursors = (geometry) => new AtomicsCursors(geometry),
      ...rest
    } = options;
    const bytes = (1 + dataPageCount) * pageSize;
    this.memory = shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
    this.data = new Uint8Array(this.memory, pageSize).fill(fill);
    this.view = new DataView(this.memory, pageSize);
    this.#positions = new BigUint64Array(this.memory, 1024, 2);
    this.head = BigInt(position);
    this.tail = BigInt(position);
    const geometry = ringGeometry(this.memory, dataPageCount, pageSize);
    this.ring = PerfRing.initContiguous(this.memory, dataPageCount, pageSize, {
      ...rest,
      cursors: cursors(geometry),
    });
    if (loop === 'mixed') internalsOf(this.ring).state.mixedCalls = Number.MAX_SAFE_INTEGER;
  }

  get capacityBytes(): number {
    return this.data.length;
  }

  get head(): bigint {
    return this.#positions[0] as bigint;
  }

  set head(value: bigint) {
    this.#positions[0] = value;
  }

  get tail(): bigint {
    return this.#positions[1] as bigint;
  }

  set tail(value: bigint) {
    this.#positions[1] = value;
  }

  /** Bytes of the data area from `offset` on, across its end. */
  bytesAt(offset: number, length: number): number[] {
    return Array.from({ length }, (_, i) => this.data[(offset + i) % this.capacityBytes] as number);
  }

  /** Puts records where data_head stands, and publishes them, as the kernel would. */
  publish(...records: readonly Uint8Array[]): void {
    for (const record of records) {
      for (const byte of record) {
        this.data[Number(this.head % BigInt(this.capacityBytes))] = byte;
        this.head += 1n;
      }
    }
  }

  /** Writes payloads in one batch. */
  write(...payloads: readonly Uint8Array[]): void {
    this.ring.startWriteBatch();
    for (const payload of payloads) this.ring.write(payload);
    this.ring.finishWriteBatch();
  }

  /** Detaches the memory, as `transfer()` or a stream that takes it would. */
  detach(): void {
    structuredClone(this.memory, { transfer: [this.memory as ArrayBuffer] });
  }
}
