import type { BpfRingHandle, NativeAddon } from '../addon/contract';
import { isErrno } from '../abi/errno';
import { bpfError } from '../bpf/bpf-error';
import type { RingBufferMap } from '../bpf/ring-buffer-map';
import { BpfRing } from '../bpf-ring/bpf-ring';
import { MappedBpfCursors } from '../bpf-ring/mapped-bpf-cursors';

/** The mapping of a ring buffer map, and the ring in it. */
export class RingBufferStorage {
  readonly ring: BpfRing;
  readonly #native: NativeAddon;
  readonly #mapping: BpfRingHandle;

  /** @throws PerfSystemError of mmap(2), EFBIG for a map of more than 512 MiB */
  constructor(native: NativeAddon, map: RingBufferMap) {
    const pageSize = native.pageSize();
    const { capacityBytes } = map;
    this.#native = native;
    const mapping = native.bpfRingMap(map.handle);
    if (typeof mapping === 'number') throw mapError(mapping, map);
    this.#mapping = mapping;
    try {
      const memory = native.bpfRingBuffer(mapping);
      if (typeof memory === 'number' && !isErrno(memory, 'EOPNOTSUPP')) throw mapError(memory, map);
      const isCopy = typeof memory === 'number';
      const area = isCopy ? new ArrayBuffer(pageSize + 2 * capacityBytes) : memory;
      const parts = { memory: area, pageSize, capacityBytes };
      const cursors = new MappedBpfCursors(native, mapping, parts, isCopy);
      this.ring = new BpfRing({ ...parts, cursors });
    } catch (error) {
      native.bpfRingClose(mapping);
      throw error;
    }
  }

  /** Releases what was read, and unmaps. Idempotent. */
  close(): void {
    this.ring.close();
    this.#native.bpfRingClose(this.#mapping);
  }
}

function mapError(errno: number, { info, capacityBytes }: RingBufferMap): Error {
  return bpfError(errno, 'mmap', `mapping ring buffer map ${info.id} of ${capacityBytes} bytes`, {
    EFBIG: 'perfring reads maps of at most 512 MiB: create it smaller',
    EACCES: 'the descriptor of the map is read-only: a reader writes its position into the map',
    ENOMEM: 'it does not fit into memory: create it smaller',
  });
}
