// A histogram of how long this process's system calls take. A BPF program counts, nothing is sent: the counts are read
// from a per-CPU map with typed values. Argument: the object compiled from bpf/latency.bpf.c.
import { statSync } from 'node:fs';
import { BpfObject } from 'perfring';
import * as latency from './bpf/latency';

async function main(path = 'latency.bpf.o'): Promise<void> {
  using object = BpfObject.open(path, { types: latency });
  await object.set({ target_pid: process.pid }).load();
  object.attach('on_exit');
  object.attach('on_enter');
  for (let calls = 0; calls < 10_000; calls++) statSync('/');

  let total = 0n;
  for (const [bucket, perCpu] of object.typedMap('buckets')) {
    const count = perCpu.reduce((sum, one) => sum + one, 0n);
    total += count;
    if (count > 0n) console.log(`${2 ** bucket} ns and more: ${count}`);
  }
  console.log(`${total} system calls`);
}

main(process.argv[2]);
