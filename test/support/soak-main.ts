/**
 * Reads floods of samples until a number of them was received, and checks every byte of each: `node --expose-gc
 * -r register-typescript.cjs soak-main.ts '{"records": 100000000}'`. Prints a {@link SoakReport} as JSON.
 */

import { PerfEventArray } from '../../lib/bpf/perf-event-array';
import { PerfMapReader } from '../../lib/perf-array/perf-map-reader';
import type { RingRecord } from '../../lib/records/record';
import { Flood } from './flood';
import { PATTERN, PATTERN_PLACES } from './sample-payload';

export interface SoakTask {
  readonly records: number;
  readonly order?: 'cpu' | 'time';
  readonly bufferBytes?: number;
}

/** Memory in bytes, after a garbage collection. */
export interface SoakMemory {
  readonly received: number;
  readonly rss: number;
  readonly heapUsed: number;
  /** ArrayBuffers and other memory outside V8's heap that V8 counts. */
  readonly external: number;
}

export interface SoakReport {
  readonly emitted: number;
  readonly received: number;
  readonly lost: number;
  /** The difference between emitted and received + lost samples, summed over all CPUs. */
  readonly unaccounted: number;
  readonly payloadBytes: number;
  readonly seconds: number;
  /** At most ten messages about wrong samples. */
  readonly errors: readonly string[];
  /** Measured 20 times, after equal numbers of records. */
  readonly memory: readonly SoakMemory[];
}

/** Only a sequence number, and more: whole words and others. */
const SIZES = [8, 48, 21, 64, 9, 200, 48];
const MARKS = 20;
const WORDS = new Uint32Array(PATTERN.buffer);

/** Compares samples in place, because at these rates copying takes too long. */
class EveryByte {
  readonly #next: number[] = [];
  readonly errors: string[] = [];
  received = 0;
  payloadBytes = 0;

  readonly visitor = (record: RingRecord): void => {
    const { cpu } = record;
    const sequence = record.u64AsNumber(0);
    const bytes = SIZES[sequence % SIZES.length] as number;
    const place = (sequence % PATTERN_PLACES) * 8;
    let at = 8;
    for (; at + 4 <= bytes; at += 4) if (record.u32(at) !== WORDS[(place + at) >> 2]) break;
    if (at + 4 > bytes) for (; at < bytes; at++) if (record.u8(at) !== PATTERN[place + at]) break;
    if (at !== bytes) this.#wrong(`CPU ${cpu}: byte ${at} of sample ${sequence} is not as written`);
    if (record.size !== Math.ceil((bytes + 4) / 8) * 8 - 4)
      this.#wrong(`CPU ${cpu}: sample ${sequence} has ${record.size} bytes`);
    if (sequence < (this.#next[cpu] ?? 0)) this.#wrong(`CPU ${cpu}: sample ${sequence} came twice, or late`);
    this.#next[cpu] = sequence + 1;
    this.received++;
    this.payloadBytes += bytes;
  };

  #wrong(message: string): void {
    if (this.errors.length < 10) this.errors.push(message);
  }
}

function memoryAfter(received: number): SoakMemory {
  // Twice: the second collects what finalizers released.
  for (let round = 0; round < 2; round++) (globalThis as { gc?: () => void }).gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { received, rss, heapUsed, external };
}

async function soak({ records, order = 'cpu', bufferBytes = 4 << 20 }: SoakTask): Promise<SoakReport> {
  const array = PerfEventArray.create({ name: 'soak' });
  const reader = PerfMapReader.open(array, { order, bufferBytes });
  const check = new EveryByte();
  const memory: SoakMemory[] = [];
  const begin = performance.now();
  const flood = await Flood.start({ mapId: array.info.id, sizes: SIZES });
  try {
    let stopping: ReturnType<Flood['stop']> | undefined;
    for await (const batch of reader) {
      batch.forEach(check.visitor);
      if (check.received >= (records / MARKS) * (memory.length + 1)) memory.push(memoryAfter(check.received));
      if (check.received < records || stopping !== undefined) continue;
      stopping = flood.stop();
      void stopping.then(() => reader.close({ drain: true }));
    }
    const reports = await (stopping as ReturnType<Flood['stop']>);
    const seconds = (performance.now() - begin) / 1000;
    const { total, cpus } = reader.stats();
    const emittedOn = (cpu: number): number => reports.get(cpu)?.emitted ?? 0;
    return {
      emitted: cpus.reduce((sum, { cpu }) => sum + emittedOn(cpu), 0),
      received: check.received,
      lost: total.lost,
      unaccounted: cpus.reduce(
        (sum, { cpu, received, lost }) => sum + Math.abs(emittedOn(cpu) - received - lost),
        Math.abs(total.received - check.received),
      ),
      payloadBytes: check.payloadBytes,
      seconds,
      errors: check.errors,
      memory,
    };
  } finally {
    flood.kill();
    await reader.close();
    array.close();
  }
}

soak(JSON.parse(process.argv.at(-1) ?? '{}') as SoakTask).then(
  (report) => process.stdout.write(`${JSON.stringify(report)}\n`),
  (error: unknown) => {
    process.stderr.write(`${String((error as Error).stack)}\n`);
    process.exit(1);
  },
);
