import type { BpfMap } from './bpf-map';

/** Options of {@link BpfObject.open}. */
export interface BpfObjectOptions {
  /**
   * The object's name, for messages and as a prefix of its global variables' maps; by default the file name, or
   * `object` for bytes.
   */
  readonly name?: string;
  /** The directory for maps whose definition asks for a pin (LIBBPF_PIN_BY_NAME); `/sys/fs/bpf` by default. */
  readonly pinRoot?: string;
}

/** Options of {@link BpfObject.load}. */
export interface ObjectLoadOptions {
  /** Names of the programs to load; by default all, except those whose section begins with `?`. */
  readonly only?: readonly string[];
  /** Path of BTF for CO-RE to use in place of the kernel's. */
  readonly btf?: string;
  /**
   * When it aborts, the load rejects with its reason. The verifier cannot be interrupted: the load rejects after it has
   * ended, and nothing stays loaded.
   */
  readonly signal?: AbortSignal;
}

/** Options of {@link BpfObject.configureMap}. */
export interface MapOptions {
  /** Number of entries, in place of that in the definition. */
  readonly maxEntries?: number;
  /**
   * A map, or the path of a pinned one, that the programs use instead. It must have the same type and sizes. The object
   * does not close it.
   */
  readonly replaceBy?: BpfMap | string;
}
