import type { BuiltinProgram } from './builtin-program';
import { schedProcessExec } from './sched-process-exec';
import { schedSwitch } from './sched-switch';
import { sysEnter } from './sys-enter';

/** The default: it needs no tracefs, and every machine has something to show. */
export const DEFAULT_BUILTIN: BuiltinProgram = schedSwitch;

export const BUILTIN_PROGRAMS: readonly BuiltinProgram[] = [schedSwitch, schedProcessExec, sysEnter];
