import { withAddon } from '../../lib/addon/load';
import { PerfEventArray } from '../../lib/bpf/perf-event-array';
import { FlightRecorder } from '../../lib/perf-array/flight-recorder';
import { PerfMapReader } from '../../lib/perf-array/perf-map-reader';
import type { RingRecord } from '../../lib/records/record';
import { FakeKernel } from './fuzz-fake-kernel';
import { FuzzRandom } from './fuzz-random';
import { fillHostile } from './fuzz-ring-bytes';
import { readInEveryWay } from './ring-reads';

const CASES_IN_A_SEQUENCE = 20;
const BUFFER_BYTES = 4096;

/** Runs the collector on hostile bytes: every way to read must end, count what it delivered, and not throw. */
export async function fuzzCollector(seed: number): Promise<{ findings: string[]; cases: number }> {
  const random = new FuzzRandom(seed);
  const findings: string[] = [];
  try {
    if (random.chance(20)) flightRecorder(random);
    else await perfMapReader(random);
  } catch (error) {
    findings.push(String((error as Error).stack));
  }
  return { findings, cases: CASES_IN_A_SEQUENCE };
}

async function perfMapReader(random: FuzzRandom): Promise<void> {
  const kernel = new FakeKernel();
  const array = withAddon(kernel.native, () => PerfEventArray.create());
  const order = random.pick(['cpu', 'time'] as const);
  const reader = withAddon(kernel.native, () =>
    PerfMapReader.open(array, { order, bufferBytes: BUFFER_BYTES, wakeup: { everyEvents: 1 } }),
  );
  try {
    let samples = 0;
    const see = (record: RingRecord): void => {
      if (record.type === 9) samples++;
      readInEveryWay(record, BUFFER_BYTES);
    };
    for (let made = 0; made < CASES_IN_A_SEQUENCE; made++) {
      for (const ring of kernel.rings) {
        const tail = BigInt(random.below(BUFFER_BYTES / 8) * 8);
        fillHostile(random, ring.data, Number(tail), order === 'time' ? 8 : 0);
        ring.positions[1] = tail;
        ring.positions[0] = tail + BigInt(random.pick([BUFFER_BYTES, random.below(BUFFER_BYTES / 8) * 8]));
        // Sometimes positions that the kernel never stores.
        if (random.chance(4)) ring.positions[0] = random.pick([3n, 2n ** 64n - 1n, tail + 2n ** 32n]);
      }
      await readSomehow(random, reader, see);
      const { received } = reader.stats().total;
      if (received !== samples) throw new Error(`received ${received}, and ${samples} were delivered`);
    }
  } finally {
    await reader.close();
    array.close();
  }
}

async function readSomehow(
  random: FuzzRandom,
  reader: PerfMapReader,
  see: (record: RingRecord) => void,
): Promise<void> {
  switch (random.below(4)) {
    case 0:
      reader.drain({ sample: see, other: see });
      return;
    case 1:
      reader.drain({ sample: see, lost: see, other: see }, { records: 1 + random.below(10) });
      return;
    case 2:
      for await (const batch of reader.batches(soon())) for (const record of batch) see(record);
      return;
    default:
      for await (const batch of reader.batches(soon())) batch.forEach({ sample: see, other: see });
  }
}

/** Ends a wait for records after a short time, because the last record is not marked as such. */
function soon(): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(2) };
}

function flightRecorder(random: FuzzRandom): void {
  const kernel = new FakeKernel();
  const array = withAddon(kernel.native, () => PerfEventArray.create());
  const recorder = withAddon(kernel.native, () =>
    FlightRecorder.open(array, { bufferBytes: BUFFER_BYTES, largestRecordBytes: 64 }),
  );
  try {
    for (let made = 0; made < CASES_IN_A_SEQUENCE; made++) {
      for (const ring of kernel.rings) {
        fillHostile(random, ring.data, 0, 8);
        ring.positions[0] = BigInt(random.below(2 * BUFFER_BYTES));
      }
      const snapshot = recorder.snapshot();
      let records = 0;
      snapshot.visit((record) => {
        records++;
        readInEveryWay(record, BUFFER_BYTES);
      });
      if (records > snapshot.records)
        throw new Error(`${records} records in a snapshot of ${snapshot.records}`);
    }
  } finally {
    recorder.close();
    array.close();
  }
}
