// Writes a perf.data file that perf reads, and reads it again. Without the kernel and without privileges.
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kernel, MemoryRingStorage, recordFormat } from 'perfring';
import { PerfDataEncoder, PerfDataError, PerfDataReader, PerfDataWriter } from 'perfring/perf-data';

// The event of bpf_perf_event_output, whose samples have a payload only.
const attr = {
  type: kernel.PERF_TYPE_SOFTWARE,
  config: kernel.PERF_COUNT_SW_BPF_OUTPUT,
  sample_type: kernel.PERF_SAMPLE_RAW,
};
const { ring } = new MemoryRingStorage({ dataPageCount: 1, format: recordFormat(attr) });
ring.startWriteBatch();
for (const text of ['one', 'two', 'three']) ring.write(Buffer.from(text));
ring.finishWriteBatch();

const path = join(tmpdir(), `perfring-example-${process.pid}.data`);
const writer = PerfDataWriter.create(path, { events: [{ attr }] });
const encoder = new PerfDataEncoder({ events: [{ attr }] });
ring.startReadBatch();
ring.visit((record) => {
  writer.write(record);
  encoder.write(record);
});
ring.finishReadBatch();
writer.close();

// `perfring script` shows the file, too; so does `perf script`, if the event has PERF_SAMPLE_IP.
const reader = PerfDataReader.open(path);
console.log(reader.form, reader.events[0]?.name);
reader.visit((record) => console.log(record.string(0, record.size)));
reader.close();

// A file that is damaged gives what is before the damage.
const cut = PerfDataReader.fromBytes(encoder.take().subarray(0, -8));
try {
  cut.visit((record) => console.log(record.string(0, record.size)), { other: () => undefined });
} catch (error) {
  if (!(error instanceof PerfDataError)) throw error;
  console.log(error.code);
}
console.log(readFileSync(path).toString('latin1', 0, 8));
rmSync(path);
