import * as abi from '../../abi/bpf';
import { and, call, jumpIf, load, mov, shiftRight, store, sub } from '../instructions';
import { defineLayout } from '../../layout/sample-layout';
import { builtinProgram } from './builtin-program';
import { pointTo, readKernel, readU32, readWord } from './kernel-memory';
import { memberOffset, tracepointArguments } from './kernel-types';
import { mapCall } from './own-map';
import { endProgram, fillHeader, headerOf, keepContext, OUT, outputSample } from './sample-header';

/**
 * What a request does.
 * @see https://github.com/torvalds/linux/blob/v6.12/include/linux/blk_types.h enum req_op
 */
const OPERATIONS = {
  read: 0,
  write: 1,
  flush: 2,
  discard: 3,
  secure_erase: 5,
  zone_append: 7,
  write_zeroes: 9,
} as const;

const layout = () =>
  defineLayout([
    ...headerOf('block_io'),
    /** What the request does; a number for operations of drivers. */
    { name: 'operation', kind: { enum: OPERATIONS } },
    /** The numbers of the device, as `lsblk` shows them; of a partition, its own. */
    { name: 'major', kind: 'u32' },
    { name: 'minor', kind: 'u32' },
    { name: 'bytes', kind: 'u32' },
    /** Where it begins, in sectors of 512 bytes. */
    { name: 'sector', kind: 'u64' },
    /** From when the driver got the request until it was done. */
    { name: 'latency_ns', kind: 'u64' },
  ]);

/** Argument of block_rq_complete, the first one: struct request *. */
const COMPLETED = 0;
/** Highest number of the minor devices: dev_t of the kernel is major << 20 | minor. */
const MINOR_BITS = 20;
const REQ_OP_MASK = 0xff;

/**
 * One sample for each request to a block device, when it is done. The process is the one that was running when the
 * request was given to the driver: often a thread of the kernel that writes for others.
 * @see https://github.com/torvalds/linux/blob/v6.12/include/trace/events/block.h
 */
export const blockIo = builtinProgram({
  name: 'block_io',
  description: 'a request to a disk is done; with how long it took',
  attach: { kind: 'raw_tracepoint', name: 'block_rq_complete' },
  layout,
  needsKernelTypes: true,
  // Requests that are under way, by their address, each with its sample.
  map: (sampleBytes) => ({
    type: abi.BPF_MAP_TYPE_LRU_HASH,
    keySize: 8,
    valueSize: sampleBytes,
    maxEntries: 16_384,
    name: 'requests',
  }),
  beginning: {
    attach: { kind: 'raw_tracepoint', name: 'block_rq_issue' },
    lines: ({ maps, scope, place }) => {
      const { base, at, offset, scratch } = place;
      return [
        keepContext(),
        ...fillHeader(place, scope, maps),
        load('u64', 'r7', 'r6', issuedArgument()),
        ...readU32('r0', 'r7', memberOffset('request', 'cmd_flags'), scratch),
        and('r0', REQ_OP_MASK),
        store('u32', base, offset('operation'), 'r0'),
        ...readKernel(base, offset('bytes'), 4, 'r7', memberOffset('request', '__data_len')),
        ...readKernel(base, offset('sector'), 8, 'r7', memberOffset('request', '__sector')),
        ...readWord('r8', 'r7', memberOffset('request', 'part'), scratch),
        ...readU32('r0', 'r8', memberOffset('block_device', 'bd_dev'), scratch),
        mov('r1', 'r0'),
        and('r1', (1 << MINOR_BITS) - 1),
        store('u32', base, offset('minor'), 'r1'),
        shiftRight('r0', MINOR_BITS),
        store('u32', base, offset('major'), 'r0'),
        store('u64', 'r10', scratch, 'r7'),
        ...mapCall(abi.BPF_FUNC_map_update_elem, maps.own, scratch, [
          ...pointTo('r3', base, at),
          mov('r4', abi.BPF_ANY),
        ]),
        ...endProgram(),
      ];
    },
  },
  lines: ({ maps, place }) => {
    const { at, offset, scratch, size } = place;
    return [
      keepContext(),
      load('u64', 'r0', 'r6', COMPLETED),
      store('u64', 'r10', scratch, 'r0'),
      ...mapCall(abi.BPF_FUNC_map_lookup_elem, maps.own, scratch),
      jumpIf('r0', '==', 0, OUT),
      mov('r9', 'r0'),
      call(abi.BPF_FUNC_ktime_get_ns),
      mov('r1', 'r0'),
      load('u64', 'r2', 'r9', offset('time') - at),
      sub('r1', 'r2'),
      store('u64', 'r9', offset('latency_ns') - at, 'r1'),
      store('u64', 'r9', offset('time') - at, 'r0'),
      ...outputSample(maps, 'r9', 0, size),
      ...mapCall(abi.BPF_FUNC_map_delete_elem, maps.own, scratch),
      ...endProgram(),
    ];
  },
});

/** Offset of struct request * in the arguments of block_rq_issue: before Linux 5.11 its queue was the first. */
function issuedArgument(): number {
  return (tracepointArguments('block_rq_issue') - 1) * 8;
}
