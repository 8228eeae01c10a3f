import { accept } from './accept';
import { blockIo } from './block-io';
import { connect } from './connect';
import { exec } from './exec';
import { exit } from './exit';
import { open } from './open';
import { schedProcessExec } from './sched-process-exec';
import { schedSwitch } from './sched-switch';
import { sysEnter } from './sys-enter';
import { sysExit } from './sys-exit';

/** The default: it needs no tracefs, and threads switch on every machine. */
export const DEFAULT_BUILTIN = schedSwitch;

export const BUILTIN_PROGRAMS = [
  schedSwitch,
  exec,
  exit,
  sysEnter,
  sysExit,
  open,
  connect,
  accept,
  blockIo,
  schedProcessExec,
] as const;

/** The names of {@link BUILTIN_PROGRAMS}: `sched_switch`, … */
export type BuiltinName = (typeof BUILTIN_PROGRAMS)[number]['name'];

/** The type of the built-in program of that name. It includes the type of its decoded samples. */
export type BuiltinNamed<Name extends BuiltinName> = Extract<
  (typeof BUILTIN_PROGRAMS)[number],
  { readonly name: Name }
>;
