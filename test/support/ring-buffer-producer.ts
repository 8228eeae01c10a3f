import {
  BPF_FUNC_ringbuf_discard,
  BPF_FUNC_ringbuf_output,
  BPF_FUNC_ringbuf_reserve,
  BPF_FUNC_ringbuf_submit,
  BPF_MAP_TYPE_ARRAY,
  BPF_PROG_TYPE_SCHED_CLS,
} from '../../lib/abi/bpf';
import { BpfMap } from '../../lib/bpf/bpf-map';
import { BpfProgram } from '../../lib/bpf/bpf-program';
import * as asm from '../../lib/bpf/instructions';

export interface RingBufferProducerOptions {
  /** Payload bytes, 8 to 256; 44 by default. The first 8 are the sequence number. */
  readonly size?: number;
  /** Whether to use bpf_ringbuf_reserve and bpf_ringbuf_submit in place of bpf_ringbuf_output. */
  readonly reserves?: boolean;
  /** With `reserves`: discards each record whose sequence number has one of these bits. */
  readonly discardMask?: number;
}

/** The packet with which the tc program is run. The kernel accepts no shorter one. */
const PACKET = new Uint8Array(14);

/** Offsets in the value of the state map. */
const NEXT = 0;
const FULL = 8;
const FLAGS = 16;
const STATE_BYTES = 24;
const KEY = new Uint8Array(4);

/** Writes records into a ring buffer map, with a BPF program that runs on this thread. */
export class RingBufferProducer {
  readonly #state: BpfMap;
  readonly #program: BpfProgram;

  constructor(map: { readonly fd: number }, options: RingBufferProducerOptions = {}) {
    this.#state = BpfMap.create({
      type: BPF_MAP_TYPE_ARRAY,
      keySize: 4,
      valueSize: STATE_BYTES,
      maxEntries: 1,
    });
    try {
      const lines = options.reserves === true ? reserving : outputting;
      this.#program = BpfProgram.load({
        type: BPF_PROG_TYPE_SCHED_CLS,
        instructions: asm.assemble(lines(map.fd, this.#state.fd, options)),
        name: 'ringbuf',
      });
    } catch (error) {
      this.#state.close();
      throw error;
    }
  }

  /** @param flags BPF_RB_* */
  emit(count: number, flags = 0): void {
    const state = this.#read();
    if (state.getBigUint64(FLAGS, true) !== BigInt(flags)) {
      state.setBigUint64(FLAGS, BigInt(flags), true);
      this.#state.update(KEY, new Uint8Array(state.buffer));
    }
    if (count > 0) this.#program.testRun({ dataIn: PACKET, repeat: count });
  }

  /** `emitted`: all attempts so far, with discarded records and `full`. `full`: attempts that found no room. */
  get counts(): { readonly emitted: number; readonly full: number } {
    const state = this.#read();
    return {
      emitted: Number(state.getBigUint64(NEXT, true)),
      full: Number(state.getBigUint64(FULL, true)),
    };
  }

  [Symbol.dispose](): void {
    this.#program.close();
    this.#state.close();
  }

  #read(): DataView<ArrayBuffer> {
    const value = new Uint8Array(STATE_BYTES);
    this.#state.lookup(KEY, value);
    return new DataView(value.buffer);
  }
}

/** r6: the state; r7: this record's sequence number; r8: flags. */
function begin(stateFd: number): asm.Line[] {
  return [
    asm.loadMapValue('r6', stateFd),
    asm.load('u64', 'r7', 'r6', NEXT),
    asm.mov('r1', 'r7'),
    asm.add('r1', 1),
    asm.store('u64', 'r6', NEXT, 'r1'),
    asm.load('u64', 'r8', 'r6', FLAGS),
  ];
}

const end: asm.Line[] = [
  asm.label('full'),
  asm.load('u64', 'r1', 'r6', FULL),
  asm.add('r1', 1),
  asm.store('u64', 'r6', FULL, 'r1'),
  asm.label('done'),
  asm.mov('r0', 0),
  asm.exit(),
];

function outputting(mapFd: number, stateFd: number, { size = 44 }: RingBufferProducerOptions): asm.Line[] {
  const stack = Math.ceil(size / 8) * 8;
  return [
    ...begin(stateFd),
    ...asm.zeroStack(-stack, stack),
    asm.store('u64', 'r10', -stack, 'r7'),
    asm.loadMapFd('r1', mapFd),
    asm.mov('r2', 'r10'),
    asm.add('r2', -stack),
    asm.mov('r3', size),
    asm.mov('r4', 'r8'),
    asm.call(BPF_FUNC_ringbuf_output),
    asm.jumpIf('r0', '==', 0, 'done'),
    ...end,
  ];
}

function reserving(
  mapFd: number,
  stateFd: number,
  { size = 44, discardMask = 0 }: RingBufferProducerOptions,
): asm.Line[] {
  return [
    ...begin(stateFd),
    asm.loadMapFd('r1', mapFd),
    asm.mov('r2', size),
    asm.mov('r3', 0),
    asm.call(BPF_FUNC_ringbuf_reserve),
    asm.jumpIf('r0', '==', 0, 'full'),
    asm.store('u64', 'r0', 0, 'r7'),
    asm.mov('r1', 'r0'),
    asm.mov('r2', 'r8'),
    asm.jumpIf('r7', '&', discardMask, 'discard'),
    asm.call(BPF_FUNC_ringbuf_submit),
    asm.jump('done'),
    asm.label('discard'),
    asm.call(BPF_FUNC_ringbuf_discard),
    asm.jump('done'),
    ...end,
  ];
}
