import { checkBytes } from '../input/plain-data';
import { ownCopy } from '../input/view-span';
import { Btf } from './btf';
import { type BtfEventType, type BtfMap, variablesOf } from './btf-maps';
import { elfFunctions, elfSections } from './elf-sections';

/** A BPF program in an object. */
export interface ObjectProgram {
  readonly name: string;
  /** Name of its section, as given by SEC(): `tp/sched/sched_process_exec`. */
  readonly section: string;
}

/** A global variable of an object. */
export interface ObjectGlobal {
  readonly name: string;
  /** `.rodata`, `.data` or `.bss`, perhaps with a suffix. `.rodata` has constants, set before the object is loaded. */
  readonly section: string;
  /** Id of its type. */
  readonly type: number;
}

/** Contents of a compiled BPF object. */
export interface ObjectDescription {
  readonly btf: Btf;
  readonly programs: readonly ObjectProgram[];
  readonly maps: readonly BtfMap[];
  readonly globals: readonly ObjectGlobal[];
  readonly eventTypes: readonly BtfEventType[];
}

/**
 * Reads the contents of an object file, without the kernel and without libbpf.
 *
 * ```ts
 * const { programs, maps } = describeObject(readFileSync('exec.bpf.o'));
 * console.log(programs.map(({ name, section }) => `${name} (${section})`), maps.map(({ name }) => name));
 * ```
 * @param bytes contents of a `.bpf.o` file that clang has compiled with -g; the bytes are copied
 * @throws PerfRingError ERR_PERF_OBJECT_DAMAGED; ERR_PERF_BTF_DAMAGED; ERR_PERF_TYPE_UNKNOWN; ERR_PERF_INVALID_ARGUMENT
 */
export function describeObject(bytes: Uint8Array): ObjectDescription {
  checkBytes(bytes, 'bytes');
  const copy = ownCopy(bytes);
  const btf = Btf.parse(copy);
  const functions = elfFunctions(elfSections(copy));
  return {
    btf,
    // Functions in .text are not programs: programs call them.
    programs: functions
      .filter(({ section, isGlobal }) => isGlobal && section !== '.text')
      .map(({ name, section }) => ({ name, section })),
    maps: btf.maps(),
    globals: variablesOf(btf, (section) => /^\.(?:rodata|data|bss)/.test(section)).filter(
      ({ type }) => btf.type(btf.resolve(type)).kind !== 'ptr',
    ),
    eventTypes: btf.eventTypes(),
  };
}
