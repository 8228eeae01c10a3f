/**
 * Prints the results of lookups and updates of a per-CPU map when the number of possible CPUs in /sys differs from the
 * kernel's: `hidden-cpus-main.ts PARTS`. Run it with register-typescript.cjs.
 */

import { BPF_ANY, BPF_MAP_TYPE_PERCPU_ARRAY } from '../../../lib/abi/bpf';
import { addon } from '../../../lib/addon/load';
import { opened } from './kernel-fixture';

const native = addon();
const bytes = 8 * Number(process.argv[2]);
const map = opened(native.bpfMapCreate(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 1, 0, 'hidden_cpus'));
const memory = new Uint8Array(bytes + 65_536).fill(0xaa);
const key = new Uint8Array(4);
const answers = {
  lookup: native.bpfMapLookup(map, key, memory.subarray(0, bytes)),
  update: native.bpfMapUpdate(map, key, new Uint8Array(bytes), BPF_ANY),
  touchedBehind: memory.subarray(bytes).some((byte) => byte !== 0xaa),
};
console.log(JSON.stringify(answers));
