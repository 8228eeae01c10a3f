import { summary } from '../harness/statistics.mjs';
import { Subject } from '../harness/subject.mjs';
import { fixed, spread, table } from '../harness/table.mjs';

const PAYLOAD = 48;
const RING_BYTES = 512 * 1024;
const SETTLE_MILLISECONDS = 300;

/** How late a timer of 1 ms comes, beside a reader that takes what it can: nothing offered, and flat out. */
const OFFERED = [
  { name: 'nothing', rate: null },
  { name: '100,000/s', rate: 100_000 },
  { name: 'flat out', rate: 0 },
];

async function once(bench, subject, rate, milliseconds) {
  const { map } = await bench.producer.ask({ do: 'load', payload: PAYLOAD });
  await subject.ask({
    do: 'stream',
    map,
    ringBytes: RING_BYTES,
    payload: PAYLOAD,
    latencyEvery: 64,
    loopDelay: true,
  });
  const span =
    rate === null
      ? await new Promise((resolve) => setTimeout(resolve, milliseconds, { emitted: 0 }))
      : await bench.producer.ask({ do: 'emit', rate, milliseconds });
  await new Promise((resolve) => setTimeout(resolve, rate === null ? 0 : SETTLE_MILLISECONDS));
  const { records, loopDelay } = await subject.ask({ do: 'stop' });
  return { emitted: span.emitted, records, ...loopDelay };
}

export const loop = {
  title: 'the event loop under flood: how late its timers come',
  async run(bench) {
    if (bench.cpus.reader === bench.cpus.producer) return { text: 'Needs two CPUs.', data: null };
    const [contender] = bench.contenders.stream.filter(({ name }) => name === 'perfring');
    if (contender === undefined) return { text: 'Needs the built package.', data: null };
    const rounds = bench.quick ? 3 : 7;
    const milliseconds = bench.quick ? 1000 : 3000;
    const subject = new Subject({ name: contender.name, command: contender.command, cpu: bench.cpus.reader });
    const data = OFFERED.map(({ name, rate }) => ({ name, rate, rounds, milliseconds, results: [] }));
    try {
      await once(bench, subject, 0, 500); // warm-up
      for (let round = 0; round < rounds; round++) {
        for (const entry of data) {
          bench.progress(`${entry.name}, round ${round + 1}`);
          entry.results.push(await once(bench, subject, entry.rate, milliseconds));
        }
      }
    } finally {
      await subject.end();
    }
    const lines = data.map(({ name, results }) => {
      const of = (field) => summary(results.map((result) => result[field]));
      return [
        name,
        fixed(of('records').median),
        ...['p50', 'p99', 'max'].map((field) => spread(of(field), 2)),
      ];
    });
    const head = ['offered', 'delivered a round', 'p50 ms', 'p99 ms', 'worst ms'];
    const note = `perf_hooks.monitorEventLoopDelay({ resolution: 1 }): from one expiry of a 1 ms timer to the next. Payload ${PAYLOAD}, a ring of ${RING_BYTES / 1024} KiB a CPU, turns of the default 1 ms. Median (middle half) of ${rounds} rounds of ${milliseconds} ms.`;
    return { text: `${table(head, lines)}\n\n${note}`, data };
  },
};
