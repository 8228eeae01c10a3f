import { checkBytes } from '../input/plain-data';
import { ownCopy } from '../input/view-span';
import { Btf } from './btf';
import { type BtfEventType, type BtfMap, variablesOf } from './btf-maps';
import { elfFunctions, elfSections } from './elf-sections';

/** A program of an object. */
export interface ObjectProgram {
  readonly name: string;
  /** What SEC() says: `tp/sched/sched_process_exec`. */
  readonly section: string;
}

/** A global variable of an object. */
export interface ObjectGlobal {
  readonly name: string;
  /** `.rodata` holds constants, which are set before the object is loaded. */
  readonly section: string;
  /** Id of its type. */
  readonly type: number;
}

/** What a compiled BPF object holds. */
export interface ObjectDescription {
  readonly btf: Btf;
  readonly programs: readonly ObjectProgram[];
  readonly maps: readonly BtfMap[];
  readonly globals: readonly ObjectGlobal[];
  readonly eventTypes: readonly BtfEventType[];
}

/**
 * Reads what an object file holds, without the kernel and without libbpf.
 *
 * ```ts
 * const { programs, maps } = describeObject(readFileSync('exec.bpf.o'));
 * console.log(programs.map(({ name, section }) => `${name} (${section})`), maps.map(({ name }) => name));
 * ```
 * @param bytes of a `.bpf.o` file that clang has compiled with -g
 * @throws PerfRingError ERR_PERF_OBJECT_DAMAGED; ERR_PERF_BTF_DAMAGED; ERR_PERF_TYPE_UNKNOWN; ERR_PERF_INVALID_ARGUMENT
 */
export function describeObject(bytes: Uint8Array): ObjectDescription {
  checkBytes(bytes, 'bytes');
  const copy = ownCopy(bytes);
  const btf = Btf.parse(copy);
  const functions = elfFunctions(elfSections(copy));
  return {
    btf,
    // Functions in .text are those that programs call.
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
