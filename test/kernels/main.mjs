/**
 * What must work on every kernel and architecture: `node test/kernels/main.mjs`, as root, over dist. It uses the package
 * as a program does, and nothing of node_modules but what that needs, so that it runs in a small machine
 * (scripts/test-kernels.mjs). Prints a line for each check, then the counts; exit code 1 when one failed.
 */

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { release } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { numberIn } from './programs.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const COMMAND = join(HERE, '../../dist/bin/perfring.js');
const { FlightRecorder, MemoryRingStorage, onlineCpus, PerfEventArray, PerfMapReader } = createRequire(
  import.meta.url,
)('../../dist/bundle/perfring.js');

const command = (...args) => execFileSync(process.execPath, [COMMAND, ...args], { encoding: 'utf8' });

/** A producer on each CPU, in a process of its own, for the samples of one map. */
class Producers {
  #children = new Map();
  #sent = new Map();

  static async start(array) {
    const producers = new Producers();
    for (const cpu of onlineCpus()) {
      const args = ['-c', `${cpu}`, process.execPath, join(HERE, 'producer-main.mjs'), `${array.info.id}`];
      const child = spawn('taskset', args, { stdio: ['pipe', 'pipe', 'inherit'] });
      const answers = createInterface({ input: child.stdout });
      producers.#children.set(cpu, { child, answers });
      await once(answers, 'line');
      producers.#sent.set(cpu, 0);
    }
    return producers;
  }

  /** Sends so many samples on each CPU at once. @returns how many were sent, by CPU */
  async send(samples) {
    const counts = await Promise.all(
      [...this.#children].map(async ([cpu, { child, answers }]) => {
        const answer = once(answers, 'line');
        child.stdin.write(`${samples}\n`);
        const sent = Number((await answer)[0]);
        const before = this.#sent.get(cpu);
        this.#sent.set(cpu, sent);
        return [cpu, { before, sent: sent - before }];
      }),
    );
    return new Map(counts);
  }

  async stop() {
    for (const { child } of this.#children.values()) {
      child.stdin.end();
      await once(child, 'exit');
    }
  }
}

// ---------------------------------------------------------------------- the checks

const checks = [];
const check = (name, body) => checks.push({ name, body });

const array = PerfEventArray.create({ name: 'kernels' });
const producers = await Producers.start(array);

check('doctor finds that collect works', () => {
  const { ready, checks: found } = JSON.parse(command('doctor', '--json'));
  assert.deepEqual(
    found.filter(({ status, needed }) => needed && status === 'missing'),
    [],
  );
  assert.equal(ready, true);
  assert.equal(found.find(({ name }) => name === 'kernel').value, release());
});

for (const builtin of ['sched_switch', 'sys_enter']) {
  check(`collect shows samples of ${builtin} in order of time`, () => {
    const args = ['--builtin', builtin, '--include-self', '--count', '200', '--format', 'ndjson', '--quiet'];
    const lines = command('collect', ...args)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const samples = lines.filter(({ type }) => type === 'sample');
    assert.equal(samples.length, 200);
    const times = samples.map(({ time }) => BigInt(time));
    assert.deepEqual(
      times,
      [...times].sort((one, other) => (one < other ? -1 : one > other ? 1 : 0)),
    );
  });
}

check('two threads pass records through one ring', async () => {
  const dataPageCount = 4;
  const records = 30_000;
  const { ring, unsafeMemory: memory } = new MemoryRingStorage({ dataPageCount, shared: true });
  const worker = new Worker(new URL('ring-writer-thread.mjs', import.meta.url), {
    workerData: { memory, dataPageCount, records },
  });
  const ended = once(worker, 'exit');
  let next = 0;
  while (next < records) {
    ring.startReadBatch();
    ring.visit((record) => {
      assert.equal(numberIn(record), next++);
    });
    ring.finishReadBatch();
  }
  assert.deepEqual(await ended, [0]);
  assert.equal(ring.startReadBatch(), 0);
});

const WAKEUPS = ['moderated', { everyEvents: 16 }, { everyBytes: 4096 }, 'manual'];

/** A ring of 64 KiB holds 1,300 samples: all of the first, and a part of the second. */
const LOADS = { 'what fits': { samples: 1000, lossy: false }, 'a flood': { samples: 10_000, lossy: true } };

for (const order of ['cpu', 'time']) {
  for (const wakeup of WAKEUPS) {
    for (const [load, { samples, lossy }] of Object.entries(LOADS)) {
      check(`${JSON.stringify(wakeup)}, order by ${order}: accounts for ${load}`, () =>
        account({ order, wakeup }, samples, lossy),
      );
    }
  }
}

async function account(options, samples, lossy) {
  const reader = PerfMapReader.open(array, { ...options, bufferBytes: 65_536 });
  /** CPU -> numbers received, in the order in which they came. */
  const numbers = new Map(onlineCpus().map((cpu) => [cpu, []]));
  const visit = (record) => {
    numbers.get(record.cpu).push(numberIn(record));
  };
  const reading = (async () => {
    if (options.wakeup === 'manual') return;
    for await (const batch of reader) batch.forEach(visit);
  })();
  const sent = await producers.send(samples);
  if (options.wakeup === 'manual') await drainAll(reader, visit, samples * sent.size);
  await reader.close({ drain: true });
  await reading;
  const { cpus } = reader.stats();
  for (const [cpu, { before, sent: count }] of sent) {
    const { received, lost } = cpus.find((one) => one.cpu === cpu);
    const got = numbers.get(cpu);
    const where = `CPU ${cpu}: sent ${count}, received ${received}, lost ${lost}`;
    assert.equal(count, samples, where);
    assert.equal(received + lost, samples, where);
    assert.equal(got.length, received, where);
    assert.equal(lossy || lost === 0, true, where);
    for (let index = 0; index < got.length; index++) {
      const least = index === 0 ? before : got[index - 1] + 1;
      assert.ok(got[index] >= least && got[index] < before + samples, `${where}: ${got[index]} at ${index}`);
    }
  }
}

/** Order by time holds the newest samples back for a while: they come with a later call. */
async function drainAll(reader, visit, samples) {
  const end = Date.now() + 10_000;
  const { total } = reader.stats();
  for (let { received, lost } = total; received + lost < samples && Date.now() < end; ) {
    reader.drain(visit);
    await pause(1);
    ({ received, lost } = reader.stats().total);
  }
}

check('the flight recorder holds the newest samples, none missing between them', async () => {
  const recorder = FlightRecorder.open(array, { bufferBytes: 16_384 });
  const sent = await producers.send(20_000);
  const snapshot = recorder.snapshot();
  const numbers = new Map(onlineCpus().map((cpu) => [cpu, []]));
  let last = 0n;
  snapshot.visit((record) => {
    assert.ok(record.time >= last);
    last = record.time;
    numbers.get(record.cpu).push(numberIn(record));
  });
  recorder.close();
  for (const [cpu, { before, sent: count }] of sent) {
    const got = numbers.get(cpu);
    // 16 KiB hold some 340 samples of 48 bytes.
    assert.ok(got.length > 300 && got.length < 400, `CPU ${cpu}: ${got.length} samples`);
    const first = before + count - got.length;
    assert.deepEqual(
      got,
      Array.from(got, (_, index) => first + index),
    );
  }
});

let failed = 0;
for (const { name, body } of checks) {
  try {
    await body();
    console.log(`ok    ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAIL  ${name}: ${error.stack}`);
  }
}
await producers.stop();
array.close();
console.log(`${checks.length - failed} passed, ${failed} failed, 0 skipped`);
process.exitCode = failed === 0 ? 0 : 1;
