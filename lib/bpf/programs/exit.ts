import { and, jumpIf, jumpIf32, type Line, load, mov, shiftRight, store, sub } from '../instructions';
import { defineLayout } from '../../layout/sample-layout';
import { builtinProgram } from './builtin-program';
import { readU32, readWord, storeTaskIds } from './kernel-memory';
import { memberOffset, tracepointArguments } from './kernel-types';
import { emitSample, fillHeader, headerOf, keepContext, loadTime, OUT } from './sample-header';

const layout = () =>
  defineLayout([
    ...headerOf('exit'),
    /** The process that started it, or that it was given to since. */
    { name: 'ppid', kind: 'u32' },
    /** What the process passed to exit(3), 0 to 255. */
    { name: 'exit_code', kind: 'u32' },
    /** The signal that ended the process; 0 for none. */
    { name: 'signal', kind: 'u32' },
    /** How long the process lived, since fork. */
    { name: 'duration_ns', kind: 'u64' },
  ]);

/** Arguments of the raw tracepoint: (struct task_struct *p), from Linux 6.17 on (p, bool group_dead). */
const TASK = 0;
const GROUP_DEAD = 8;

/**
 * One sample for each process that ends: when its last thread does. `tid` and `comm` are those of that thread.
 * @see https://github.com/torvalds/linux/blob/v6.12/kernel/exit.c do_exit()
 */
export const exit = builtinProgram({
  name: 'exit',
  description: 'a process ends; with its exit code and how long it lived',
  attach: { kind: 'raw_tracepoint', name: 'sched_process_exit' },
  layout,
  needsKernelTypes: true,
  lines: ({ maps, scope, place }) => {
    const { base, offset, scratch } = place;
    return [
      keepContext(),
      load('u64', 'r7', 'r6', TASK),
      ...leaveUnlessLast(scratch),
      ...fillHeader(place, scope, maps),
      ...readWord('r8', 'r7', memberOffset('task_struct', 'group_leader'), scratch),
      ...readWord('r0', 'r8', memberOffset('task_struct', 'start_time'), scratch),
      loadTime('r1', place),
      sub('r1', 'r0'),
      store('u64', base, offset('duration_ns'), 'r1'),
      // As wait(2) returns it: the signal in the low 7 bits, the code in the second byte.
      ...readU32('r0', 'r7', memberOffset('task_struct', 'exit_code'), scratch),
      mov('r1', 'r0'),
      and('r1', 0x7f),
      store('u32', base, offset('signal'), 'r1'),
      shiftRight('r0', 8),
      and('r0', 0xff),
      store('u32', base, offset('exit_code'), 'r0'),
      ...readWord('r7', 'r7', memberOffset('task_struct', 'real_parent'), scratch),
      ...storeTaskIds('pid', 'r7', scope.namespace, base, offset('ppid'), scratch),
      ...emitSample(maps, place),
    ];
  },
});

/** Jumps to {@link OUT} unless the thread is the last of its process. r7: the thread. */
function leaveUnlessLast(scratch: number): Line[] {
  if (tracepointArguments('sched_process_exit') > 1) {
    return [load('u64', 'r0', 'r6', GROUP_DEAD), jumpIf32('r0', '==', 0, OUT)];
  }
  // atomic_t live of struct signal_struct: threads that have not begun to end.
  return [
    ...readWord('r8', 'r7', memberOffset('task_struct', 'signal'), scratch),
    ...readU32('r0', 'r8', memberOffset('signal_struct', 'live'), scratch),
    jumpIf('r0', '!=', 0, OUT),
  ];
}
