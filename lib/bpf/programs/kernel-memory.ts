/**
 * Instructions that read the kernel's and the user's memory. A raw tracepoint passes pointers as numbers, so memory is
 * read by helpers; what can't be read is zero.
 */

import * as abi from '../../abi/bpf';
import type { PidNamespace } from '../../host/namespaces';
import {
  add,
  call,
  jumpIf,
  jumpIf32,
  label,
  type Line,
  load,
  mov,
  mul,
  type Register,
  store,
} from '../instructions';
import { memberOffset, structSize } from './kernel-types';

/** register = base + offset */
export function pointTo(register: Register, base: Register, offset: number): Line[] {
  return [mov(register, base), ...(offset === 0 ? [] : [add(register, offset)])];
}

/** Copies kernel memory at `from + offset` to `base + to`. Overwrites r0 to r5. */
export function readKernel(
  base: Register,
  to: number,
  bytes: number,
  from: Register,
  offset: number,
): Line[] {
  return [
    ...pointTo('r3', from, offset),
    ...pointTo('r1', base, to),
    mov('r2', bytes),
    call(abi.BPF_FUNC_probe_read_kernel),
  ];
}

/** register = the u64 in kernel memory at `from + offset`. @param scratch offset of 8 bytes from r10 */
export function readWord(register: Register, from: Register, offset: number, scratch: number): Line[] {
  return [...readKernel('r10', scratch, 8, from, offset), load('u64', register, 'r10', scratch)];
}

/** register = the u32 in kernel memory at `from + offset`. @param scratch offset of 8 bytes from r10 */
export function readU32(register: Register, from: Register, offset: number, scratch: number): Line[] {
  return [...readKernel('r10', scratch, 4, from, offset), load('u32', register, 'r10', scratch)];
}

/** Which ids of a task are stored: of the thread, of its process, or both, the thread's first. */
export type TaskIds = 'tid' | 'pid' | 'both';

/**
 * Stores the ids of a task as u32 at `base + to`: those of the namespace, as in the header of samples. Overwrites r0 to
 * r5, and r8.
 * @param task the register with the address of the task; not r8
 * @param scratch offset of 24 bytes from r10
 */
export function storeTaskIds(
  ids: TaskIds,
  task: Register,
  namespace: PidNamespace | null,
  base: Register,
  to: number,
  scratch: number,
): Line[] {
  if (namespace === null) {
    const tid = memberOffset('task_struct', 'pid');
    const pid = memberOffset('task_struct', 'tgid');
    if (ids === 'both' && pid === tid + 4) return readKernel(base, to, 8, task, tid);
    return [
      ...(ids === 'pid' ? [] : readKernel(base, to, 4, task, tid)),
      ...(ids === 'tid' ? [] : readKernel(base, to + (ids === 'both' ? 4 : 0), 4, task, pid)),
    ];
  }
  return [
    ...(ids === 'pid' ? [] : storeNumber(task, namespace, base, to, scratch)),
    ...(ids === 'tid'
      ? []
      : [
          ...readWord('r8', task, memberOffset('task_struct', 'group_leader'), scratch),
          ...storeNumber('r8', namespace, base, to + (ids === 'both' ? 4 : 0), scratch),
        ]),
  ];
}

/** MAX_PID_NS_LEVEL of the kernel. */
const DEEPEST_NAMESPACE = 32;

/** Stores the id of a task in a namespace, or 0 if the task's own namespace is another one. */
function storeNumber(
  task: Register,
  namespace: PidNamespace,
  base: Register,
  to: number,
  scratch: number,
): Line[] {
  const end = `number ${to}`;
  return [
    store('u32', base, to, 0),
    ...readWord('r8', task, memberOffset('task_struct', 'thread_pid'), scratch),
    ...readU32('r0', 'r8', memberOffset('pid', 'level'), scratch),
    jumpIf('r0', '>', DEEPEST_NAMESPACE, end),
    mul('r0', structSize('upid')),
    add('r8', 'r0'),
    add('r8', memberOffset('pid', 'numbers')),
    // The number first; it is stored when the namespace turns out to be the right one.
    ...readKernel('r10', scratch + 8, 4, 'r8', memberOffset('upid', 'nr')),
    ...readWord('r8', 'r8', memberOffset('upid', 'ns'), scratch),
    ...readU32('r0', 'r8', memberOffset('pid_namespace', 'ns', 'inum'), scratch),
    jumpIf32('r0', '!=', Number(namespace.inode), end),
    load('u32', 'r0', 'r10', scratch + 8),
    store('u32', base, to, 'r0'),
    label(end),
  ];
}
