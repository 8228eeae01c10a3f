/**
 * The child of {@link ProducerProcess}. It prints the line `ready`, waits for `start` on stdin, emits until the count
 * is reached or stdin ends, then prints a ProducerReport as one line of JSON.
 */

import { once } from 'node:events';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { BpfMap } from '../../lib/bpf/bpf-map';
import type { ProducerProcessOptions, ProducerReport } from './producer-process';
import { SampleProducer } from './producers';

/** The most samples between two checks of stdin: some milliseconds at full speed. */
const SAMPLES_AT_ONCE = 10_000;

async function main(options: ProducerProcessOptions): Promise<void> {
  const { mapId, cpu, sizes, count = Number.POSITIVE_INFINITY } = options;
  const { rate = Number.POSITIVE_INFINITY, burstMilliseconds } = options;
  const array = BpfMap.openById(mapId);
  const producer = new SampleProducer(array, sizes === undefined ? {} : { sizes });
  let stopped = false;
  process.stdin.once('end', () => {
    stopped = true;
  });
  process.stdout.write('ready\n');
  await once(process.stdin, 'data');

  const begin = process.hrtime.bigint();
  let emitted = 0;
  let nanoseconds = 0;
  while (!stopped && emitted < count) {
    const due = Math.min(count, dueBy(begin, rate, burstMilliseconds)) - emitted;
    if (due > 0) {
      const now = Math.min(due, SAMPLES_AT_ONCE);
      nanoseconds += producer.emit(now, { cpu }).nanosecondsPerSample * now;
      emitted += now;
    }
    // A timer takes at least a millisecond, so at higher rates wait for the next turn of the event loop.
    await (rate <= 500 ? setTimeout(1) : setImmediate());
  }
  const report: ProducerReport = {
    ...producer.counts(),
    elapsedNanoseconds: Number(process.hrtime.bigint() - begin),
    nanosecondsPerSample: emitted === 0 ? 0 : nanoseconds / emitted,
  };
  producer.close();
  array.close();
  process.stdin.destroy();
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

/** How many samples are due at this rate since the beginning. The first is due at once. */
function dueBy(begin: bigint, rate: number, burstMilliseconds = 0): number {
  if (rate === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
  const elapsed = Number(process.hrtime.bigint() - begin);
  const burst = burstMilliseconds * 1e6;
  const emitting =
    burst === 0
      ? elapsed
      : Math.floor(elapsed / (2 * burst)) * burst + Math.min(elapsed % (2 * burst), burst);
  return 1 + Math.floor((emitting * rate) / 1e9);
}

void main(JSON.parse(process.argv[2] ?? '{}') as ProducerProcessOptions);
