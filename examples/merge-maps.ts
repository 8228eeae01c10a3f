// A ring buffer and a perf event array of one program, merged by the time in their events. Argument: the object compiled
// from bpf/both.bpf.c.
import { spawnSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import {
  BpfObject,
  PerfEventArray,
  PerfMapReader,
  type RecordBatch,
  RingBufferMap,
  RingBufferReader,
  viewFor,
} from 'perfring';
import * as both from './bpf/both';

/** Events wait so long for earlier ones of the other map, in nanoseconds. */
const SLACK = 20_000_000n;

async function main(path = 'both.bpf.o'): Promise<void> {
  using object = BpfObject.open(path, { types: both });
  await object.load();
  using starts = RingBufferMap.openByFd(object.map('starts').fd);
  using ends = PerfEventArray.openByFd(object.map('ends').fd);
  const readers = { starts: RingBufferReader.open(starts), ends: PerfMapReader.open(ends) };

  const held: (both.moment & { what: string })[] = [];
  const hold = async (what: string, reader: AsyncIterable<RecordBatch>): Promise<void> => {
    const view = viewFor(both.moment);
    for await (const batch of reader) {
      for (const event of view.each(batch)) held.push({ ...event.toObject(), what });
    }
  };
  const reading = [hold('starts', readers.starts), hold('ends', readers.ends)];
  for (const program of object.programs) object.attach(program);

  const pids = Array.from({ length: 3 }, () => spawnSync('/bin/true').pid);
  const merged: string[] = [];
  for (let last = 0n; merged.length < 2 * pids.length; await pause(10)) {
    held.sort((one, other) => Number(one.time - other.time));
    // bpf_ktime_get_ns() and hrtime are the same clock.
    for (const due = process.hrtime.bigint() - SLACK; held[0] !== undefined && held[0].time < due; ) {
      const { time, pid, what } = held.shift() as (typeof held)[0];
      if (time < last) throw new Error('out of order');
      last = time;
      if (pids.includes(pid)) merged.push(`${pids.indexOf(pid)} ${what}`);
    }
  }
  console.log(merged.join(', '));
  await Promise.all([readers.starts.close(), readers.ends.close(), ...reading]);
}

main(process.argv[2]);
