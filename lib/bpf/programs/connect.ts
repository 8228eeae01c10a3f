import { BPF_FUNC_probe_read_user } from '../../abi/bpf';
import { call, load, type Line, mov, store } from '../instructions';
import { defineLayout } from '../../layout/sample-layout';
import { builtinProgram } from './builtin-program';
import { pointTo } from './kernel-memory';
import { emitSample, fillHeader, headerOf, keepContext, type SamplePlace } from './sample-header';
import { byFamily, SOCKET_ADDRESS } from './socket-address';
import { EXIT, EXIT_RET, loadArgument, loadNumber, numbersOf, onlyNumbers } from './system-calls';

const layout = () =>
  defineLayout([
    ...headerOf('connect'),
    /** 0, or an errno, negated: -115 (EINPROGRESS) for a socket that does not block. */
    { name: 'ret', kind: 'i32' },
    /** The socket. */
    { name: 'fd', kind: 'i32' },
    /** The address and port that were passed. */
    ...SOCKET_ADDRESS,
  ]);

/** struct sockaddr_in and sockaddr_in6 begin alike: u16 family, be16 port. */
const PORT = 2;
const IPV4_ADDRESS = 4;
const IPV6_ADDRESS = 8;

/** One sample at the end of each connect(2) to an IPv4 or IPv6 address, over any protocol. */
export const connect = builtinProgram({
  name: 'connect',
  description: 'a socket is connected; with address and port',
  attach: EXIT,
  layout,
  lines: ({ maps, scope, place }) => {
    const { base, offset, scratch } = place;
    return [
      keepContext(),
      ...loadNumber(scratch),
      ...onlyNumbers(numbersOf(['connect'])),
      ...fillHeader(place, scope, maps),
      load('u64', 'r0', 'r6', EXIT_RET),
      store('u32', base, offset('ret'), 'r0'),
      ...loadArgument('r8', 0, scratch),
      store('u32', base, offset('fd'), 'r8'),
      ...loadArgument('r8', 1, scratch),
      ...readUser(place, 'port', 0, 2, PORT),
      ...pointTo('r1', 'r10', scratch),
      mov('r2', 2),
      mov('r3', 'r8'),
      call(BPF_FUNC_probe_read_user),
      load('u16', 'r0', 'r10', scratch),
      ...byFamily(
        place,
        readUser(place, 'address', 12, 4, IPV4_ADDRESS),
        readUser(place, 'address', 0, 16, IPV6_ADDRESS),
      ),
      ...emitSample(maps, place),
    ];
  },
});

/** Copies from the address that r8 points to into a field. */
function readUser(
  { base, offset }: SamplePlace,
  field: string,
  at: number,
  bytes: number,
  from: number,
): Line[] {
  return [
    ...pointTo('r1', base, offset(field) + at),
    mov('r2', bytes),
    ...pointTo('r3', 'r8', from),
    call(BPF_FUNC_probe_read_user),
  ];
}
