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

/** A built-in program that is attached and running. */
export interface AttachedProgram<Builtin = BuiltinNamed<BuiltinName>> extends Attachment {
  /** Its description, with the layout of its samples. */
  readonly builtin: Builtin;
}

/**
 * Loads a built-in program that writes to the array, and attaches it.
 * @param name the name of one of {@link BUILTIN_PROGRAMS}, such as `sched_switch`
 * @param array keep it open while the program runs; a reader of it puts events into its slots
 * @returns the attachment. Keep a reference to it: when it is garbage-collected, the program is detached
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for an unknown name; ERR_PERF_INVALID_OPTION;
 *   ERR_PERF_NO_SUCH_PROCESS
 * @throws the errors of {@link BpfProgram.load} and its attach methods; then nothing stays loaded
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
    // The attachment keeps the program alive, so its descriptor is not needed any more.
    program.close();
  }
}

/** The built-in program of that name. @throws PerfRingError ERR_PERF_INVALID_ARGUMENT; the message lists the names */
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
    // The kernel keeps at most 15 characters.
    name: builtin.name.slice(0, 15),
  });
}

function attach(program: BpfProgram, point: AttachPoint): Attachment {
  return point.kind === 'raw_tracepoint'
    ? program.attachRawTracepoint(point.name)
    : program.attachTracepoint(point.category, point.name);
}
