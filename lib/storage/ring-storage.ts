import type { PerfRing } from '../ring/perf-ring';

/**
 * Layer 2: memory that holds a ring, whoever writes it.
 */
export interface RingStorage extends Disposable {
  /** The ring over this memory. It is closed with the storage. */
  readonly ring: PerfRing;
  /** A power of two. */
  readonly dataPageCount: number;
  readonly pageSize: number;
  /** Descriptor of the perf event, never to be closed by others; -1 for memory. */
  readonly fileDescriptor: number;
  /**
   * The pages themselves, metadata first. **Unsafe**: over a mapping of the kernel's, a store into a data page kills
   * the process (SIGBUS), and an alias made by `transfer()` or `structuredClone` reads unmapped memory after close.
   */
  readonly unsafeMemory: ArrayBuffer | SharedArrayBuffer;
  readonly closed: boolean;
  /** Frees what the storage holds; idempotent, allowed inside a visitor. */
  close(): void;
}
