import { BPF_MAP_TYPE_PERF_EVENT_ARRAY } from '../../lib/abi/bpf';
import type { NativeAddon } from '../../lib/addon/contract';
import { addon } from '../../lib/addon/load';
import { fakeNative } from './fake-native';
import { fakeRingGroup } from './fake-ring-group';

/** A ring in memory that the collector treats as a mapped one. */
export interface FakeRing {
  readonly memory: ArrayBuffer;
  /** data_head and data_tail. */
  readonly positions: BigUint64Array;
  readonly data: Uint8Array;
}

/**
 * An addon whose rings are memory of the test, which can be given contents that the kernel never writes. It needs no
 * privilege.
 */
export class FakeKernel {
  /** In the order in which they were mapped. */
  readonly rings: FakeRing[] = [];
  readonly native: NativeAddon;

  constructor() {
    const real = addon();
    const pageSize = real.pageSize();
    const metadata = (ring: FakeRing): DataView => new DataView(ring.memory, 0, pageSize);
    this.native = fakeNative({
      ...real,
      perfEventOpen: () => ({}),
      perfEventFd: () => -1,
      perfEventEnable: () => 0,
      perfEventReset: () => 0,
      perfEventId: () => 1,
      perfEventSetOutput: () => 0,
      perfEventRead: (_event: unknown, words: BigUint64Array) => words.fill(0n).length,
      perfEventClose: () => 0,
      ringMap: (_event: unknown, pages: number) => {
        const memory = new ArrayBuffer((1 + pages) * pageSize);
        const ring = {
          memory,
          positions: new BigUint64Array(memory, 1024, 2),
          data: new Uint8Array(memory, pageSize),
        };
        this.rings.push(ring);
        return ring;
      },
      ringBuffer: (ring: FakeRing) => ring.memory,
      ringGroup: fakeRingGroup,
      ringSkipToHead: (ring: FakeRing) => real.cursorSkipToHead(metadata(ring)),
      ringSnapshot: (ring: FakeRing, target: Uint8Array, position: BigUint64Array) => {
        target.set(ring.data);
        position[0] = ring.positions[0] as bigint;
        return Number((ring.positions[0] as bigint) % BigInt(ring.data.length));
      },
      ringClose: () => 0,
      pollerAdd: () => 0,
      pollerRemove: () => 0,
      bpfMapCreate: () => ({}),
      bpfMapInfo: () => ({
        type: BPF_MAP_TYPE_PERF_EVENT_ARRAY,
        id: 1,
        keySize: 4,
        valueSize: 4,
        maxEntries: 65_536,
        flags: 0,
        name: '',
      }),
      bpfMapFd: () => -1,
      bpfMapSetEvent: () => 0,
      bpfMapDelete: () => 0,
      bpfMapClose: () => 0,
    });
  }
}
