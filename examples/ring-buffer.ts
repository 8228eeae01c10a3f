// A ring buffer map: a program is run 1,000 times, and each run sends its number. One ring takes the records of all CPUs.
import { BpfMap, BpfProgram, bpf, RingBufferMap, RingBufferReader } from 'perfring';

const BPF_MAP_TYPE_ARRAY = 2;
const BPF_PROG_TYPE_SCHED_CLS = 3;
const BPF_FUNC_ringbuf_output = 130;
const RUNS = 1000;

async function main(): Promise<void> {
  const map = RingBufferMap.create({ capacityBytes: 64 * 1024 });
  const counter = BpfMap.create({ type: BPF_MAP_TYPE_ARRAY, keySize: 4, valueSize: 8, maxEntries: 1 });

  const { add, assemble, atomicAdd, call, exit, load, loadMapFd, loadMapValue, mov, store } = bpf;
  const program = BpfProgram.load({
    type: BPF_PROG_TYPE_SCHED_CLS,
    name: 'count_up',
    instructions: assemble([
      loadMapValue('r7', counter.fd),
      load('u64', 'r1', 'r7', 0),
      store('u64', 'r10', -8, 'r1'),
      mov('r2', 1),
      atomicAdd('u64', 'r7', 0, 'r2'),
      // bpf_ringbuf_output(map, data, size, flags)
      loadMapFd('r1', map.fd),
      mov('r2', 'r10'),
      add('r2', -8),
      mov('r3', 8),
      mov('r4', 0),
      call(BPF_FUNC_ringbuf_output),
      mov('r0', 0),
      exit(),
    ]),
  });

  const reader = RingBufferReader.open(map);
  program.testRun({ dataIn: new Uint8Array(64), repeat: RUNS });

  let sum = 0;
  for await (const batch of reader) {
    batch.forEach((record) => {
      sum += record.u64AsNumber(0);
    });
    if (reader.stats().received === RUNS) break;
  }
  const { received, lost } = reader.stats();
  console.log(`${received} records received, sum ${sum}, ${lost ?? 'an unknown number'} lost`);

  await reader.close();
  program.close();
  counter.close();
  map.close();
}

main();
