import { BPF_FUNC_get_current_task } from '../../abi/bpf';
import { add, call, jumpIf, load, mov, shiftLeft, store } from '../instructions';
import { defineLayout } from '../../layout/sample-layout';
import { builtinProgram } from './builtin-program';
import { readKernel, readWord } from './kernel-memory';
import { memberOffset } from './kernel-types';
import { emitSample, fillHeader, headerOf, keepContext, OUT } from './sample-header';
import { byFamily, SOCKET_ADDRESS } from './socket-address';
import { EXIT, EXIT_RET, loadNumber, numbersOf, onlyNumbers } from './system-calls';

const layout = () =>
  defineLayout([
    ...headerOf('accept'),
    /** The socket of the connection. */
    { name: 'ret', kind: 'i32' },
    /** The port of this end. */
    { name: 'local_port', kind: 'u16' },
    /** The address and port of the other end. */
    ...SOCKET_ADDRESS,
  ]);

/** One sample for each connection that accept(2) or accept4(2) returns, over IPv4 or IPv6. */
export const accept = builtinProgram({
  name: 'accept',
  description: 'a connection is accepted; with address and port',
  attach: EXIT,
  layout,
  needsKernelTypes: true,
  lines: ({ maps, scope, place }) => {
    const { base, offset, scratch } = place;
    const socket = (name: string): number =>
      memberOffset('sock', '__sk_common') + memberOffset('sock_common', name);
    return [
      keepContext(),
      ...loadNumber(scratch),
      ...onlyNumbers(numbersOf(['accept', 'accept4'])),
      load('u64', 'r7', 'r6', EXIT_RET),
      jumpIf('r7', 's<', 0, OUT),
      ...fillHeader(place, scope, maps),
      store('u32', base, offset('ret'), 'r7'),
      // The caller need not ask for the address, so it is read from the new socket: task → files → fdt → fd[ret].
      call(BPF_FUNC_get_current_task),
      mov('r8', 'r0'),
      ...readWord('r8', 'r8', memberOffset('task_struct', 'files'), scratch),
      ...readWord('r8', 'r8', memberOffset('files_struct', 'fdt'), scratch),
      ...readWord('r8', 'r8', memberOffset('fdtable', 'fd'), scratch),
      shiftLeft('r7', 3),
      add('r8', 'r7'),
      ...readWord('r8', 'r8', 0, scratch),
      ...readWord('r8', 'r8', memberOffset('file', 'private_data'), scratch),
      ...readWord('r8', 'r8', memberOffset('socket', 'sk'), scratch),
      ...readKernel(base, offset('local_port'), 2, 'r8', socket('skc_num')),
      ...readKernel(base, offset('port'), 2, 'r8', socket('skc_dport')),
      ...readKernel('r10', scratch, 2, 'r8', socket('skc_family')),
      load('u16', 'r0', 'r10', scratch),
      ...byFamily(
        place,
        readKernel(base, offset('address') + 12, 4, 'r8', socket('skc_daddr')),
        readKernel(base, offset('address'), 16, 'r8', socket('skc_v6_daddr')),
      ),
      ...emitSample(maps, place),
    ];
  },
});
