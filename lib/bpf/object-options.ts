import type { BpfMap } from './bpf-map';

/** Options of {@link BpfObject.open}. */
export interface BpfObjectOptions {
  /**
   * For messages, and the prefix of the kernel's names of global variables; by default that of the file, or `object`.
   */
  readonly name?: string;
  /** Where maps are pinned whose definition says so (LIBBPF_PIN_BY_NAME); `/sys/fs/bpf` by default. */
  readonly pinRoot?: string;
}

/** Options of {@link BpfObject.load}. */
export interface ObjectLoadOptions {
  /** Names of the programs to load; by default all, except those whose section begins with `?`. */
  readonly only?: readonly string[];
  /** Path of the BTF that CO-RE uses in place of the kernel's. */
  readonly btf?: string;
  /**
   * Rejects with its reason. The verifier can't be interrupted: that happens when it has ended, and nothing stays
   * loaded.
   */
  readonly signal?: AbortSignal;
}

/** Options of {@link BpfObject.configureMap}. */
export interface MapOptions {
  /** In place of those of its definition. */
  readonly maxEntries?: number;
  /**
   * The programs use this map, or the one that is pinned at this path: of the same type and sizes. It stays its
   * owner's.
   */
  readonly replaceBy?: BpfMap | string;
}
