'use strict';

/**
 * A scenario of starting.test.ts, in a process of its own: `starting-main.cjs SCENARIO`. Workers are this file again. It
 * runs what is built, not the TypeScript: loading must take a worker no longer than it takes a user's.
 */
const { join } = require('node:path');
const { isMainThread, parentPort, Worker, workerData } = require('node:worker_threads');

const DIST = join(__dirname, '../../../dist');
const ROUNDS = 30;

/** Far longer than a worker takes to start and read. */
const MOST_MILLISECONDS = 100;

const inWorker = {
  'while they load the addon'() {
    const { addon } = require(join(DIST, 'addon/load.js'));
    parentPort.postMessage('loads now');
    addon();
    for (;;);
  },
  'while they start to read'() {
    const { PerfEventArray, PerfMapReader } = require(DIST);
    const reader = PerfMapReader.open(PerfEventArray.create(), { bufferBytes: 16_384 });
    void (async () => {
      for await (const batch of reader) batch.forEach(() => undefined);
    })();
  },
};

function start(scenario) {
  const worker = new Worker(__filename, { workerData: scenario });
  worker.on('error', (error) => console.log(error.message));
  return { worker, gone: new Promise((resolve) => worker.once('exit', resolve)) };
}

const inMain = {
  /** Within a millisecond of the moment at which the worker says that it loads. */
  async 'while they load the addon'(scenario) {
    for (let round = 0; round < ROUNDS; round++) {
      const { worker, gone } = start(scenario);
      worker.once('message', () => {
        const end = performance.now() + Math.random();
        while (performance.now() < end);
        void worker.terminate();
      });
      await gone;
    }
    console.log('alive');
  },
  async 'while they start to read'(scenario) {
    for (let round = 0; round < ROUNDS; round++) {
      const { worker, gone } = start(scenario);
      setTimeout(() => void worker.terminate(), Math.random() * MOST_MILLISECONDS);
      await gone;
    }
    console.log('alive');
  },
  'the process exits'() {
    for (let worker = 0; worker < 4; worker++) start('while they start to read');
    setTimeout(() => {
      console.log('alive');
      process.exit(7);
    }, Math.random() * MOST_MILLISECONDS);
  },
};

const scenario = isMainThread ? process.argv[2] : workerData;
(isMainThread ? inMain : inWorker)[scenario](scenario);
