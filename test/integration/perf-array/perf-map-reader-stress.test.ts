import { setTimeout } from 'node:timers/promises';
import type { RecordBatch } from '../../../lib/delivery/record-batch';
import { PerfEventArray } from '../../../lib/bpf/perf-event-array';
import type { PerfMapReaderOptions } from '../../../lib/perf-array/options';
import { PerfMapReader } from '../../../lib/perf-array/perf-map-reader';
import { Flood } from '../../support/flood';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import type { ProducerReport } from '../../support/producer-process';
import { CPUS, SCENE_CAPABILITIES } from '../../support/reader-scene';
import { SequenceCheck } from '../../support/sequence-check';

afterAll(expectNothingLeft);

/** The seconds of each mode. PERFRING_STRESS_SECONDS=30 is the full test, which prints its figures. */
const asked = process.env['PERFRING_STRESS_SECONDS'];
const SECONDS = Number(asked ?? 1);

interface Mode {
  readonly name: string;
  readonly options: PerfMapReaderOptions;
  /** The milliseconds for which the consumer sleeps after each batch. */
  readonly sleeps?: number;
}

const MODES: readonly Mode[] = [
  { name: 'moderated', options: {} },
  { name: 'moderated, by time', options: { order: 'time' } },
  { name: 'moderated, large rings, by time', options: { order: 'time', bufferBytes: 4 << 20 } },
  { name: 'every event', options: { wakeup: { everyEvents: 1 } } },
  { name: 'every event, by time', options: { wakeup: { everyEvents: 1 }, order: 'time' } },
  { name: 'every 7 events', options: { wakeup: { everyEvents: 7 } } },
  { name: 'every 4,096 bytes', options: { wakeup: { everyBytes: 4096 } } },
  { name: 'every 4,096 bytes, by time', options: { wakeup: { everyBytes: 4096 }, order: 'time' } },
  { name: 'manual', options: { wakeup: 'manual' } },
  { name: 'moderated, a slow consumer', options: {}, sleeps: 20 },
  { name: 'moderated, a slow consumer, by time', options: { order: 'time' }, sleeps: 20 },
  { name: 'moderated, one page', options: { bufferBytes: 4096 } },
];

describeWith(SCENE_CAPABILITIES, `a flood on every CPU for ${SECONDS} s`, () => {
  it.each(MODES)(
    'is delivered in order, and accounted for to the last sample: $name',
    async ({ name, options, sleeps = 0 }) => {
      const array = PerfEventArray.create();
      const reader = PerfMapReader.open(array, options);
      const check = new SequenceCheck();
      const visitor = options.order === 'time' ? check.timedVisitor : check.visitor;
      let flood: Flood | undefined;
      try {
        flood = await Flood.start({ mapId: array.info.id });
        const flooding = setTimeout(SECONDS * 1000).then(() => flood?.stop());
        const stop = new AbortController();
        const reading = read(reader, visitor, sleeps, options.wakeup === 'manual', stop.signal);
        const reports = (await flooding) as Map<number, ProducerReport>;
        const stopped = performance.now();
        if (options.wakeup === 'manual') stop.abort();
        else await reader.close({ drain: true });
        await reading;
        expectTruth(reader, check, reports);
        const { total } = reader.stats();
        const emitted = [...reports.values()].reduce((sum, report) => sum + report.emitted, 0);
        if (asked !== undefined) {
          const cost = [...reports.values()].map((report) => report.nanosecondsPerSample.toFixed(0));
          process.stdout.write(
            `${name}: emitted ${emitted}, received ${total.received}, lost ${total.lost}, late ${total.late}, ` +
              `wakeups ${total.wakeups}, swaps ${total.swaps}, producers ${cost.join(' and ')} ns a sample, ` +
              `drained in ${(performance.now() - stopped).toFixed(0)} ms\n`,
          );
        }
        expect(total.received).toBeGreaterThan(0);
      } finally {
        flood?.kill();
        await reader.close();
        array.close();
      }
    },
    SECONDS * 1000 + 60_000,
  );
});

async function read(
  reader: PerfMapReader,
  visitor: SequenceCheck['visitor'],
  sleeps: number,
  manual: boolean,
  signal: AbortSignal,
): Promise<void> {
  if (manual) {
    while (!signal.aborted) {
      reader.drain(visitor);
      await setTimeout(1);
    }
    reader.drain(visitor);
    return;
  }
  for await (const batch of reader as AsyncIterable<RecordBatch>) {
    batch.forEach(visitor);
    if (sleeps > 0) await setTimeout(sleeps);
  }
}

/** Expects that every sample was delivered or counted as lost, and that all samples out of order are marked late. */
function expectTruth(
  reader: PerfMapReader,
  check: SequenceCheck,
  reports: Map<number, ProducerReport>,
): void {
  expect(check.errors).toEqual([]);
  expect(check.inversions).toBe(0);
  const { total, cpus } = reader.stats();
  expect([total.late, total.corrupt, total.truncated]).toEqual([check.late, 0, 0]);
  expect(cpus.map(({ cpu }) => cpu)).toEqual([...CPUS]);
  for (const { cpu, received, lost } of cpus) {
    const { emitted, failed } = reports.get(cpu) as ProducerReport;
    expect({ cpu, received, lost, sum: received + lost }).toEqual({
      cpu,
      received: check.received(cpu),
      lost: failed['ENOSPC'] ?? 0,
      sum: emitted,
    });
    expect(check.missing(cpu, emitted)).toBe(lost);
  }
}
