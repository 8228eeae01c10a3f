import { recordBytes } from '../harness/drain-cell.mjs';
import { summary } from '../harness/statistics.mjs';
import { Subject } from '../harness/subject.mjs';
import { fixed, table } from '../harness/table.mjs';

const PAYLOAD = 48;
const RING_BYTES = 512 * 1024;
const DRAINS = 30;
/** The drains that the table shows, counted from 1. */
const SHOWN = [1, 2, 3, 5, 10, DRAINS];

/** Fills and drains a ring in a process that has drained none before. @returns nanoseconds of each drain */
async function oneProcess(bench, { name, command, variant }, loaded, records) {
  const reader = new Subject({ name, command, cpu: bench.cpus.reader });
  try {
    const { reader: cpu } = bench.cpus;
    await reader.ask({ do: 'open', ...loaded, cpu, ringBytes: RING_BYTES, payload: PAYLOAD, variant });
    const drains = [];
    while (drains.length < DRAINS) {
      const measured = await reader.ask({ do: 'drain', records, cycles: 1 });
      if (measured.records !== records) throw new Error(`${name}: ${measured.records} of ${records} records`);
      drains.push(measured.ns);
    }
    await reader.ask({ do: 'close' });
    return drains;
  } finally {
    await reader.end();
  }
}

function line({ name, processes }, records) {
  const median = (drain) => summary(processes.map((drains) => drains[drain - 1] / records)).median;
  const longest = summary(processes.map((drains) => Math.max(...drains.slice(2)) / 1e6));
  return [
    name,
    ...SHOWN.map((drain) => fixed(median(drain), 1)),
    `${fixed(longest.median, 2)} (${fixed(Math.max(...processes.flatMap((drains) => drains.slice(2))) / 1e6, 2)})`,
  ];
}

export const first = {
  title: 'first drains of a process: full rings of 512 KiB, nothing warmed up',
  async run(bench) {
    const records = Math.floor((RING_BYTES - 1) / recordBytes(PAYLOAD));
    const loaded = await bench.producer.ask({ do: 'load', payload: PAYLOAD });
    const entries = bench.contenders.first.map(({ name }) => ({ name, processes: [] }));
    for (let round = 0; round < (bench.quick ? 7 : 21); round++) {
      for (const [at, contender] of bench.contenders.first.entries()) {
        bench.progress(`process ${round + 1}, ${contender.name}`);
        try {
          entries[at].processes.push(await oneProcess(bench, contender, loaded, records));
        } catch (error) {
          bench.fault(error);
        }
      }
    }
    const measured = entries.filter(({ processes }) => processes.length > 0);
    const head = [
      'reader',
      ...SHOWN.map((drain) => `drain ${drain}, ns`),
      'longest from the third on, ms (of all)',
    ];
    const note = `Nanoseconds a record, medians of ${entries[0]?.processes.length} processes. Each drain visits ${records} records.`;
    return {
      text: `${table(
        head,
        measured.map((entry) => line(entry, records)),
      )}\n\n${note}`,
      data: entries,
    };
  },
};
