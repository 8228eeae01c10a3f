// A worker reads samples, while the main thread serves metrics over HTTP: a busy reader does not delay a scrape, and a
// slow scrape does not delay the reader.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { attachBuiltin, decoderFor, formatOpenMetrics, PerfEventArray, PerfMapReader } from 'perfring';

async function main(): Promise<void> {
  const worker = new Worker(__filename);
  await once(worker, 'message'); // it reads
  const server = createServer(async (_request, response) => {
    const answer = once(worker, 'message');
    worker.postMessage('scrape');
    const [text] = await answer;
    response.setHeader('Content-Type', 'application/openmetrics-text; version=1.0.0; charset=utf-8');
    response.end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const { port } = server.address() as { port: number };
  let received = 0;
  while (received === 0) {
    const scraped = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const counts = scraped.matchAll(/^perfring_received_samples_total\{.*\} (\d+)$/gm);
    received = Array.from(counts, ([, count]) => Number(count)).reduce((sum, count) => sum + count, 0);
  }
  console.log('the worker has received samples');
  server.close();
  worker.postMessage('stop');
}

async function read(): Promise<void> {
  const array = PerfEventArray.create();
  const reader = PerfMapReader.open(array);
  const program = attachBuiltin('sched_switch', array);
  const decode = decoderFor(program.builtin.layout);
  const switches = new Map<string, number>();
  parentPort?.on('message', (request) => {
    if (request === 'scrape') parentPort?.postMessage(formatOpenMetrics(reader.metrics()));
    else void reader.close();
  });
  parentPort?.postMessage('reading');
  for await (const batch of reader) {
    batch.forEach((record) => {
      const { comm } = decode(record);
      switches.set(comm, (switches.get(comm) ?? 0) + 1);
    });
  }
  program.close();
  array.close();
  parentPort?.close();
}

if (isMainThread) void main();
else void read();
