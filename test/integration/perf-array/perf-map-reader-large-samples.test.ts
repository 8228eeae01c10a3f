import fc from 'fast-check';
import { PerfMapReader } from '../../../lib/perf-array/perf-map-reader';
import { PerfEventArray } from '../../../lib/bpf/perf-event-array';
import type { RingRecord } from '../../../lib/records/record';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { SampleProducer } from '../../support/producers';
import { CPUS, SCENE_CAPABILITIES } from '../../support/reader-scene';
import { isExpectedPayload, LARGEST_PAYLOAD_BYTES, sequenceOf } from '../../support/sample-payload';
import { until } from '../../support/until';

afterAll(expectNothingLeft);

const { PERFRING_RANDOM_RUNS, PERFRING_RANDOM_SEED } = process.env;
const RUNS = Number(PERFRING_RANDOM_RUNS ?? 12);
const SEED = Number(PERFRING_RANDOM_SEED ?? Date.now() % 1_000_000_000);

const RING_BYTES = 1 << 20;
/** The most records at once: they leave room for the longest payload, which the kernel writes without reserving it. */
const MOST_AT_ONCE = (RING_BYTES - LARGEST_PAYLOAD_BYTES) >> 16;

interface Scenario {
  readonly order: 'cpu' | 'time';
  readonly sizes: readonly number[];
  readonly bursts: readonly { readonly count: number; readonly cpu: number }[];
}

const size = fc.oneof(
  fc.integer({ min: 8, max: 300 }),
  fc.integer({ min: 8, max: LARGEST_PAYLOAD_BYTES }),
  // Around the lengths at which the u16 in the header wraps: to 0, to 8, and to lengths that have a raw_size again.
  fc.integer({ min: 65_500, max: 65_560 }),
);

const scenario: fc.Arbitrary<Scenario> = fc.record({
  order: fc.constantFrom('cpu', 'time'),
  sizes: fc.array(size, { minLength: 1, maxLength: 20 }),
  bursts: fc.array(
    fc.record({ count: fc.integer({ min: 1, max: MOST_AT_ONCE }), cpu: fc.constantFrom(...CPUS) }),
    { minLength: 1, maxLength: 20 },
  ),
});

/** How the reader counts a payload of this many bytes. */
function fate(order: 'cpu' | 'time', bytes: number): 'received' | 'truncated' | 'traceless' {
  const prefix = order === 'time' ? 8 : 0;
  const whole = 8 + prefix + Math.ceil((bytes + 4) / 8) * 8;
  if (whole < 65_536) return 'received';
  // A record of length 0 does not advance data_head, so the next one overwrites it.
  return whole % 65_536 === 0 ? 'traceless' : 'truncated';
}

async function expectTruth({ order, sizes, bursts }: Scenario): Promise<void> {
  const array = PerfEventArray.create();
  const producer = new SampleProducer(array, { sizes });
  const slack = order === 'time' ? { slackNanoseconds: 0 } : {};
  const reader = PerfMapReader.open(array, { order, ...slack, bufferBytes: RING_BYTES, wakeup: 'manual' });
  const wrong: string[] = [];
  const visitor = (record: RingRecord): void => {
    const payload = record.bytes();
    const sequence = sequenceOf(payload);
    if (!isExpectedPayload(payload, sequence, sizes[sequence % sizes.length] as number))
      wrong.push(`CPU ${record.cpu}: ${sequence} is not as written`);
  };
  try {
    const expected = { received: 0, truncated: 0, traceless: 0 };
    for (const { count, cpu } of bursts) {
      const { emitted } = producer.counts(cpu);
      for (let at = emitted; at < emitted + count; at++)
        expected[fate(order, sizes[at % sizes.length] as number)]++;
      producer.emit(count, { cpu });
      await until(() => {
        reader.drain(visitor);
        const { received, truncated, corrupt } = reader.stats().total;
        return received + truncated + corrupt >= expected.received + expected.truncated;
      }, 'what was written');
    }
    const { received, truncated, lost, corrupt } = reader.stats().total;
    const { traceless, ...seen } = expected;
    expect(wrong.slice(0, 5)).toEqual([]);
    expect({ received, truncated, lost, corrupt }).toEqual({ ...seen, lost: 0, corrupt: 0 });
    expect(received + truncated + traceless).toBe(producer.counts().emitted);
  } finally {
    await reader.close();
    producer.close();
    array.close();
  }
}

describeWith(SCENE_CAPABILITIES, 'samples above 64 KiB, in rings with room for them', () => {
  it(
    `are stepped over one by one, and all others are right: ${RUNS} random runs, PERFRING_RANDOM_SEED=${SEED}`,
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
