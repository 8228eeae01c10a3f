import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { summary } from '../harness/statistics.mjs';
import { Subject } from '../harness/subject.mjs';
import { fixed, spread, table } from '../harness/table.mjs';

const PAYLOAD = 48;
const FORMATS = ['ndjson', 'raw', 'table'];
/** Samples a second; 0: flat out. */
const RATES = [100_000, 1_000_000, 0];
/** From the start of `collect` until its rings are open. */
const START_MILLISECONDS = 1500;
/** After the producer stopped, until all is read and written. */
const SETTLE_MILLISECONDS = 500;
const TICKS_PER_SECOND = 100;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** CPU seconds of a process: utime and stime of /proc/PID/stat, which are counted in ticks. */
function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Sums of the columns "received" and "lost" of the summary that `collect` writes at its end. */
function countsIn(text) {
  const rows = [...text.matchAll(/^\s*\d+\s+([\d,]+)\s+([\d,]+)\s/gm)];
  const sum = (column) => rows.reduce((total, row) => total + Number(row[column].replaceAll(',', '')), 0);
  if (rows.length === 0) throw new Error(`collect: no counts in its summary: ${text}`);
  return { received: sum(1), lost: sum(2) };
}

/** Runs `collect` into a file while the producer emits. */
async function collectOnce(bench, contender, format, rate, milliseconds, file) {
  const { map } = await bench.producer.ask({ do: 'load', payload: PAYLOAD });
  const given = ['--map-id', String(map), '--format', format, '--output', file, '--force'];
  const [program, ...args] = contender.command;
  const pinned = ['-c', String(bench.cpus.reader), program, ...args, ...given];
  const child = spawn('taskset', pinned, {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: Subject.ahead,
  });
  if (Subject.ahead) writeFileSync(`/proc/${child.pid}/autogroup`, '-20');
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said += text;
  });
  const closed = once(child, 'close');
  await pause(START_MILLISECONDS);
  if (child.exitCode !== null) throw new Error(`collect: ${said}`);
  const before = cpuSeconds(child.pid);
  const { elapsedNs } = await bench.producer.ask({ do: 'emit', rate, milliseconds });
  await pause(SETTLE_MILLISECONDS);
  const cpu = cpuSeconds(child.pid) - before;
  child.kill('SIGINT');
  await closed;
  const { received, lost } = countsIn(said);
  return {
    written: (received / elapsedNs) * 1e9,
    lostPercent: (lost / (received + lost)) * 100,
    cpuPercent: (cpu / (elapsedNs / 1e9)) * 100,
    cpuNs: (cpu * 1e9) / received,
    bytes: statSync(file).size / received,
  };
}

export const collect = {
  title: 'collect: samples of a map into a file',
  async run(bench) {
    const [contender] = bench.contenders.start.filter(({ name }) => name === 'perfring collect');
    const rounds = bench.quick ? 1 : 5;
    const milliseconds = bench.quick ? 1000 : 3000;
    const directory = mkdtempSync(join(tmpdir(), 'perfring-bench-'));
    const data = [];
    try {
      for (const rate of RATES) {
        const cells = FORMATS.map((format) => ({ format, rate, measured: [] }));
        for (let round = 0; round < rounds; round++) {
          for (const { format, measured } of cells) {
            bench.progress(`${rate}/s, ${format}, round ${round + 1}`);
            const file = join(directory, format);
            measured.push(await collectOnce(bench, contender, format, rate, milliseconds, file));
          }
        }
        for (const { format, measured } of cells) {
          const of = (name) => summary(measured.map((one) => one[name]));
          data.push({
            format,
            rate,
            written: of('written'),
            lostPercent: of('lostPercent'),
            cpuPercent: of('cpuPercent'),
            cpuNs: of('cpuNs'),
            bytes: of('bytes'),
          });
        }
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
    const text = table(
      ['rate', 'format', 'written/s', 'lost, %', 'CPU, %', 'CPU, ns a sample', 'bytes a sample'],
      data.map(({ rate, format, written, lostPercent, cpuPercent, cpuNs, bytes }) => [
        rate === 0 ? 'flat out' : fixed(rate),
        format,
        spread(written, 0),
        spread(lostPercent, 1),
        spread(cpuPercent, 0),
        spread(cpuNs, 0),
        fixed(bytes.median),
      ]),
    );
    const note = `Payload ${PAYLOAD}, whose layout collect does not know: ndjson has it in hexadecimal. The default rings; the file is in the directory for temporary files. CPU is that of the process and all its threads. Median (middle half) of ${rounds} rounds.`;
    return { text: `${text}\n\n${note}`, data };
  },
};
