// One CPU, one event, full control: page faults on the first CPU, without a BPF program.
import { kernel, MmapRingStorage, onlineCpus } from 'perfring';

const [cpu = 0] = onlineCpus();
const PERF_COUNT_SW_PAGE_FAULTS = 2;

const storage = MmapRingStorage.open({
  cpu,
  dataPageCount: 8,
  attributes: {
    type: kernel.PERF_TYPE_SOFTWARE,
    config: PERF_COUNT_SW_PAGE_FAULTS,
    sample_type: kernel.PERF_SAMPLE_TID | kernel.PERF_SAMPLE_ADDR,
  },
});

let faults = 0;
const end = Date.now() + 5000;
while (faults === 0 && Date.now() < end) {
  // New memory, touched for the first time.
  new Uint8Array(4 << 20).fill(1);
  storage.ring.startReadBatch();
  faults += storage.ring.visit(() => undefined);
  storage.ring.finishReadBatch();
}
console.log(faults > 0 ? `page faults on CPU ${cpu}: some` : `no page fault on CPU ${cpu} within 5 seconds`);

storage.close();
