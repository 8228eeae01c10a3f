import type { PerfRing } from '../ring/perf-ring';

/** Memory that holds a ring, written by the kernel or by a program. */
export interface RingStorage extends Disposable {
  /** The ring in this memory. It is closed with the storage. */
  readonly ring: PerfRing;
  /** Number of data pages: a power of two. */
  readonly dataPageCount: number;
  readonly pageSize: number;
  /** Descriptor of the perf event: never close it. -1 for memory without an event. */
  readonly fileDescriptor: number;
  /**
   * The pages, the metadata page first. **Unsafe**: in a mapping of the kernel's pages, a store into a data page kills
   * the process (SIGBUS), and an alias made by `transfer()` or `structuredClone` reads unmapped memory after close.
   */
  readonly unsafeMemory: ArrayBuffer | SharedArrayBuffer;
  readonly closed: boolean;
  /** Closes the ring, and frees the mapping and the event, if there are any. Idempotent, and allowed in a visitor. */
  close(): void;
}
