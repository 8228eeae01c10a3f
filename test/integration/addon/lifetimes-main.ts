/**
 * One scenario of lifetimes.test.ts, which the last argument names. It runs in a child process, because the tests are
 * about how the process, or a worker in it, ends. Run it with register-typescript.cjs.
 */

import { constants } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type {
  BpfMapHandle,
  BpfRingHandle,
  MappedRingHandle,
  PerfEventHandle,
  PollerHandle,
} from '../../../lib/addon/contract';
import { BPF_MAP_TYPE_RINGBUF } from '../../../lib/abi/bpf';
import { addon } from '../../../lib/addon/load';
import { opened, openOutputEvent } from './kernel-fixture';

const native = addon();

interface Everything {
  readonly event: PerfEventHandle;
  readonly ring: MappedRingHandle;
  readonly buffer: ArrayBuffer;
  readonly map: BpfMapHandle;
  readonly mapRing: BpfRingHandle;
  readonly mapBuffer: ArrayBuffer;
  readonly poller: PollerHandle;
}

/** Opens one of each resource that polls or maps, with a timer that wakes every millisecond. */
function openEverything(onWake: () => void): Everything {
  const event = openOutputEvent();
  const ring = opened(native.ringMap(event, 8, true));
  const buffer = native.ringBuffer(ring) as ArrayBuffer;
  const map = opened(native.bpfMapCreate(BPF_MAP_TYPE_RINGBUF, 0, 0, native.pageSize(), 0, 'ring'));
  const mapRing = opened(native.bpfRingMap(map));
  const mapBuffer = native.bpfRingBuffer(mapRing) as ArrayBuffer;
  const poller = opened(native.pollerOpen(onWake));
  native.pollerAdd(poller, event, 1);
  native.pollerAdd(poller, map, 2);
  native.pollerSetTimer(poller, 1000, 1000);
  return { event, ring, buffer, map, mapRing, mapBuffer, poller };
}

function close({ event, ring, map, mapRing, poller }: Everything): void {
  native.bpfMapClose(map);
  native.bpfRingClose(mapRing);
  native.pollerClose(poller);
  native.ringClose(ring);
  native.perfEventClose(event);
}

/** Keeps objects reachable until the process ends. */
const kept: unknown[] = [];

/** Calls `then` at the third wake, when everything has been polled for a while. */
function afterSomeWakes(then: (everything: Everything) => void): void {
  let wakes = 0;
  const everything = openEverything(() => {
    wakes += 1;
    if (wakes === 3) then(everything);
  });
  kept.push(everything);
}

const inWorker: Record<string, () => void> = {
  'ends by itself, all closed': () => afterSomeWakes(close),
  'ends by itself, all open': () => afterSomeWakes(({ poller }) => native.pollerSetRef(poller, false)),
  'calls process.exit in the callback': () => afterSomeWakes(() => process.exit(0)),
  'calls process.exit': () => afterSomeWakes(() => setTimeout(() => process.exit(0), 5)),
  'is terminated': () => afterSomeWakes(() => parentPort?.postMessage('terminate me')),
  'is terminated in the callback': () =>
    afterSomeWakes(() => {
      parentPort?.postMessage('terminate me');
      for (;;);
    }),
  'throws in the callback': () =>
    afterSomeWakes(() => {
      throw new Error('thrown in the callback');
    }),
};

async function runWorker(scenario: string): Promise<void> {
  const worker = new Worker(__filename, { workerData: scenario });
  let error: Error | undefined;
  worker.on('message', () => void worker.terminate());
  worker.on('error', (thrown: Error) => {
    error = thrown;
  });
  await new Promise((resolve) => worker.once('exit', resolve));
  console.log(error === undefined ? 'ended' : error.message);
}

const inMain: Record<string, () => void | Promise<void>> = {
  'the process ends by itself with all open': () => {
    const everything = openEverything(() => {});
    kept.push(everything);
    native.pollerSetRef(everything.poller, false);
    console.log('ended');
  },
  'the process exits with all open': () => {
    afterSomeWakes(() => {
      console.log('ended');
      process.exit();
    });
  },
  'an uncaught exception of the callback is told, and the poller lives on': () => {
    process.on('uncaughtException', (error) => console.log(error.message));
    let wakes = 0;
    const everything = openEverything(() => {
      wakes += 1;
      if (wakes === 1) throw new Error('thrown in the callback');
      console.log('called again');
      close(everything);
    });
  },
  'promises and ticks run after the callback': () => {
    const order: string[] = [];
    const everything = openEverything(() => {
      close(everything);
      process.nextTick(() => order.push('tick'));
      void Promise.resolve().then(() => order.push('microtask'));
      setImmediate(() => console.log([...order, 'immediate'].join()));
      order.push('callback');
    });
  },
  'a thousand cycles of opening and closing leave nothing': async () => {
    for (let cycle = 0; cycle < 1000; cycle++) {
      const everything = openEverything(() => {});
      close(everything);
      if (cycle % 50 === 0) await new Promise(setImmediate);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    console.log(JSON.stringify(Object.values(native.openHandles())));
  },
  'no ArrayBuffer is made over a ring when PERFRING_NO_EXTERNAL_BUFFERS is set': () => {
    const { ring, ...rest } = openEverything(() => {});
    console.log(native.ringBuffer(ring) === -constants.errno.EOPNOTSUPP);
    console.log(native.ringCopyPublished(ring, new Uint8Array(9 * native.pageSize())));
    close({ ring, ...rest });
  },
  'several workers at once': async () => {
    const names = Object.keys(inWorker).filter((name) => name.startsWith('ends') || name.startsWith('is'));
    await Promise.all(names.map(runWorker));
  },
};

if (!isMainThread) {
  inWorker[workerData as string]?.();
} else {
  const scenario = process.argv.at(-1) ?? '';
  const run = inMain[scenario] ?? (() => runWorker(scenario.replace('a worker ', '')));
  void run();
}
