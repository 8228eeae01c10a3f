import { PerfRingError } from '../../errors';
import { type PidNamespace, pidNamespace } from '../../host/namespaces';
import { type ProcessIdentity, processIdentity } from '../../host/process-identity';
import type { FieldValue, SampleLayout } from '../../layout/sample-layout';
import { plainCopy, plainProperties } from '../../input/plain-data';
import { shown } from '../../input/shown';
import { assemble, type Line } from '../instructions';

/** Where a built-in program attaches. */
export type AttachPoint =
  | { readonly kind: 'raw_tracepoint'; readonly name: string }
  | { readonly kind: 'tracepoint'; readonly category: string; readonly name: string };

/**
 * Which events a built-in program samples. Process ids are those of this process's PID namespace, as `ps` shows them.
 */
export interface BuiltinOptions {
  /** Sample only the process with this id, which the kernel calls tgid. It must exist. */
  readonly tgid?: number;
  /** Sample every process except this one; so a collector does not observe itself. */
  readonly excludeTgid?: number;
  /** For sys_enter: sample only the system call with this number of <asm/unistd.h>. */
  readonly syscall?: number;
}

/** {@link BuiltinOptions} in the form that a program needs: which events it samples, and how it numbers processes. */
export interface SampleScope {
  /** The PID namespace of the process ids in samples; `null` for the initial one. */
  readonly namespace: PidNamespace | null;
  readonly only: ProcessIdentity | undefined;
  readonly except: ProcessIdentity | undefined;
  readonly syscall: number | undefined;
}

/** A program that is part of the library. Each of its samples begins with the fields time, tid, pid and comm. */
export interface BuiltinProgram<
  Name extends string = string,
  Values = { readonly [name: string]: FieldValue },
> {
  readonly name: Name;
  /** One line of text, for lists. */
  readonly description: string;
  readonly attach: AttachPoint;
  readonly layout: SampleLayout<Values>;
  /** The names of the options that it supports. */
  readonly options: readonly (keyof BuiltinOptions)[];
  /**
   * The instructions of the program, which writes to the perf event array with the descriptor `map.fd`.
   * @throws PerfRingError ERR_PERF_INVALID_OPTION, ERR_PERF_INVALID_ARGUMENT; PerfSystemError EACCES when the
   *   namespace of a process in a nested PID namespace can't be read
   */
  build(map: { readonly fd: number }, options: BuiltinOptions): Uint8Array;
}

/**
 * Makes a built-in program. `layout` makes its layout when it is first used: that takes longer than to load the rest of
 * the library. `lines` returns its instructions for a map, for options that have been checked, and for the offset of the
 * sample from r10.
 */
export function builtinProgram<const Name extends string, Values>(
  program: Omit<BuiltinProgram<Name, Values>, 'build' | 'layout'> & {
    readonly layout: () => SampleLayout<Values>;
    readonly lines: (map: { readonly fd: number }, scope: SampleScope, at: number) => readonly Line[];
  },
): BuiltinProgram<Name, Values> {
  const { lines, layout: makeLayout, ...rest } = program;
  let layout: SampleLayout<Values> | undefined;
  const builtin: BuiltinProgram<Name, Values> = {
    ...rest,
    get layout() {
      layout ??= makeLayout();
      return layout;
    },
    build: (map, options) =>
      assemble(
        lines(plainCopyOfMap(map), scopeOf(checkBuiltinOptions(builtin, options)), -builtin.layout.size),
      ),
  };
  return Object.freeze(builtin);
}

function scopeOf({ tgid, excludeTgid, syscall }: BuiltinOptions): SampleScope {
  return {
    namespace: pidNamespace(),
    only: tgid === undefined ? undefined : processIdentity(tgid),
    except: excludeTgid === undefined ? undefined : processIdentity(excludeTgid),
    syscall,
  };
}

function plainCopyOfMap(map: { readonly fd: number }): { readonly fd: number } {
  return plainProperties(map, ['fd'], 'ERR_PERF_INVALID_ARGUMENT', 'map');
}

/**
 * @returns a copy of the options, checked
 * @throws PerfRingError ERR_PERF_INVALID_OPTION for an option that the program does not support, or a value that is not a
 *   whole number
 */
export function checkBuiltinOptions(
  program: BuiltinProgram<string, unknown>,
  options: BuiltinOptions,
): BuiltinOptions {
  const plain = plainCopy(options, 'options');
  for (const [name, value] of Object.entries(plain)) {
    if (!(program.options as readonly string[]).includes(name)) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_OPTION',
        `the built-in program ${program.name} takes no option ${name}; it takes ${program.options.join(', ')}`,
      );
    }
    if (!Number.isInteger(value) || value < 0 || value > 0x7fff_ffff) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_OPTION',
        `${name} must be a whole number from 0 to 2147483647, got ${shown(value)}`,
      );
    }
  }
  return plain;
}
