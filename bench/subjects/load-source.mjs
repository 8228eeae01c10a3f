import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const BPF_INSN_BYTES = 8;
const BPF_LD_IMM64 = 0x18;
const BPF_PSEUDO_MAP_FD = 1;

/** A module of the built package: dist/PATH.js. */
export function fromDist(path) {
  return require(`../../dist/${path}.js`);
}

/**
 * Loads the producer's program again, so that it can be run from this process: the same instructions, where the maps'
 * ids stand in place of descriptors. Both go with `close()`.
 * @param {string} hex `instructions` of the producer's answer
 */
export function loadProgram(hex) {
  const { BpfMap } = fromDist('bpf/bpf-map');
  const { BpfProgram } = fromDist('bpf/bpf-program');
  const { BPF_PROG_TYPE_SCHED_CLS } = fromDist('abi/bpf');
  const instructions = Uint8Array.from(Buffer.from(hex, 'hex'));
  const view = new DataView(instructions.buffer);
  const maps = [];
  try {
    for (let at = 0; at < instructions.length; at += BPF_INSN_BYTES) {
      if (view.getUint8(at) !== BPF_LD_IMM64 || view.getUint8(at + 1) >> 4 !== BPF_PSEUDO_MAP_FD) continue;
      const map = BpfMap.openById(view.getUint32(at + 4, true));
      maps.push(map);
      view.setInt32(at + 4, map.fd, true);
    }
    return BpfProgram.load({ type: BPF_PROG_TYPE_SCHED_CLS, instructions, name: 'bench_sample' });
  } finally {
    for (const map of maps) map.close(); // the program holds them
  }
}
