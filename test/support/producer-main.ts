/**
 * The child of {@link ProducerProcess}: one line `ready`, then emits after `start` on stdin until the count is
 * reached or stdin ends, then one line of JSON, a ProducerReport.
 */

import { once } from 'node:events';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { BpfMap } from '../../lib/bpf/bpf-map';
import type { ProducerProcessOptions, ProducerReport } from './producer-process';
import { SampleProducer } from './producers';

/** How many samples are emitted before stdin is looked at again: some milliseconds at full speed. */
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
    // Timers are a millisecond long at least: at higher rates the loop turns instead.
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

/** How many samples a rate has come to since it began; the first at once. */
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
