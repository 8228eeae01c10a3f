import { isAtLeast, kernelVersion } from '../../host/kernel-version';
import { load, store } from '../instructions';
import { defineLayout } from '../../layout/sample-layout';
import { builtinProgram } from './builtin-program';
import { beginSample, emitSample, SAMPLE_HEADER, SAMPLE_HEADER_BYTES } from './sample-header';

const layout = () =>
  defineLayout([
    ...SAMPLE_HEADER,
    /** 1 when the thread was preempted, 0 when it gave up the CPU. */
    { name: 'preempt', kind: 'u32' },
    /**
     * TASK_* bits: 0 runnable, 1 interruptible sleep, 2 uninterruptible sleep; 0xffffffff (unknown) before Linux 5.18.
     */
    { name: 'prev_state', kind: 'u32' },
  ]);

/** Arguments of the raw tracepoint, 8 bytes each: (bool preempt, prev, next, unsigned int prev_state). */
const PREEMPT = 0;
const PREV_STATE = 24;

/**
 * One sample each time a thread leaves a CPU. The thread in the header is the one that leaves.
 * @see https://github.com/torvalds/linux/blob/v6.12/include/trace/events/sched.h TRACE_EVENT(sched_switch)
 */
export const schedSwitch = builtinProgram({
  name: 'sched_switch',
  description: 'a thread leaves a CPU',
  attach: { kind: 'raw_tracepoint', name: 'sched_switch' },
  layout,
  options: ['tgid', 'excludeTgid'],
  lines: (map, scope, at) => [
    ...beginSample(at, scope),
    load('u64', 'r1', 'r6', PREEMPT),
    store('u32', 'r10', at + SAMPLE_HEADER_BYTES, 'r1'),
    ...prevState(at + SAMPLE_HEADER_BYTES + 4),
    ...emitSample(map, at),
  ],
});

/** Linux 5.18 added the fourth argument. A program that reads more arguments than the tracepoint has can't attach. */
function prevState(at: number) {
  if (!isAtLeast(kernelVersion(), 5, 18)) return [store('u32', 'r10', at, 0xffff_ffff)];
  return [load('u64', 'r1', 'r6', PREV_STATE), store('u32', 'r10', at, 'r1')];
}
