import { BPF_FUNC_probe_read_user, BPF_FUNC_probe_read_user_str } from '../../abi/bpf';
import { call, jump, label, type Line, load, mov, store } from '../instructions';
import { defineLayout } from '../../layout/sample-layout';
import { builtinProgram } from './builtin-program';
import { pointTo } from './kernel-memory';
import { emitSample, fillHeader, headerOf, keepContext, type SamplePlace } from './sample-header';
import {
  EXIT,
  EXIT_RET,
  jumpByNumber,
  loadArgument,
  loadNumber,
  numbersOf,
  onlyNumbers,
} from './system-calls';

const FILENAME_BYTES = 256;

const layout = () =>
  defineLayout([
    ...headerOf('open'),
    /** The file descriptor, or an errno, negated. */
    { name: 'ret', kind: 'i32' },
    /** O_* flags of open(2), as a number. */
    { name: 'flags', kind: 'u32' },
    /** The descriptor of the directory that a relative name starts from; -100 (AT_FDCWD) is the working directory. */
    { name: 'dfd', kind: 'i32' },
    /** The name that was passed, cut to 255 bytes; empty if its memory is not there any more. */
    { name: 'filename', kind: `char[${FILENAME_BYTES}]` },
  ]);

const AT_FDCWD = -100;
/** O_CREAT | O_WRONLY | O_TRUNC, what creat(2) means. The same on x86-64 and arm64. */
const CREAT_FLAGS = 0o100 | 0o1 | 0o1000;

/** Loads the address of the name into r8, and stores the flags. */
const ARGUMENTS: Readonly<Record<string, (place: SamplePlace) => Line[]>> = {
  open: (place) => [...storeArgument(place, 1, 'flags'), ...loadArgument('r8', 0, place.scratch)],
  creat: (place) => [
    store('u32', place.base, place.offset('flags'), CREAT_FLAGS),
    ...loadArgument('r8', 0, place.scratch),
  ],
  openat: (place) => [
    ...storeArgument(place, 0, 'dfd'),
    ...storeArgument(place, 2, 'flags'),
    ...loadArgument('r8', 1, place.scratch),
  ],
  openat2: (place) => [
    ...storeArgument(place, 0, 'dfd'),
    // struct open_how begins with the flags, as u64. The upper half has no flags yet.
    ...loadArgument('r8', 2, place.scratch),
    ...pointTo('r1', place.base, place.offset('flags')),
    mov('r2', 4),
    mov('r3', 'r8'),
    call(BPF_FUNC_probe_read_user),
    ...loadArgument('r8', 1, place.scratch),
  ],
};

function storeArgument({ base, offset, scratch }: SamplePlace, index: 0 | 1 | 2, field: string): Line[] {
  return [...loadArgument('r8', index, scratch), store('u32', base, offset(field), 'r8')];
}

/** One sample at the end of each open(2), openat(2), openat2(2) and creat(2). Opening by io_uring is not seen. */
export const open = builtinProgram({
  name: 'open',
  description: 'a file is opened, or can not be; with name and result',
  attach: EXIT,
  layout,
  lines: ({ maps, scope, place }) => {
    const calls = numbersOf(Object.keys(ARGUMENTS));
    return [
      keepContext(),
      ...loadNumber(place.scratch),
      ...onlyNumbers(calls),
      ...fillHeader(place, scope, maps),
      load('u64', 'r0', 'r6', EXIT_RET),
      store('u32', place.base, place.offset('ret'), 'r0'),
      store('u32', place.base, place.offset('dfd'), AT_FDCWD),
      ...jumpByNumber(calls),
      ...[...calls.keys()].flatMap((name) => [
        label(name),
        ...(ARGUMENTS[name]?.(place) ?? []),
        jump('name'),
      ]),
      label('name'),
      ...pointTo('r1', place.base, place.offset('filename')),
      mov('r2', FILENAME_BYTES),
      mov('r3', 'r8'),
      call(BPF_FUNC_probe_read_user_str),
      ...emitSample(maps, place),
    ];
  },
});
