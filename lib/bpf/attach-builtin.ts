import { closeSync, constants, openSync } from 'node:fs';
import { BPF_PROG_TYPE_RAW_TRACEPOINT, BPF_PROG_TYPE_TRACEPOINT } from '../abi/bpf';
import { PerfRingError } from '../errors';
import { checkProcessExists } from '../host/process-identity';
import { attemptAll } from '../input/attempt-all';
import { named } from '../input/shown';
import type { Attachment } from './bpf-link';
import { BpfMap } from './bpf-map';
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
  const attachments = attachParts(builtin, array, checked);
  let closed = false;
  const close = (): void => {
    if (closed) return;
    closed = true;
    attemptAll(attachments.map((attachment) => () => attachment.close()));
  };
  return Object.freeze({
    builtin,
    get closed() {
      return closed;
    },
    close,
    [Symbol.dispose]: close,
  });
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

/** Loads and attaches all parts of a program, or none. */
function attachParts(
  builtin: BuiltinProgram<string, unknown>,
  array: PerfEventArray,
  options: BuiltinOptions,
): readonly Attachment[] {
  const { own: ownOptions, cgroup: cgroupOptions } = builtin.maps(options);
  // Programs keep their maps alive, and attachments their programs, so these descriptors are only needed here.
  const opened: { close(): void }[] = [];
  const kept = <Opened extends { close(): void }>(one: Opened): Opened => {
    opened.push(one);
    return one;
  };
  const attachments: Attachment[] = [];
  try {
    const own = ownOptions && kept(BpfMap.create(ownOptions));
    const cgroup = cgroupOptions && kept(BpfMap.create(cgroupOptions));
    if (cgroup !== undefined) putCgroup(cgroup, options.cgroup as string);
    const maps = { ...(own && { own }), ...(cgroup && { cgroup }) };
    const parts = builtin.build(array, options, maps).map(({ attach, instructions }) => ({
      attach,
      program: kept(loadPart(builtin.name, attach, instructions)),
    }));
    for (const { attach, program } of parts) attachments.push(attachAt(program, attach));
    return attachments;
  } catch (error) {
    for (const attachment of attachments) attachment.close();
    throw error;
  } finally {
    for (const one of opened) one.close();
  }
}

function loadPart(name: string, attach: AttachPoint, instructions: Uint8Array): BpfProgram {
  const type = attach.kind === 'raw_tracepoint' ? BPF_PROG_TYPE_RAW_TRACEPOINT : BPF_PROG_TYPE_TRACEPOINT;
  // The kernel keeps at most 15 characters of the name.
  return BpfProgram.load({ type, instructions, name: name.slice(0, 15) });
}

function attachAt(program: BpfProgram, point: AttachPoint): Attachment {
  return point.kind === 'raw_tracepoint'
    ? program.attachRawTracepoint(point.name)
    : program.attachTracepoint(point.category, point.name);
}

/** Puts a cgroup into slot 0 of the map. */
function putCgroup(map: BpfMap, path: string): void {
  const refused = (why: string, cause: unknown): PerfRingError =>
    new PerfRingError(
      'ERR_PERF_INVALID_OPTION',
      `cgroup: ${named(path)} ${why}; give a directory of a cgroup2 file system, such as /sys/fs/cgroup/system.slice`,
      { cause },
    );
  let directory: number;
  try {
    directory = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (cause) {
    throw refused(`can't be opened (${(cause as NodeJS.ErrnoException).code})`, cause);
  }
  try {
    const value = new Uint8Array(4);
    new DataView(value.buffer).setUint32(0, directory, true);
    map.update(new Uint8Array(4), value);
  } catch (cause) {
    // EBADF, EINVAL: not a directory of a cgroup2 file system.
    if (!['EBADF', 'EINVAL'].includes(String((cause as { code?: unknown }).code))) throw cause;
    throw refused('is no cgroup', cause);
  } finally {
    closeSync(directory);
  }
}
