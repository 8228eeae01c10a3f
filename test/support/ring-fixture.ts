import { ringGeometry } from '../../lib/ring/geometry';
import { atomicsHelpers, MemoryCursors } from '../../lib/ring/memory-cursors';
import { internalsOf, type PerfRing, perfRingOver } from '../../lib/ring/perf-ring';
import { type PerfRingOptions, ringOptions } from '../../lib/ring/ring-options';
import type { LoopName, MakeCursors } from './ring-cursor-kinds';

export interface RingFixtureOptions extends PerfRingOptions {
  readonly cursors?: MakeCursors;
  /** 1 by default. */
  readonly dataPageCount?: number;
  /** 2048 by default, the smallest, so that records often wrap. */
  readonly pageSize?: number;
  readonly shared?: boolean;
  /** The initial data_head and data_tail, as if this many bytes had been written and read before. 0 by default. */
  readonly position?: number | bigint;
  /** The loop that visits samples: always `mixed`, or `equal` until there are short runs. */
  readonly loop?: LoopName;
  /** The initial value of the bytes of the data area, which in a used ring are not 0. 0 by default. */
  readonly fill?: number;
}

/** A ring in memory, and access to its memory for the other side of the protocol, without the code under test. */
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
      cursors = (geometry) => new MemoryCursors(geometry, atomicsHelpers),
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
    const made = cursors(geometry);
    this.ring = perfRingOver(geometry, ringOptions(rest), made, made);
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

  /** Bytes of the data area from `offset` on, continued at its start. */
  bytesAt(offset: number, length: number): number[] {
    return Array.from({ length }, (_, i) => this.data[(offset + i) % this.capacityBytes] as number);
  }

  /** Writes records at data_head and publishes them, as the kernel does. */
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

  /** Detaches the memory, as `transfer()` does, or a stream that takes it over. */
  detach(): void {
    structuredClone(this.memory, { transfer: [this.memory as ArrayBuffer] });
  }
}
