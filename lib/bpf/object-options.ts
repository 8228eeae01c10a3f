import type { BpfMap } from './bpf-map';
import type { ObjectTypes } from './object-types';

/** Options of {@link BpfObject.open}. */
export interface BpfObjectOptions<Types extends ObjectTypes = ObjectTypes> {
  /**
   * The object's name, for messages and as a prefix of its global variables' maps; by default the file name, or
   * `object` for bytes.
   */
  readonly name?: string;
  /** The directory for maps whose definition asks for a pin (LIBBPF_PIN_BY_NAME); `/sys/fs/bpf` by default. */
  readonly pinRoot?: string;
  /** A module of `perfring gen`. Its names are checked when the object is opened, and are types for the compiler. */
  readonly types?: Types;
}

/** Options of {@link BpfObject.load}. */
export interface ObjectLoadOptions<Program extends string = string> {
  /** Names of the programs to load; by default all, except those whose section begins with `?`. */
  readonly only?: readonly Program[];
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
