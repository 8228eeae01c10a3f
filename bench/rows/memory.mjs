import { readFileSync } from 'node:fs';
import { Subject } from '../harness/subject.mjs';
import { fixed, table } from '../harness/table.mjs';

const RATE = 10_000;
const PAYLOAD = 48;
const RING_BYTES = 256 * 1024;

function statusKibibytes(pid, field) {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s*(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN);
}

export const memory = {
  title: 'memory: resident after a while of reading 10,000 samples a second',
  async run(bench) {
    const milliseconds = bench.quick ? 1000 : 5000;
    const entries = [];
    for (const { name, command, variant } of bench.contenders.stream) {
      if (variant === 'manual') continue; // it is the first one, otherwise asked
      bench.progress(name);
      const { map } = await bench.producer.ask({ do: 'load', payload: PAYLOAD });
      const subject = new Subject({ name, command, cpu: bench.cpus.reader });
      try {
        await subject.ask({ do: 'stream', map, ringBytes: RING_BYTES, payload: PAYLOAD, latencyEvery: 1 });
        await bench.producer.ask({ do: 'emit', rate: RATE, milliseconds });
        // The kernel's own high-water mark. ru_maxrss would count what the process was forked from.
        const peak = statusKibibytes(subject.pid, 'VmHWM');
        const now = statusKibibytes(subject.pid, 'VmRSS');
        await subject.ask({ do: 'stop' });
        entries.push({ name, peakKibibytes: peak, residentKibibytes: now });
      } catch (error) {
        bench.fault(error);
      } finally {
        await subject.end();
      }
    }
    const text = table(
      ['reader', 'peak RSS, MiB', 'RSS, MiB'],
      entries.map((entry) => [
        entry.name,
        fixed(entry.peakKibibytes / 1024, 1),
        fixed(entry.residentKibibytes / 1024, 1),
      ]),
    );
    return {
      text: `${text}\n\nAfter ${milliseconds / 1000} s; without the rings, which the kernel does not count as resident.`,
      data: entries,
    };
  },
};
