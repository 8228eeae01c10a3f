import { setImmediate, setTimeout } from 'node:timers/promises';
import fc from 'fast-check';
import { addon } from '../../../lib/addon/load';
import { PerfEventArray } from '../../../lib/bpf/perf-event-array';
import type { PerfMapReaderOptions, Wakeup } from '../../../lib/perf-array/options';
import { PerfMapReader } from '../../../lib/perf-array/perf-map-reader';
import type { OwnedRecord } from '../../../lib/records/owned-record';
import { Flood } from '../../support/flood';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { SampleProducer } from '../../support/producers';
import { CPUS, SCENE_CAPABILITIES } from '../../support/reader-scene';
import { SampleCheck } from '../../support/sample-check';
import { until } from '../../support/until';

afterAll(expectNothingLeft);

const { PERFRING_RANDOM_RUNS, PERFRING_RANDOM_SEED } = process.env;
const RUNS = Number(PERFRING_RANDOM_RUNS ?? 12);
const SEED = Number(PERFRING_RANDOM_SEED ?? Date.now() % 1_000_000_000);

/** The most pauses of a slow consumer, which pauses after each batch: 65,536 records can be as many batches. */
const MOST_PAUSES = 300;

type Consumer = 'forEach' | 'slow' | 'failing' | 'partial' | 'for-of' | 'readable' | 'read' | 'drain';

type Action =
  | { readonly do: 'emit'; readonly count: number; readonly cpu: number }
  | { readonly do: 'pause' | 'resume' | 'flush' | 'stats' | 'refresh' | 'turn' }
  | { readonly do: 'sleep'; readonly milliseconds: number }
  /** The thread of the reader, from this action on. */
  | { readonly do: 'pin'; readonly to: readonly number[] };

interface Scenario {
  readonly order: 'cpu' | 'time';
  readonly wakeup: Wakeup;
  /** The CPUs of the reader. Undefined: all online CPUs. */
  readonly cpus: readonly number[] | undefined;
  readonly pages: number;
  readonly sizes: readonly number[];
  readonly consumer: Consumer;
  readonly turnRecords: number;
  /** Samples per second of producers in child processes. Undefined: only the actions emit. */
  readonly flood: { readonly rate: number | undefined; readonly cpus: readonly number[] } | undefined;
  readonly drains: boolean;
  readonly actions: readonly Action[];
}

const cpu = fc.constantFrom(...CPUS);
const someCpus = fc.subarray([...CPUS], { minLength: 1 });

/** The longest payloads whose record length fits into the u16 of the header. A time takes 8 bytes. */
const LARGEST_BYTES = { cpu: 65_516, time: 65_508 };

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('emit' as const),
      count: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 3000 })),
      cpu,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('pause', 'resume', 'flush', 'stats', 'refresh', 'turn'),
    }) as fc.Arbitrary<Action>,
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('sleep' as const),
      milliseconds: fc.integer({ min: 1, max: 25 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pin' as const), to: someCpus }) },
);

const scenario: fc.Arbitrary<Scenario> = fc
  .record({
    order: fc.constantFrom('cpu' as const, 'time' as const),
    wakeup: fc.constantFrom<Wakeup>(
      'moderated',
      'moderated',
      { everyEvents: 1 },
      { everyEvents: 7 },
      { everyBytes: 1000 },
      'manual',
    ),
    cpus: fc.option(someCpus, { nil: undefined, freq: 3 }),
    pages: fc.constantFrom(1, 2, 4, 16, 64),
    sizes: fc.oneof(
      fc.array(fc.integer({ min: 8, max: 300 }), { minLength: 1, maxLength: 5 }),
      fc.array(fc.integer({ min: 8, max: LARGEST_BYTES.cpu }), { minLength: 1, maxLength: 5 }),
      // Payloads shorter than a sequence number are only counted.
      fc.array(fc.integer({ min: 0, max: 7 }), { minLength: 1, maxLength: 3 }),
      fc.array(fc.integer({ min: 0, max: LARGEST_BYTES.cpu }), { minLength: 1, maxLength: 5 }),
    ),
    consumer: fc.constantFrom<Consumer>(
      'forEach',
      'slow',
      'failing',
      'partial',
      'for-of',
      'readable',
      'read',
      'drain',
    ),
    turnRecords: fc.constantFrom(7, 100, 1000, 65_536),
    flood: fc.option(
      fc.record({
        rate: fc.constantFrom(undefined, 300, 4000, 50_000),
        cpus: someCpus,
      }),
      { nil: undefined },
    ),
    drains: fc.boolean(),
    actions: fc.array(action, { minLength: 5, maxLength: 60 }),
  })
  .map((one) => ({
    ...one,
    sizes: one.sizes.map((size) => Math.min(size, LARGEST_BYTES[one.order])),
    consumer: one.wakeup === 'manual' ? ('drain' as const) : one.consumer,
    // Reading one record at a time is slow, so flushing a large flooded ring would take too long.
    pages: one.consumer === 'read' ? Math.min(one.pages, 4) : one.pages,
    // Consumers that stop early or read one record at a time do not read the rest that a draining close delivers.
    drains: one.drains && !['failing', 'read', 'drain'].includes(one.consumer),
  }));

/** The reader of one run, and its consumer. */
class Run {
  readonly reader: PerfMapReader;
  readonly check: SampleCheck;
  readonly #countOnly: boolean;
  received = 0;
  #reading: Promise<void> | undefined;
  #stopped = false;
  #pauses = 0;

  constructor(
    array: PerfEventArray,
    readonly scenario: Scenario,
  ) {
    const { order, wakeup, cpus, pages, sizes, turnRecords } = scenario;
    const options: PerfMapReaderOptions = {
      order,
      ...(cpus === undefined ? {} : { cpus }),
      wakeup,
      bufferBytes: pages * 4096,
      turn: { records: turnRecords },
      ...(order === 'time' ? { slackNanoseconds: 200_000 } : {}),
    };
    this.reader = PerfMapReader.open(array, options);
    this.#countOnly = sizes.some((size) => size < 8);
    this.check = new SampleCheck(sizes);
  }

  take(record: { readonly cpu: number; bytes(): Uint8Array }): void {
    this.received++;
    if (!this.#countOnly) this.check.take(record.cpu, record.bytes());
  }

  begin(): void {
    if (this.scenario.consumer !== 'drain') this.#reading = this.#read();
  }

  turn(): void {
    if (this.scenario.consumer === 'drain') this.reader.drain((record) => this.take(record));
  }

  /** Waits until everything that was published has been delivered, then closes the reader. */
  async end(): Promise<void> {
    const { reader, scenario } = this;
    if (scenario.consumer === 'drain') {
      let flushed = false;
      const flushing = reader.flush().then(() => {
        flushed = true;
      });
      // In time order the last records are due after the slack.
      await until(() => {
        this.turn();
        return flushed;
      }, 'the last');
      await flushing;
      await reader.close();
    } else if (scenario.drains) {
      await reader.close({ drain: true });
    } else {
      await reader.flush();
      this.#stopped = true;
      await reader.close();
    }
    await this.#reading;
  }

  async #read(): Promise<void> {
    const { consumer } = this.scenario;
    while (!this.reader.closed && !this.#stopped) {
      try {
        if (consumer === 'read') await this.#readOneByOne();
        else if (consumer === 'readable') await this.#readStream();
        else await this.#readBatches(consumer);
      } catch (error) {
        const { code, message } = error as { code?: string; message: string };
        if (code !== 'ERR_PERF_CLOSED' && message !== 'of the consumer') throw error;
      }
    }
  }

  async #readBatches(consumer: Consumer): Promise<void> {
    for await (const batch of this.reader) {
      if (consumer === 'for-of') {
        for (const record of batch) this.take(record);
      } else {
        let seen = 0;
        batch.forEach(
          (record) => {
            this.take(record);
            if (consumer === 'failing' && ++seen === 500) throw new Error('of the consumer');
          },
          consumer === 'partial' ? { records: 100 } : {},
        );
      }
      if (consumer === 'slow' && this.#pauses++ < MOST_PAUSES) await setTimeout(3);
    }
  }

  async #readOneByOne(): Promise<void> {
    const record = await this.reader.read();
    if (record !== null) this.#takeOwned(record);
  }

  async #readStream(): Promise<void> {
    for await (const record of this.reader.readable({ highWaterMark: 50 })) {
      this.#takeOwned(record);
    }
  }

  #takeOwned({ cpu: from, data }: OwnedRecord): void {
    this.take({ cpu: from, bytes: () => data });
  }
}

async function act(run: Run, producer: SampleProducer | undefined, one: Action): Promise<void> {
  const { reader } = run;
  switch (one.do) {
    case 'emit':
      producer?.emit(one.count, one);
      break;
    case 'sleep':
      await setTimeout(one.milliseconds);
      break;
    case 'flush':
      if (run.scenario.consumer !== 'drain') await reader.flush();
      break;
    case 'turn':
      run.turn();
      break;
    case 'pin':
      addon().setThreadAffinity([...one.to]);
      break;
    case 'stats': {
      const { total } = reader.stats();
      if (total.corrupt + total.truncated > 0) throw new Error(JSON.stringify(total));
      break;
    }
    default:
      reader[one.do]();
  }
  if (one.do !== 'emit') await setImmediate();
}

async function expectTruth(one: Scenario): Promise<void> {
  const array = PerfEventArray.create();
  const run = new Run(array, one);
  const producer = one.flood === undefined ? new SampleProducer(array, { sizes: one.sizes }) : undefined;
  const affinity = addon().getThreadAffinity();
  let flood: Flood | undefined;
  try {
    if (one.flood !== undefined) {
      const { rate, cpus } = one.flood;
      flood = await Flood.start({
        mapId: array.info.id,
        sizes: one.sizes,
        cpus,
        ...(rate === undefined ? {} : { rate }),
      });
    }
    run.begin();
    for (const next of one.actions) await act(run, producer, next);
    const reports = await flood?.stop();
    await run.end();
    expect(run.check.errors).toEqual([]);
    const { total, cpus } = run.reader.stats();
    expect([total.received, total.corrupt, total.truncated]).toEqual([run.received, 0, 0]);
    for (const { cpu: number, received, lost } of cpus) {
      const { emitted = 0, failed = {} } = producer?.counts(number) ?? reports?.get(number) ?? {};
      const { ENOENT = 0, ENOSPC = 0, ...others } = failed;
      expect({ number, lost, sum: received + lost, others }).toEqual({
        number,
        lost: ENOSPC,
        sum: emitted - ENOENT,
        others: {},
      });
    }
  } finally {
    if (typeof affinity !== 'number') addon().setThreadAffinity(affinity);
    flood?.kill();
    await run.reader.close();
    producer?.close();
    array.close();
  }
}

describeWith(SCENE_CAPABILITIES, 'a reader of random samples, read in random ways', () => {
  it(
    `delivers or accounts for every sample: ${RUNS} random runs, PERFRING_RANDOM_SEED=${SEED}`,
    async () => {
      await fc.assert(fc.asyncProperty(scenario, expectTruth), {
        numRuns: RUNS,
        seed: SEED,
        endOnFailure: true,
      });
    },
    // Only a bound for a test that hangs: many times the usual duration on a machine under load.
    RUNS * 60_000 + 60_000,
  );
});
