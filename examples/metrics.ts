// Metrics of an agent: whether this machine supports readers, and how many samples were received and lost.
import { createServer } from 'node:http';
import {
  diagnose,
  formatCpuList,
  formatOpenMetrics,
  onlineCpus,
  PerfEventArray,
  PerfMapReader,
  parseCpuList,
  possibleCpus,
} from 'perfring';

async function main(): Promise<void> {
  const { ready, checks } = diagnose();
  if (!ready) {
    for (const check of checks) console.error(check);
    process.exitCode = 1;
    return;
  }
  const offline = possibleCpus().filter((cpu) => !onlineCpus().includes(cpu));
  console.log(offline.length === 0 ? 'every possible CPU is online' : `offline: ${formatCpuList(offline)}`);

  const array = PerfEventArray.create();
  const reader = PerfMapReader.open(array, { cpus: parseCpuList(formatCpuList(onlineCpus())) });
  const server = createServer((_request, response) => {
    response.setHeader('Content-Type', 'application/openmetrics-text; version=1.0.0; charset=utf-8');
    response.end(formatOpenMetrics(reader.metrics()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const { port } = server.address() as { port: number };
  const scraped = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  console.log(scraped.split('\n').find((line) => line.startsWith('perfring_lost_samples_total')));

  server.close();
  await reader.close();
  array.close();
}

main();
