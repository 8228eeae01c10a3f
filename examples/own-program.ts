// A BPF program written with the assembler. It is run 1,000 times, and each run writes a sample with its number.
import { BpfMap, BpfProgram, bpf, kernel, PerfEventArray, PerfMapReader } from 'perfring';

const BPF_MAP_TYPE_ARRAY = 2;
const BPF_PROG_TYPE_SCHED_CLS = 3;
const BPF_FUNC_perf_event_output = 25;
const RUNS = 1000;

const array = PerfEventArray.create();
const counter = BpfMap.create({ type: BPF_MAP_TYPE_ARRAY, keySize: 4, valueSize: 8, maxEntries: 1 });

const { assemble, atomicAdd, call, exit, load, loadMapFd, loadMapValue, mov, mov32, store } = bpf;
const program = BpfProgram.load({
  type: BPF_PROG_TYPE_SCHED_CLS,
  name: 'count_up',
  instructions: assemble([
    mov('r6', 'r1'),
    loadMapValue('r7', counter.fd),
    load('u64', 'r1', 'r7', 0),
    store('u64', 'r10', -8, 'r1'),
    mov('r2', 1),
    atomicAdd('u64', 'r7', 0, 'r2'),
    // bpf_perf_event_output(ctx, map, BPF_F_CURRENT_CPU, data, size)
    mov('r1', 'r6'),
    loadMapFd('r2', array.fd),
    mov32('r3', -1),
    mov('r4', 'r10'),
    bpf.add('r4', -8),
    mov('r5', 8),
    call(BPF_FUNC_perf_event_output),
    mov('r0', 0),
    exit(),
  ]),
});

const reader = PerfMapReader.open(array, { wakeup: 'manual' });
program.testRun({ dataIn: new Uint8Array(64), repeat: RUNS });

let sum = 0;
reader.drain({
  sample: (record) => {
    sum += record.u64AsNumber(0);
  },
  lost: (record) => console.log(`CPU ${record.cpu} lost ${record.lost}`),
});
console.log(`${reader.stats().total.received} samples of type ${kernel.PERF_RECORD_SAMPLE}, sum ${sum}`);

reader.close();
program.close();
counter.close();
array.close();
