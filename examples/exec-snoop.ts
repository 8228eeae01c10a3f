// Which programs start, as typed events: bpf/exec.bpf.c, compiled by clang -g -O2 -target bpf. `perfring gen` wrote
// bpf/exec.ts. Arguments: the compiled object, and how many events to show.
import { execFileSync } from 'node:child_process';
import { BpfObject, RingBufferMap, RingBufferReader, viewFor } from 'perfring';
import * as exec from './bpf/exec';

async function main([path = 'exec.bpf.o', count = '5']: readonly string[]): Promise<void> {
  using object = BpfObject.open(path, { types: exec });
  object.set({ only_uid: process.getuid?.() ?? 0 });
  await object.load({ only: ['on_exec'] });
  using map = RingBufferMap.openByFd(object.map('execs').fd);
  await using reader = RingBufferReader.open(map);
  const view = viewFor(exec.events.execs);
  object.attach('on_exec'); // after the reader: nothing is missed
  for (let left = Number(count); left > 0; left--) execFileSync('/bin/true');

  let shown = 0;
  for await (const batch of reader) {
    for (const { pid, uid, comm } of view.each(batch)) {
      if (shown++ < Number(count)) console.log(pid, uid, comm);
    }
    if (shown >= Number(count)) break;
  }
}

main(process.argv.slice(2));
