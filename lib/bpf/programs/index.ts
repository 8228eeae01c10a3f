import { schedProcessExec } from './sched-process-exec';
import { schedSwitch } from './sched-switch';
import { sysEnter } from './sys-enter';

/** The default: it needs no tracefs, and every machine has something to show. */
export const DEFAULT_BUILTIN = schedSwitch;

export const BUILTIN_PROGRAMS = [schedSwitch, schedProcessExec, sysEnter] as const;

/** `sched_switch`, … */
export type BuiltinName = (typeof BUILTIN_PROGRAMS)[number]['name'];

/** The built-in program of that name, with what its samples decode to. */
export type BuiltinNamed<Name extends BuiltinName> = Extract<
  (typeof BUILTIN_PROGRAMS)[number],
  { readonly name: Name }
>;
