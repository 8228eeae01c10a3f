// npm run bench [-- --rows drain,merge --quick --ahead --rates 1000,0 --json FILE]: see docs/performance.md and bench/protocol.md.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { buildAll } from './harness/build.mjs';
import { contenders } from './harness/contenders.mjs';
import { assignCpus, describeMachine } from './harness/machine.mjs';
import { Subject } from './harness/subject.mjs';
import { cliff } from './rows/cliff.mjs';
import { collect } from './rows/collect.mjs';
import { copy } from './rows/copy.mjs';
import { drain } from './rows/drain.mjs';
import { first } from './rows/first.mjs';
import { loop } from './rows/loop.mjs';
import { memory } from './rows/memory.mjs';
import { merge } from './rows/merge.mjs';
import { queries } from './rows/queries.mjs';
import { require } from './rows/require.mjs';
import { ringBuffer, ringBufferStream } from './rows/ring-buffer.mjs';
import { sizes } from './rows/sizes.mjs';
import { start } from './rows/start.mjs';
import { stream } from './rows/stream.mjs';

const ROWS = {
  drain,
  sizes,
  first,
  queries,
  'ring-buffer': ringBuffer,
  cliff,
  merge,
  copy,
  stream,
  'ring-buffer-stream': ringBufferStream,
  loop,
  memory,
  start,
  require,
  collect,
};

function options() {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string', default: Object.keys(ROWS).join(',') },
      quick: { type: 'boolean', default: false },
      ahead: { type: 'boolean', default: false },
      rates: { type: 'string' },
      json: { type: 'string' },
    },
  });
  const rows = values.rows.split(',');
  const unknown = rows.filter((row) => !Object.hasOwn(ROWS, row));
  if (unknown.length > 0) {
    throw new Error(`no row ${unknown.join(', ')}; --rows takes a list of ${Object.keys(ROWS).join(', ')}`);
  }
  const rates = values.rates?.split(',').map(Number);
  if (rates?.some((rate) => !Number.isInteger(rate) || rate < 0)) {
    throw new Error('--rates takes samples a second for the row stream; 0: as many as there can be');
  }
  return { ...values, rows, rates };
}

/**
 * Shows the progress on one line of the terminal, which the next call overwrites. Does nothing when stderr is a file.
 */
function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

async function main() {
  const { rows, quick, ahead, rates, json } = options();
  Subject.ahead = ahead;
  if (process.getuid() !== 0) {
    throw new Error(
      'the benchmark loads BPF programs: run it as root, or with CAP_BPF and CAP_PERFMON and CAP_SYS_ADMIN',
    );
  }
  const built = buildAll();
  for (const note of built.notes) console.error(note);
  const machine = describeMachine();
  const cpus = assignCpus();
  console.log(`${JSON.stringify({ machine, cpus, ahead })}\n`);
  const producer = new Subject({ name: 'producer', command: [built.producer], cpu: cpus.producer });
  const faults = [];
  const bench = {
    built,
    producer,
    cpus,
    quick,
    rates,
    progress,
    contenders: contenders(built),
    /** Reports a contender that failed and leaves it out of the rest of its cell. The others continue. */
    fault(error) {
      progress('');
      console.error(error.message);
      faults.push(error.message);
    },
  };
  const results = {};
  try {
    for (const row of rows) {
      const begun = performance.now();
      const { text, data } = await ROWS[row].run(bench);
      progress('');
      const seconds = ((performance.now() - begun) / 1000).toFixed(0);
      console.log(`## ${ROWS[row].title}\n\n${text}\n(${seconds} s)\n`);
      results[row] = data;
    }
  } finally {
    await producer.end();
  }
  if (json !== undefined) {
    const command = `npm run bench -- ${process.argv.slice(2).join(' ')}`;
    writeFileSync(
      json,
      `${JSON.stringify({ command, machine, cpus, quick, ahead, notes: built.notes, faults, results }, null, 1)}\n`,
    );
  }
}

main().catch((error) => {
  progress('');
  console.error(error.message);
  process.exitCode = 1;
});
