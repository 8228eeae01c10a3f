/** What the programs for system calls share. */

import * as abi from '../../abi/bpf';
import { systemCallRegisters } from '../../abi/pt-regs';
import { syscallNumbers } from '../../abi/syscalls';
import type { BpfMapOptions } from '../bpf-map';
import { call, jump, jumpIf, jumpIf32, label, type Line, load, mov, store, sub } from '../instructions';
import type { AttachPoint, Build, MapFds } from './builtin-program';
import { pointTo, readKernel, readU32, readWord } from './kernel-memory';
import { mapCall } from './own-map';
import { endProgram, fillHeader, keepContext, loadTime, OUT, type SamplePlace } from './sample-header';

export const ENTER: AttachPoint = { kind: 'raw_tracepoint', name: 'sys_enter' };
export const EXIT: AttachPoint = { kind: 'raw_tracepoint', name: 'sys_exit' };

/** Argument of both raw tracepoints: struct pt_regs *regs. */
const REGISTERS = 0;
/** Argument of the raw tracepoint sys_enter: long id. */
export const ENTER_ID = 8;
/** Argument of the raw tracepoint sys_exit: long ret. */
export const EXIT_RET = 8;

/** The kind of a system call's number: decodes to its name. 32-bit processes have other numbers. */
export const syscallKind = () => ({ enum: syscallNumbers(), as: 'i32' }) as const;

/** The numbers of those system calls that this architecture has. */
export function numbersOf<Name extends string>(names: readonly Name[]): ReadonlyMap<Name, number> {
  const numbers = syscallNumbers();
  return new Map(
    names.flatMap((name) => {
      const number = numbers[name];
      return number === undefined ? [] : [[name, number] as const];
    }),
  );
}

/** r7 = the number of a system call that ends, sign-extended to 32 bits only: compare it with jumpIf32. */
export function loadNumber(scratch: number): Line[] {
  return [load('u64', 'r7', 'r6', REGISTERS), ...readU32('r7', 'r7', systemCallRegisters().number, scratch)];
}

/** register = an argument of the system call. @param index 0 to 5 */
export function loadArgument(register: 'r7' | 'r8', index: 0 | 1 | 2 | 3 | 4 | 5, scratch: number): Line[] {
  const offset = systemCallRegisters().arguments[index];
  return [load('u64', register, 'r6', REGISTERS), ...readWord(register, register, offset, scratch)];
}

/** Stores the six arguments as u64 at `place.offset('args')`. Overwrites r8. */
export function storeArguments({ base, offset }: SamplePlace): Line[] {
  const to = offset('args');
  return [
    load('u64', 'r8', 'r6', REGISTERS),
    ...systemCallRegisters().arguments.flatMap((from, index) =>
      readKernel(base, to + index * 8, 8, 'r8', from),
    ),
  ];
}

/** Jumps to {@link OUT} unless r7 is one of the numbers. */
export function onlyNumbers(calls: ReadonlyMap<string, number>): Line[] {
  const numbers = [...calls.values()];
  return [
    ...numbers.map((number) => jumpIf32('r7', '==', number, 'this call')),
    jump(OUT),
    label('this call'),
  ];
}

/** Jumps to the label with the name of the system call whose number is in r7, or to {@link OUT}. */
export function jumpByNumber(calls: ReadonlyMap<string, number>): Line[] {
  return [...[...calls].map(([name, number]) => jumpIf32('r7', '==', number, name)), jump(OUT)];
}

/** When threads entered the system calls in which they are: key tid << 32 | tgid, value u64 nanoseconds. */
export const ENTRY_TIMES: BpfMapOptions = Object.freeze({
  // Entries of threads that end in a call are never taken out; the map drops those used least recently.
  type: abi.BPF_MAP_TYPE_LRU_HASH,
  keySize: 8,
  valueSize: 8,
  maxEntries: 32_768,
  name: 'entry_times',
});

/** Notes when a thread enters a system call. */
export function noteEntry({ maps, scope, place }: Build): Line[] {
  return [
    keepContext(),
    ...(scope.syscall === undefined
      ? []
      : [load('u64', 'r7', 'r6', ENTER_ID), jumpIf32('r7', '!=', scope.syscall, OUT)]),
    ...fillHeader(place, scope, maps),
    ...threadKey(place.scratch),
    loadTime('r0', place),
    store('u64', 'r10', place.scratch + 8, 'r0'),
    ...mapCall(abi.BPF_FUNC_map_update_elem, maps.own, place.scratch, [
      ...pointTo('r3', 'r10', place.scratch + 8),
      mov('r4', abi.BPF_ANY),
    ]),
    ...endProgram(),
  ];
}

/** Stores how long the system call took, in nanoseconds; nothing if it began before the program was attached. */
export function storeLatency(maps: MapFds, place: SamplePlace): Line[] {
  const { base, offset, scratch } = place;
  return [
    ...threadKey(scratch),
    ...mapCall(abi.BPF_FUNC_map_lookup_elem, maps.own, scratch),
    jumpIf('r0', '==', 0, 'no entry'),
    load('u64', 'r1', 'r0', 0),
    loadTime('r2', place),
    sub('r2', 'r1'),
    store('u64', base, offset('latency_ns'), 'r2'),
    ...mapCall(abi.BPF_FUNC_map_delete_elem, maps.own, scratch),
    label('no entry'),
  ];
}

/** Stores the kernel's number of the running thread, which is unique in all namespaces. @param at offset from r10 */
function threadKey(at: number): Line[] {
  return [call(abi.BPF_FUNC_get_current_pid_tgid), store('u64', 'r10', at, 'r0')];
}
