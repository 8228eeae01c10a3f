// A flight recorder: rings where new records overwrite the oldest ones, and a snapshot of them.
import { setTimeout as pause } from 'node:timers/promises';
import { attachBuiltin, FlightRecorder, PerfEventArray } from 'perfring';

async function main(): Promise<void> {
  const array = PerfEventArray.create();
  const recorder = FlightRecorder.open(array, { bufferBytes: 64 * 1024 });
  const program = attachBuiltin('sched_switch', array);
  await pause(500);

  // Producers continue during the snapshot. No record in it is torn, and the records of all CPUs are in time order.
  const snapshot = recorder.snapshot();
  let last = 0n;
  let ordered = true;
  const visited = snapshot.visit((record) => {
    ordered &&= (record.time ?? 0n) >= last;
    last = record.time ?? last;
  });
  console.log(`${visited} records, ${ordered ? 'in order of time' : 'out of order'}`);

  program.close();
  recorder.close();
  array.close();
}

main();
