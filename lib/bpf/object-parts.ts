import type { BpfObjectHandle, BpfObjectMapInfo, BpfObjectProgramInfo, NativeAddon } from '../addon/contract';
import { isErrno } from '../abi/errno';
import { PerfRingError } from '../errors';
import { named } from '../input/shown';
import { bpfError } from './bpf-error';
import { BpfMap } from './bpf-map';
import { BpfProgram } from './bpf-program';

/** The maps and programs of a loaded object, each opened at its first use. */
export class ObjectParts {
  readonly #native: NativeAddon;
  readonly #maps = new Map<string, BpfMap>();
  readonly #programs = new Map<string, BpfProgram>();

  constructor(native: NativeAddon) {
    this.#native = native;
  }

  /** The map with this index; a new BpfMap when the last one was closed. */
  map(handle: BpfObjectHandle, index: number, { name }: BpfObjectMapInfo): BpfMap {
    const known = this.#maps.get(name);
    if (known !== undefined && !known.closed) return known;
    const opened = this.#native.bpfObjectOpenMap(handle, index);
    if (typeof opened === 'number')
      throw bpfError(opened, 'fcntl(F_DUPFD_CLOEXEC)', `opening the map ${name}`);
    const map = BpfMap.ofHandle(this.#native, opened, `the map ${name}`);
    this.#maps.set(name, map);
    return map;
  }

  /**
   * The program with this index; a new BpfProgram when the last one was closed.
   * @throws PerfRingError ERR_PERF_NOT_LOADED for a program that the load left out
   */
  program(handle: BpfObjectHandle, index: number, { name }: BpfObjectProgramInfo): BpfProgram {
    const known = this.#programs.get(name);
    if (known !== undefined && !known.closed) return known;
    const opened = this.#native.bpfObjectOpenProgram(handle, index);
    if (typeof opened === 'number') {
      if (!isErrno(opened, 'ENOENT'))
        throw bpfError(opened, 'fcntl(F_DUPFD_CLOEXEC)', `opening the program ${name}`);
      throw new PerfRingError(
        'ERR_PERF_NOT_LOADED',
        `program ${name} was not loaded: name it in load({ only })`,
      );
    }
    const program = BpfProgram.ofHandle(this.#native, opened, name);
    this.#programs.set(name, program);
    return program;
  }

  /** Steps that close all of them. */
  closing(): (() => void)[] {
    return [...this.#programs.values(), ...this.#maps.values()].map((one) => () => one.close());
  }
}

/** The index of a name in a list. @throws PerfRingError ERR_PERF_INVALID_ARGUMENT, with the names that there are */
export function indexOf(name: string, names: readonly string[], what: string, object: string): number {
  const index = names.indexOf(name);
  if (index >= 0) return index;
  throw new PerfRingError(
    'ERR_PERF_INVALID_ARGUMENT',
    `${named(object)} has no ${what} ${named(name)}; there are ${names.join(', ')}`,
  );
}
