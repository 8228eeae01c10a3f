import * as abi from '../../abi/bpf';
import { syscallNumbers } from '../../abi/syscalls';
import { PerfRingError } from '../../errors';
import { type PidNamespace, pidNamespace } from '../../host/namespaces';
import { type ProcessIdentity, processIdentity } from '../../host/process-identity';
import type { FieldValue, SampleLayout } from '../../layout/sample-layout';
import { plainCopy, plainProperties } from '../../input/plain-data';
import { named, shown } from '../../input/shown';
import type { BpfMapOptions } from '../bpf-map';
import { assemble, type Line } from '../instructions';
import { placeOf, type ProgramName, type SamplePlace } from './sample-header';

/** Where a built-in program attaches. */
export type AttachPoint =
  | { readonly kind: 'raw_tracepoint'; readonly name: string }
  | { readonly kind: 'tracepoint'; readonly category: string; readonly name: string };

/**
 * Which events a built-in program samples; with several options, only events that meet them all. Process ids are those
 * of this process's PID namespace, as `ps` shows them.
 */
export interface BuiltinOptions {
  /** Sample only the process with this id, which the kernel calls tgid. It must exist. */
  readonly tgid?: number;
  /** Sample every process except this one; so a collector does not observe itself. */
  readonly excludeTgid?: number;
  /** Sample only threads with this name: the field `comm`, at most 15 bytes. */
  readonly comm?: string;
  /** Sample only processes of this user, by the id of the host. */
  readonly uid?: number;
  /** Sample only processes in this cgroup, and below it: the path of its directory in a cgroup2 file system. */
  readonly cgroup?: string;
  /** For sys_enter and sys_exit: sample only this system call, by its name or its number in <asm/unistd.h>. */
  readonly syscall?: number | string;
}

/** {@link BuiltinOptions} in the form that a program needs: which events it samples, and how it numbers processes. */
export interface SampleScope {
  /** The PID namespace of the process ids in samples; `null` for the initial one. */
  readonly namespace: PidNamespace | null;
  readonly only: ProcessIdentity | undefined;
  readonly except: ProcessIdentity | undefined;
  readonly comm: string | undefined;
  readonly uid: number | undefined;
  readonly syscall: number | undefined;
}

/** The descriptors of the maps that a program uses. */
export interface MapFds {
  /** The perf event array for its samples. */
  readonly output: number;
  /** With the option `cgroup`: an array of cgroups, with the cgroup in slot 0. */
  readonly cgroup?: number | undefined;
  /** The program's own map. */
  readonly own?: number | undefined;
}

/** A part of a built-in program: instructions, and where they attach. */
export interface BuiltinPart {
  readonly attach: AttachPoint;
  readonly instructions: Uint8Array;
}

/** A program that is part of the library. Each of its samples begins with the fields time, tid, pid, comm and program. */
export interface BuiltinProgram<
  Name extends string = string,
  Values = { readonly [name: string]: FieldValue },
> {
  readonly name: Name;
  /** One line of text, for lists. */
  readonly description: string;
  /** Where its samples are made. */
  readonly attach: AttachPoint;
  readonly layout: SampleLayout<Values>;
  /** The names of the options that it supports. */
  readonly options: readonly (keyof BuiltinOptions)[];
  /** True when it needs the types of the running kernel, /sys/kernel/btf/vmlinux. */
  readonly needsKernelTypes: boolean;
  /** The maps that it needs beside the perf event array. Their descriptors are passed to {@link build}. */
  maps(options: BuiltinOptions): { readonly own?: BpfMapOptions; readonly cgroup?: BpfMapOptions };
  /**
   * The program's parts, in the order in which they are attached. They write to the perf event array with the
   * descriptor `output.fd`.
   * @throws PerfRingError ERR_PERF_INVALID_OPTION, ERR_PERF_INVALID_ARGUMENT; ERR_PERF_NOT_SUPPORTED without the
   *   kernel's types; PerfSystemError EACCES when the namespace of a process in a nested PID namespace can't be read
   */
  build(
    output: { readonly fd: number },
    options: BuiltinOptions,
    maps?: { readonly own?: { readonly fd: number }; readonly cgroup?: { readonly fd: number } },
  ): readonly BuiltinPart[];
}

/** What the instructions of a program depend on. */
export interface Build {
  readonly maps: MapFds;
  readonly scope: SampleScope;
  /** Where the sample is made. */
  readonly place: SamplePlace;
}

/** The definition of a built-in program. */
interface Definition<Name, Values> {
  readonly name: Name;
  readonly description: string;
  readonly attach: AttachPoint;
  /** Makes the layout when it is first used: that takes longer than to load the rest of the library. */
  readonly layout: () => SampleLayout<Values>;
  /** Options in addition to those of all programs. */
  readonly options?: readonly (keyof BuiltinOptions)[];
  readonly needsKernelTypes?: true;
  /** A map of its own. */
  readonly map?: (sampleBytes: number) => BpfMapOptions;
  /** r9: the sample is larger than the stack, and lies in the value of a map. r10 by default. */
  readonly base?: 'r9';
  readonly lines: (build: Build) => readonly Line[];
  /** A part that sees the beginning of what {@link lines} samples at its end. */
  readonly beginning?: { readonly attach: AttachPoint; readonly lines: (build: Build) => readonly Line[] };
}

const COMMON_OPTIONS = ['tgid', 'excludeTgid', 'comm', 'uid', 'cgroup'] as const;

/** Makes a built-in program. */
export function builtinProgram<const Name extends ProgramName, Values>(
  definition: Definition<Name, Values>,
): BuiltinProgram<Name, Values> {
  const { name, description, attach, lines, beginning, base = 'r10', map: ownMap } = definition;
  let layout: SampleLayout<Values> | undefined;
  const builtin: BuiltinProgram<Name, Values> = {
    name,
    description,
    attach,
    get layout() {
      layout ??= definition.layout();
      return layout;
    },
    options: Object.freeze([...COMMON_OPTIONS, ...(definition.options ?? [])]),
    needsKernelTypes: definition.needsKernelTypes === true,
    maps: (options) => {
      const { cgroup } = checkBuiltinOptions(builtin, options);
      return {
        ...(ownMap === undefined ? {} : { own: ownMap(builtin.layout.size) }),
        ...(cgroup === undefined ? {} : { cgroup: CGROUP_MAP }),
      };
    },
    build: (output, options, maps = {}) => {
      const { own, cgroup } = plainProperties(maps, ['own', 'cgroup'], 'ERR_PERF_INVALID_ARGUMENT', 'maps');
      const build: Build = {
        maps: {
          output: fdOf(output, 'output'),
          own: own && fdOf(own, 'maps.own'),
          cgroup: cgroup && fdOf(cgroup, 'maps.cgroup'),
        },
        scope: scopeOf(checkBuiltinOptions(builtin, options)),
        place: placeOf(name, builtin.layout, base),
      };
      const parts = [...(beginning === undefined ? [] : [beginning]), { attach, lines }];
      return withKernelTypes(builtin, () =>
        parts.map((part) => ({ attach: part.attach, instructions: assemble(part.lines(build)) })),
      );
    },
  };
  return Object.freeze(builtin);
}

const CGROUP_MAP: BpfMapOptions = Object.freeze({
  type: abi.BPF_MAP_TYPE_CGROUP_ARRAY,
  keySize: 4,
  valueSize: 4,
  maxEntries: 1,
  name: 'cgroup',
});

/** Names the program in an error about missing types of the kernel. */
function withKernelTypes<Result>({ name }: BuiltinProgram<string, unknown>, make: () => Result): Result {
  try {
    return make();
  } catch (cause) {
    if ((cause as { readonly code?: unknown }).code !== 'ERR_PERF_NOT_SUPPORTED') throw cause;
    throw new PerfRingError(
      'ERR_PERF_NOT_SUPPORTED',
      `the built-in program ${name} needs the kernel's types: ${(cause as Error).message}`,
      { cause },
    );
  }
}

function scopeOf({ tgid, excludeTgid, comm, uid, syscall }: BuiltinOptions): SampleScope {
  return {
    namespace: pidNamespace(),
    only: tgid === undefined ? undefined : processIdentity(tgid),
    except: excludeTgid === undefined ? undefined : processIdentity(excludeTgid),
    comm,
    uid,
    syscall: typeof syscall === 'string' ? syscallNumbers()[syscall] : syscall,
  };
}

function fdOf(map: { readonly fd: number }, what: string): number {
  return plainProperties(map, ['fd'], 'ERR_PERF_INVALID_ARGUMENT', what).fd;
}

/** Most bytes of a thread's name: TASK_COMM_LEN of the kernel without the final NUL. */
const LONGEST_COMM = 15;

/** Highest number of a process or a system call. */
const HIGHEST_NUMBER = 0x7fff_ffff;
/** Highest user id; 0xffffffff stands for no user. */
const HIGHEST_UID = 0xffff_fffe;

/**
 * @returns a copy of the options, checked
 * @throws PerfRingError ERR_PERF_INVALID_OPTION for an option that the program does not support, or a value that it
 *   can't have
 */
export function checkBuiltinOptions(
  program: BuiltinProgram<string, unknown>,
  options: BuiltinOptions,
): BuiltinOptions {
  const plain = plainCopy(options, 'options');
  for (const [name, value] of Object.entries(plain)) {
    if (!(program.options as readonly string[]).includes(name)) {
      throw invalid(
        `the built-in program ${program.name} takes no option ${name}; it takes ${program.options.join(', ')}`,
      );
    }
    if (name === 'comm') checkComm(value);
    else if (name === 'cgroup') checkPath(value);
    else if (name === 'syscall' && typeof value === 'string') checkSyscall(value);
    else checkNumber(name, value, name === 'uid' ? HIGHEST_UID : HIGHEST_NUMBER);
  }
  return plain;
}

function checkNumber(name: string, value: unknown, highest: number): void {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= highest) return;
  throw invalid(`${name} must be a whole number from 0 to ${highest}, got ${shown(value)}`);
}

function checkComm(value: unknown): void {
  const isName = typeof value === 'string' && value !== '' && !value.includes('\0');
  if (isName && Buffer.byteLength(value) <= LONGEST_COMM) return;
  throw invalid(
    `comm must be the name of a thread, of 1 to ${LONGEST_COMM} bytes as the kernel cuts it, got ${shown(value)}`,
  );
}

function checkPath(value: unknown): void {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return;
  throw invalid(`cgroup must be the path of a directory, got ${shown(value)}`);
}

function checkSyscall(name: string): void {
  if (Object.hasOwn(syscallNumbers(), name)) return;
  throw invalid(`there is no system call ${named(name)}; give its name, like openat, or its number`);
}

function invalid(message: string): PerfRingError {
  return new PerfRingError('ERR_PERF_INVALID_OPTION', message);
}
