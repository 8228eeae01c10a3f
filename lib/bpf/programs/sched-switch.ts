import { isAtLeast, kernelVersion } from '../../host/kernel-version';
import { and, jump, jumpIf, jumpIf32, label, type Line, load, mov, mov32, store } from '../instructions';
import { defineLayout } from '../../layout/sample-layout';
import { builtinProgram } from './builtin-program';
import { readKernel, readU32, storeTaskIds } from './kernel-memory';
import { canFollowTypes, memberOffset } from './kernel-types';
import { emitSample, fillHeader, headerOf, keepContext, type SamplePlace } from './sample-header';

/**
 * The letters of the kernel's own tracepoint, and the bit of each.
 * @see https://github.com/torvalds/linux/blob/v6.12/include/linux/sched.h TASK_REPORT, task_index_to_char()
 */
const STATES = { R: 0, S: 1, D: 2, T: 4, t: 8, X: 16, Z: 32, P: 64, I: 128, 'R+': 256 } as const;

const UNKNOWN = 0xffff_ffff;

const layout = () =>
  defineLayout([
    ...headerOf('sched_switch'),
    /** 1 when the thread was preempted, 0 when it gave up the CPU. */
    { name: 'preempt', kind: 'u32' },
    /**
     * Why the thread leaves the CPU, as a letter of `ps`: R runnable, R+ preempted, S sleeping, D in an uninterruptible
     * sleep, I idle, T stopped, t traced, X dead, Z zombie, P parked; 4294967295 (unknown) before Linux 5.18.
     */
    { name: 'prev_state', kind: { enum: STATES } },
    /**
     * The thread that runs next. Without the kernel's types, and under lockdown=confidentiality,
     * 4294967295 (unknown), and an empty name.
     */
    { name: 'next_tid', kind: 'u32' },
    { name: 'next_pid', kind: 'u32' },
    { name: 'next_comm', kind: 'char[16]' },
  ]);

/** Arguments of the raw tracepoint, 8 bytes each: (bool preempt, prev, next, unsigned int prev_state). */
const PREEMPT = 0;
const PREV = 8;
const NEXT = 16;
const PREV_STATE = 24;

/**
 * One sample each time a thread leaves a CPU. The thread in the header is the one that leaves.
 * @see https://github.com/torvalds/linux/blob/v6.12/include/trace/events/sched.h TRACE_EVENT(sched_switch)
 */
export const schedSwitch = builtinProgram({
  name: 'sched_switch',
  description: 'a thread leaves a CPU; with the thread that follows',
  attach: { kind: 'raw_tracepoint', name: 'sched_switch' },
  layout,
  lines: ({ maps, scope, place }) => [
    keepContext(),
    ...fillHeader(place, scope, maps),
    load('u64', 'r8', 'r6', PREEMPT),
    store('u32', place.base, place.offset('preempt'), 'r8'),
    ...prevState(place),
    ...(canFollowTypes()
      ? [
          load('u64', 'r7', 'r6', NEXT),
          ...storeTaskIds('both', 'r7', scope.namespace, place.base, place.offset('next_tid'), place.scratch),
          ...readKernel(place.base, place.offset('next_comm'), 16, 'r7', memberOffset('task_struct', 'comm')),
        ]
      : [
          mov32('r1', UNKNOWN),
          store('u32', place.base, place.offset('next_tid'), 'r1'),
          store('u32', place.base, place.offset('next_pid'), 'r1'),
        ]),
    ...emitSample(maps, place),
  ],
});

const TASK_REPORT = 0x7f;
const TASK_DEAD = 0x80;
const TASK_IDLE = 0x402;
/** TASK_RTLOCK_WAIT and TASK_FROZEN, which are shown as D. */
const UNINTERRUPTIBLE = 0x1000 | 0x8000;

/**
 * Stores the state like the kernel's own tracepoint. r8: whether the thread was preempted.
 *
 * Linux 5.18 added the fourth argument. A program that reads more arguments than the tracepoint has can't attach.
 * @see https://github.com/torvalds/linux/blob/v6.12/include/linux/sched.h __task_state_index()
 */
function prevState({ base, offset, scratch }: SamplePlace): Line[] {
  const at = offset('prev_state');
  if (!isAtLeast(kernelVersion(), 5, 18)) return [mov32('r1', UNKNOWN), store('u32', base, at, 'r1')];
  return [
    mov('r7', STATES['R+']),
    jumpIf('r8', '!=', 0, 'state'),
    load('u64', 'r7', 'r6', PREV_STATE),
    jumpIf32('r7', '&', TASK_DEAD, 'dead'),
    mov('r1', 'r7'),
    and('r1', TASK_IDLE),
    jumpIf('r1', '==', TASK_IDLE, 'idle'),
    jumpIf32('r7', '&', UNINTERRUPTIBLE, 'uninterruptible'),
    and('r7', TASK_REPORT),
    jump('state'),
    label('idle'),
    mov('r7', STATES.I),
    jump('state'),
    label('uninterruptible'),
    mov('r7', STATES.D),
    jump('state'),
    label('dead'),
    ...deadState(scratch),
    label('state'),
    store('u32', base, at, 'r7'),
  ];
}

/** r7 = the state of a thread that ends: a zombie until its parent has waited for it, or dead. */
function deadState(scratch: number): Line[] {
  if (!canFollowTypes()) return [mov('r7', STATES.X)];
  return [
    load('u64', 'r7', 'r6', PREV),
    ...readU32('r7', 'r7', memberOffset('task_struct', 'exit_state'), scratch),
    and('r7', TASK_REPORT),
  ];
}
