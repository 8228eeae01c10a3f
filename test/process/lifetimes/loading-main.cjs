// A worker that is ended while it loads a BPF object: `node loading-main.cjs PERFRING OBJECT HOW MILLISECONDS`.
const { isMainThread, parentPort, Worker, workerData } = require('node:worker_threads');
const { setTimeout: pause } = require('node:timers/promises');

async function main([perfring, object, how, milliseconds]) {
  for (let round = 0; round < 5; round++) {
    const worker = new Worker(__filename, { workerData: { perfring, object, how, milliseconds } });
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    await new Promise((resolve) => worker.once('message', resolve));
    if (how === 'terminate') {
      await pause(Number(milliseconds));
      await worker.terminate();
    }
    await ended;
  }
  console.log('lives on');
}

function loadInWorker({ perfring, object, how, milliseconds }) {
  const { BpfObject } = require(perfring);
  void BpfObject.open(object)
    .load()
    .catch(() => undefined);
  if (how === 'exit') setTimeout(() => process.exit(0), Number(milliseconds));
  parentPort.postMessage('loading');
}

if (isMainThread) main(process.argv.slice(2));
else loadInWorker(workerData);
