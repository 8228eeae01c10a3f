/**
 * A child process with one reader, for tests of how a process ends or starts: `node -r ./register-typescript.cjs
 * reader-main.ts <what>`. It prints one line of JSON.
 */

import { setTimeout } from 'node:timers/promises';
import { MmapRingStorage } from '../../lib/storage/mmap-ring-storage';
import { CPUS, ReaderScene } from './reader-scene';

const tasks: Readonly<Record<string, () => Promise<unknown>>> = {
  /** Opens a reader and leaves it open. The process must end all the same. */
  idle: async () => {
    new ReaderScene();
    return 'open';
  },

  /** Waits for a sample. Only the wait keeps the process alive. */
  waiting: async () => {
    const scene = new ReaderScene();
    const pending = scene.reader.read();
    scene.producer.emit(1, { cpu: CPUS[0] as number });
    const record = await pending;
    scene[Symbol.dispose]();
    return record?.data.length;
  },

  /** Reads many samples, from mapped memory or from copies, as the environment selects. */
  copies: async () => {
    const sizes = [8, 48, 200, 1000];
    const results: unknown[] = [];
    for (const order of ['cpu', 'time'] as const) {
      using scene = new ReaderScene({ order, bufferBytes: 8 * 4096 }, { sizes });
      const reading = (async (): Promise<void> => {
        for await (const batch of scene.reader) {
          batch.forEach(scene.check.visitor);
          await setTimeout(1);
        }
      })();
      for (let round = 0; round < 200; round++) {
        scene.emitEverywhere((round % 50) + 1);
        if (round % 5 === 0) await setTimeout(1);
      }
      await scene.reader.close({ drain: true });
      await reading;
      const { received, lost, corrupt, truncated, late } = scene.reader.stats().total;
      results.push({
        errors: scene.check.errors,
        received: received === scene.check.received(),
        sum: received + lost === scene.producer.counts().emitted,
        lost: lost === scene.producer.counts().failedTotal,
        corrupt,
        truncated,
        late,
      });
    }
    return { results, copies: copiesMemory() };
  },
};

/** Whether rings in this process are copied to ordinary memory before they are read. */
function copiesMemory(): boolean {
  using storage = MmapRingStorage.open({ cpu: CPUS[0] as number, dataPageCount: 1 });
  return storage.copies;
}

async function main(): Promise<void> {
  const task = tasks[process.argv[2] ?? ''];
  if (task === undefined) throw new Error(`there is no task ${process.argv[2]}`);
  process.stdout.write(`${JSON.stringify(await task())}\n`);
}

void main();
