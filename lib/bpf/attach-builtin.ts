import { BPF_PROG_TYPE_RAW_TRACEPOINT, BPF_PROG_TYPE_TRACEPOINT } from '../abi/bpf';
import { PerfRingError } from '../errors';
import { checkProcessExists } from '../host/process-identity';
import { named } from '../input/shown';
import type { Attachment } from './bpf-link';
import { BpfProgram } from './bpf-program';
import { checkArray, type PerfEventArray } from './perf-event-array';
import { BUILTIN_PROGRAMS, type BuiltinName, type BuiltinNamed } from './programs';
import {
  type AttachPoint,
  type BuiltinOptions,
  type BuiltinProgram,
  checkBuiltinOptions,
} from './programs/builtin-program';

/** A built-in program that runs. */
export interface AttachedProgram<Builtin = BuiltinNamed<BuiltinName>> extends Attachment {
  /** What it is, and the layout of its samples. */
  readonly builtin: Builtin;
}

/**
 * Loads a built-in program that writes to the array, and attaches it.
 * @param name `sched_switch`, … of {@link BUILTIN_PROGRAMS}
 * @param array to be kept open while the program runs, with events in its slots
 * @returns to be kept, too: once it is garbage, the program is detached
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for an unknown name; ERR_PERF_INVALID_OPTION;
 *   ERR_PERF_NO_SUCH_PROCESS
 * @throws what {@link BpfProgram.load} and its attach methods throw; nothing is left behind then
 */
export function attachBuiltin<Name extends BuiltinName>(
  name: Name,
  array: PerfEventArray,
  options: BuiltinOptions = {},
): AttachedProgram<BuiltinNamed<Name>> {
  const builtin = builtinNamed(name);
  checkArray(array);
  const checked = checkBuiltinOptions(builtin, options);
  if (checked.tgid !== undefined) checkProcessExists(checked.tgid);
  const program = loadBuiltin(builtin, array, checked);
  try {
    const attachment = attach(program, builtin.attach);
    return Object.freeze({
      builtin,
      get closed() {
        return attachment.closed;
      },
      close: () => attachment.close(),
      [Symbol.dispose]: () => attachment.close(),
    });
  } finally {
    // Attached, the program lives by what it is attached to: its own descriptor is not needed any more.
    program.close();
  }
}

/** @throws PerfRingError ERR_PERF_INVALID_ARGUMENT, with the names there are */
export function builtinNamed<Name extends BuiltinName>(name: Name): BuiltinNamed<Name>;
export function builtinNamed(name: string): BuiltinNamed<BuiltinName>;
export function builtinNamed(name: string): BuiltinNamed<BuiltinName> {
  const builtin = BUILTIN_PROGRAMS.find((program) => program.name === name);
  if (builtin !== undefined) return builtin;
  throw new PerfRingError(
    'ERR_PERF_INVALID_ARGUMENT',
    `there is no built-in program ${named(name)}; there are ${BUILTIN_PROGRAMS.map((program) => program.name).join(', ')}`,
  );
}

function loadBuiltin(
  builtin: BuiltinProgram<string, unknown>,
  array: PerfEventArray,
  options: BuiltinOptions,
): BpfProgram {
  const isRaw = builtin.attach.kind === 'raw_tracepoint';
  return BpfProgram.load({
    type: isRaw ? BPF_PROG_TYPE_RAW_TRACEPOINT : BPF_PROG_TYPE_TRACEPOINT,
    instructions: builtin.build(array, options),
    // 15 characters are all the kernel keeps.
    name: builtin.name.slice(0, 15),
  });
}

function attach(program: BpfProgram, point: AttachPoint): Attachment {
  return point.kind === 'raw_tracepoint'
    ? program.attachRawTracepoint(point.name)
    : program.attachTracepoint(point.category, point.name);
}
