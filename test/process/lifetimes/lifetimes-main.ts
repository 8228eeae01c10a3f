/**
 * One scenario of ending.test.ts, named by the last argument, in a process of its own. Run with
 * register-typescript.cjs. Workers are this file again.
 */

import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import {
  type AttachedProgram,
  attachBuiltin,
  FlightRecorder,
  onlineCpus,
  PerfEventArray,
  PerfMapReader,
} from '../../../lib/index';
import { addon } from '../../../lib/addon/load';
import { takeLedger } from '../../support/ledger';
import { RemoteSampleProducer } from '../../support/producers';

/** A reader of every thread switch of this machine, with its loop running. */
function readSwitches(onSample: () => void): {
  array: PerfEventArray;
  reader: PerfMapReader;
  attached: AttachedProgram;
  loop: Promise<void>;
} {
  const array = PerfEventArray.create({ name: 'lifetimes' });
  const reader = PerfMapReader.open(array, { bufferBytes: 16_384 });
  const attached = attachBuiltin('sched_switch', array);
  const loop = (async (): Promise<void> => {
    for await (const batch of reader) batch.forEach(onSample);
  })();
  return { array, reader, attached, loop };
}

/** Keeps a thing reachable to the end. */
const kept: unknown[] = [];

function afterSamples(count: number, then: () => void): void {
  let samples = 0;
  kept.push(
    readSwitches(() => {
      if (++samples === count) then();
    }),
  );
}

const inWorker: Record<string, () => void> = {
  'calls process.exit in a visitor': () => afterSamples(20, () => process.exit(0)),
  'is terminated while its loop runs': () => afterSamples(20, () => parentPort?.postMessage('terminate me')),
  'is terminated in a visitor': () =>
    afterSamples(20, () => {
      parentPort?.postMessage('terminate me');
      for (;;);
    }),
  'throws in a visitor': () =>
    afterSamples(20, () => {
      throw new Error('thrown in a visitor');
    }),
  'ends with nothing closed': () => {
    kept.push(PerfMapReader.open(PerfEventArray.create(), { bufferBytes: 4096 }));
  },
  'reads and closes': () => {
    let samples = 0;
    const { array, reader, attached } = readSwitches(() => {
      if (++samples === 200) void reader.close().then(() => array.close());
    });
    // A program that nothing refers to is detached.
    kept.push(attached);
  },
};

async function runWorker(scenario: string): Promise<string> {
  const worker = new Worker(__filename, { workerData: scenario });
  let outcome = 'ended';
  worker.on('message', () => void worker.terminate());
  worker.on('error', (error: Error) => {
    outcome = error.message;
  });
  await new Promise((resolve) => worker.once('exit', resolve));
  return outcome;
}

/** A reader of every kind in its turn, by way of a map of its own as well as a shared one. */
async function openAndClose(cycle: number, shared: PerfEventArray): Promise<void> {
  using own = PerfEventArray.create();
  using recorder = FlightRecorder.open(own, { bufferBytes: 4096 });
  const reader = PerfMapReader.open(shared, {
    bufferBytes: 4096,
    order: cycle % 2 === 0 ? 'cpu' : 'time',
    wakeup: cycle % 3 === 0 ? 'manual' : 'moderated',
  });
  // Detaching waits for every CPU: not each time.
  if (cycle % 20 === 0) attachBuiltin('sched_switch', shared).close();
  reader.drain(() => undefined);
  recorder.snapshot();
  await reader.close();
}

/** Bytes by which memory may grow in 350 cycles that keep nothing. */
const MOST_GROWN = { rss: 4e6, heapUsed: 5e5, external: 5e5 } as const;

async function memoryNow(): Promise<NodeJS.MemoryUsage> {
  for (let round = 0; round < 5; round++) {
    (globalThis as { gc?: () => void }).gc?.();
    await pause(5);
  }
  return process.memoryUsage();
}

/** What grows from each look to the next. Allocators take memory in steps, once; a leak grows all the time. */
function grownIn(looks: readonly NodeJS.MemoryUsage[]): string[] {
  const names = Object.keys(MOST_GROWN) as (keyof typeof MOST_GROWN)[];
  return names.filter((name) =>
    looks.every(
      (look, index) => index === 0 || look[name] - (looks[index - 1]?.[name] ?? 0) >= MOST_GROWN[name],
    ),
  );
}

/** What this process holds of the kernel when workers have ended. */
async function settled(): Promise<string> {
  for (let tries = 0; tries < 100; tries++) {
    const { descriptors, ringMappings } = takeLedger();
    if (ringMappings === 0 && !Object.keys(descriptors).some((kind) => /perf_event|bpf/.test(kind)))
      return 'nothing left';
    await pause(20);
  }
  return JSON.stringify(takeLedger());
}

const inMain: Record<string, () => void | Promise<void>> = {
  'process.exit in a visitor': () =>
    afterSamples(20, () => {
      console.log('exits');
      process.exit(0);
    }),
  'an uncaught exception in a visitor': () =>
    afterSamples(20, () => {
      throw new Error('thrown in a visitor');
    }),
  'a loop that awaits a close with drain in its own body is told so': async () => {
    const array = PerfEventArray.create();
    const reader = PerfMapReader.open(array);
    const attached = attachBuiltin('sched_switch', array);
    const read = async (): Promise<void> => {
      for await (const batch of reader) {
        batch.forEach(() => undefined);
        attached.close();
        await reader.close({ drain: true });
      }
    };
    // Alone, nothing keeps the process alive.
    void read().catch(({ code }: { code: string }) => {
      console.log(code, reader.closed ? 'and closed' : 'and open');
      array.close();
    });
  },
  'a flush that nobody can answer is told so': async () => {
    const array = PerfEventArray.create();
    const reader = PerfMapReader.open(array);
    const attached = attachBuiltin('sched_switch', array);
    const read = async (): Promise<void> => {
      // By then there is more than the one sample that the loop takes: flush() waits for the rest.
      await pause(100);
      for await (const batch of reader) {
        batch.forEach(() => undefined, { records: 1 });
        attached.close();
        await reader.flush();
      }
    };
    void read().catch(({ code }: { code: string }) => {
      console.log('in the loop', code);
      void reader.flush().catch(({ code }: { code: string }) => {
        console.log('without a reader', code);
        void reader.close();
        array.close();
      });
    });
  },
  'an uncaught exception in onLoss does not stop the reader': async () => {
    process.on('uncaughtException', (error) => console.log(error.message));
    const array = PerfEventArray.create();
    let samples = 0;
    const reader = PerfMapReader.open(array, {
      bufferBytes: 4096,
      onLoss: () => {
        throw new Error('thrown in onLoss');
      },
    });
    const attached = attachBuiltin('sched_switch', array);
    // Until something is lost.
    while (reader.stats().total.lost === 0) await pause(5);
    for await (const batch of reader) {
      samples += batch.forEach(() => undefined);
      if (samples > 100) break;
    }
    attached.close();
    await reader.close();
    array.close();
    console.log('read on');
  },
  'workers of every kind, several at once': async () => {
    const names = Object.keys(inWorker);
    const outcomes = await Promise.all([...names, ...names].map(runWorker));
    console.log([...new Set(outcomes)].sort().join(', '));
    console.log(await settled());
  },
  'a thousand readers, recorders and programs, one after the other': async () => {
    const array = PerfEventArray.create();
    const looks: NodeJS.MemoryUsage[] = [];
    for (let cycle = 0; cycle <= 1000; cycle++) {
      await openAndClose(cycle, array);
      if (cycle % 20 === 0) (globalThis as { gc?: () => void }).gc?.();
      if (cycle === 300 || cycle === 650 || cycle === 1000) looks.push(await memoryNow());
    }
    const grown = grownIn(looks);
    console.log(grown.length === 0 ? 'flat' : `grew: ${grown}, ${JSON.stringify(looks)}`);
    const producer = new RemoteSampleProducer(array);
    for (const cpu of onlineCpus()) producer.emitOne({ cpu });
    console.log(`${producer.counts().failed['ENOENT']} of ${onlineCpus().length} slots are empty`);
    producer.close();
    array.close();
    console.log(await settled());
    console.log(Object.values(addon().openHandles()).join());
  },
  'a forked child reads as well, and ends': async () => {
    let samples = 0;
    const { array, reader, attached } = readSwitches(() => samples++);
    for (const end of ['exits', 'is killed']) {
      const child = fork(__filename, ['reads, and says so'], { execArgv: process.execArgv });
      await once(child, 'message');
      if (end === 'is killed') child.kill('SIGKILL');
      else child.send('exit');
      await once(child, 'exit');
      // The ring of this process is its own still.
      const before = samples;
      while (samples < before + 100) await pause(1);
    }
    attached.close();
    await reader.close();
    array.close();
    console.log('read on');
    console.log(await settled());
  },
  'reads, and says so': () => {
    process.once('message', () => process.exit(0));
    afterSamples(20, () => process.send?.('reading'));
  },
  'a child of this process has none of its descriptors': () => {
    const array = PerfEventArray.create();
    const reader = PerfMapReader.open(array, { bufferBytes: 4096 });
    const script = 'ls -l /proc/self/fd; cat /proc/self/maps';
    const seen = execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' });
    console.log(/anon_inode|perf_event/.test(seen) ? seen : 'none');
    reader.close();
    array.close();
  },
  'waits to be killed': () => {
    const { array } = readSwitches(() => undefined);
    console.log(array.info.id);
  },
};

if (!isMainThread) inWorker[workerData as string]?.();
else void inMain[process.argv.at(-1) ?? '']?.();
