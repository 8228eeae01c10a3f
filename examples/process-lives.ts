// Two types of events in one ring buffer, told apart by their first number. Argument: the object compiled from
// bpf/lives.bpf.c.
import { spawnSync } from 'node:child_process';
import { BpfObject, defineUnion, RingBufferMap, RingBufferReader, viewFor } from 'perfring';
import * as lives from './bpf/lives';

async function main(path = 'lives.bpf.o'): Promise<void> {
  using object = BpfObject.open(path, { types: lives });
  await object.load();
  using map = RingBufferMap.openByFd(object.map('lives').fd);
  await using reader = RingBufferReader.open(map);
  for (const program of object.programs) object.attach(program);

  const { pid } = spawnSync('/bin/true');
  const view = viewFor(
    defineUnion(
      { kind: 'u32', offset: 0 },
      { start: { value: 1, layout: lives.start }, end: { value: 2, layout: lives.end } },
    ),
  );
  let isOver = false;
  for await (const batch of reader) {
    for (const event of view.each(batch)) {
      if (event.type === undefined || event.pid !== pid) continue;
      if (event.type === 'start') console.log(`${event.comm} starts`);
      else isOver = event.time > 0n;
    }
    if (isOver) break;
  }
  console.log(`and ends; ${view.unknown} events of unknown types`);
}

main(process.argv[2]);
