/** The BPF program of the checks: each run sends one sample of 16 bytes, its number and that number's complement. */

import { createRequire } from 'node:module';

const { BpfMap, BpfProgram, bpf } = createRequire(import.meta.url)('../../dist/bundle/perfring.js');

const BPF_MAP_TYPE_ARRAY = 2;
const BPF_PROG_TYPE_SCHED_CLS = 3;
const BPF_FUNC_perf_event_output = 25;

/** A packet to run the program with: the kernel takes none shorter. */
const PACKET = new Uint8Array(64);

export class Producer {
  #counter = BpfMap.create({ type: BPF_MAP_TYPE_ARRAY, keySize: 4, valueSize: 8, maxEntries: 1 });
  #program;

  /** @param array the PerfEventArray that the samples go to, on the CPU that runs the program */
  constructor(array) {
    const { assemble, atomicAdd, call, exit, load, loadMapFd, loadMapValue, mov, mov32, store, xor } = bpf;
    this.#program = BpfProgram.load({
      type: BPF_PROG_TYPE_SCHED_CLS,
      name: 'numbers',
      instructions: assemble([
        mov('r6', 'r1'),
        loadMapValue('r7', this.#counter.fd),
        load('u64', 'r1', 'r7', 0),
        store('u64', 'r10', -16, 'r1'),
        xor('r1', -1),
        store('u64', 'r10', -8, 'r1'),
        mov('r2', 1),
        atomicAdd('u64', 'r7', 0, 'r2'),
        // bpf_perf_event_output(ctx, map, BPF_F_CURRENT_CPU, data, size)
        mov('r1', 'r6'),
        loadMapFd('r2', array.fd),
        mov32('r3', -1),
        mov('r4', 'r10'),
        bpf.add('r4', -16),
        mov('r5', 16),
        call(BPF_FUNC_perf_event_output),
        mov('r0', 0),
        exit(),
      ]),
    });
  }

  /** Sends so many samples, at once. */
  run(samples) {
    this.#program.testRun({ dataIn: PACKET, repeat: samples });
  }

  /** How many samples were sent in all. */
  get sent() {
    const value = this.#counter.lookup(new Uint8Array(4));
    return Number(new DataView(value.buffer, value.byteOffset).getBigUint64(0, true));
  }
}

/** The number in a sample; -1 when its bytes are not those of any sample. */
export function numberIn(record) {
  const number = record.u64(0);
  return record.size >= 16 && record.u64(8) === (number ^ 0xffff_ffff_ffff_ffffn) ? Number(number) : -1;
}
