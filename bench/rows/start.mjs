import { spawn } from 'node:child_process';
import { summary } from '../harness/statistics.mjs';
import { spread, table } from '../harness/table.mjs';

const RATE = 10_000;
const PAYLOAD = 48;
const RING_BYTES = 64 * 1024;
/** The producer is asked again and again, until the reader has its sample. */
const EMIT_MILLISECONDS = 200;

/**
 * Runs `reader first MAP RING_BYTES` and answers milliseconds from before the spawn to its own note of the first sample;
 * for a program that notes none, to the first line of its output.
 */
async function startOnce(bench, contender, map) {
  const given = contender.startedBy?.(map) ?? ['first', String(map), String(RING_BYTES)];
  const pin = ['-c', String(bench.cpus.reader)];
  const begun = process.hrtime.bigint();
  const child = spawn('taskset', [...pin, ...contender.command, ...given], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  let firstByte = 0n;
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    if (output === '') firstByte = process.hrtime.bigint();
    output += chunk;
  });
  let ended = false;
  child.once('close', () => {
    ended = true;
  });
  while (!ended) await bench.producer.ask({ do: 'emit', rate: RATE, milliseconds: EMIT_MILLISECONDS });
  if (output === '') throw new Error(`${contender.name}: ended without a sample`);
  if (contender.byFirstLine) return Number(firstByte - begun) / 1e6;
  const { first, error } = JSON.parse(output);
  if (error !== undefined) throw new Error(`${contender.name}: ${error}`);
  return (first - Number(begun)) / 1e6;
}

export const start = {
  title: 'start: from spawning the process to its first sample',
  async run(bench) {
    const rounds = bench.quick ? 3 : 21;
    const { map } = await bench.producer.ask({ do: 'load', payload: PAYLOAD });
    const entries = bench.contenders.start.map((contender) => ({
      contender,
      milliseconds: [],
      failed: false,
    }));
    for (let round = -1; round < rounds; round++) {
      bench.progress(`round ${round + 1}`);
      for (const entry of entries.filter((one) => !one.failed)) {
        try {
          const took = await startOnce(bench, entry.contender, map);
          if (round >= 0) entry.milliseconds.push(took);
        } catch (error) {
          entry.failed = true;
          bench.fault(error);
        }
      }
    }
    const measured = entries.filter((entry) => entry.milliseconds.length > 0);
    const data = measured.map(({ contender, milliseconds }) => ({
      name: contender.name,
      milliseconds: summary(milliseconds),
    }));
    const text = table(
      ['reader', 'ms'],
      data.map((entry) => [entry.name, spread(entry.milliseconds, 1)]),
    );
    const note = `Median (middle half) of ${rounds} starts after one. "node, nothing" prints a line and ends: what the runtime takes by itself. collect: to its first line.`;
    return { text: `${text}\n\n${note}`, data };
  },
};
