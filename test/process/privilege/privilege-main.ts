/**
 * The core of the library as whoever runs it: opens, collects from two built-in programs, counts, closes. Prints what
 * came of it as JSON. With the id of a map: only opens that; with `rotate`: only
 * rotates a flight recorder. Run with register-typescript.cjs.
 */

import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { attachBuiltin, FlightRecorder, onlineCpus, PerfEventArray, PerfMapReader } from '../../../lib/index';
import { addon } from '../../../lib/addon/load';

/** sched_getaffinity, which nothing but the addon calls. */
const SYSCALL = process.arch === 'arm64' ? 123 : 204;
const CALLS = 5000;

async function collect() {
  const array = PerfEventArray.create({ name: 'privilege' });
  const reader = PerfMapReader.open(array, { bufferBytes: 64 * 1024 });
  let samples = 0;
  const comms = new Set<string>();
  const loop = (async (): Promise<void> => {
    for await (const batch of reader) {
      samples += batch.forEach((record) => {
        comms.add(record.string(16, 16));
      });
    }
  })();
  const attached = attachBuiltin('sys_enter', array, { tgid: process.pid, syscall: SYSCALL });
  for (let call = 0; call < CALLS; call++) {
    addon().getThreadAffinity();
    if (call % 500 === 0) await pause(1);
  }
  attached.close();
  await reader.close({ drain: true });
  await loop;
  const { received, lost } = reader.stats().total;
  array.close();
  return { samples, sum: received + lost, comms: [...comms] };
}

async function switches(): Promise<number> {
  const array = PerfEventArray.create();
  const reader = PerfMapReader.open(array, { bufferBytes: 64 * 1024, order: 'time' });
  const attached = attachBuiltin('sched_switch', array);
  let samples = 0;
  for await (const batch of reader) {
    samples += batch.forEach(() => undefined);
    if (samples >= 50) break;
  }
  attached.close();
  await reader.close();
  array.close();
  return samples;
}

async function flight(): Promise<number> {
  const array = PerfEventArray.create();
  const recorder = FlightRecorder.open(array, { bufferBytes: 16_384 });
  const attached = attachBuiltin('sched_switch', array);
  await pause(50);
  const { records } = recorder.snapshot();
  attached.close();
  recorder.close();
  array.close();
  return records;
}

/** With rings of the default size, which are as large as an ordinary user may have. */
async function rotate(): Promise<unknown> {
  const array = PerfEventArray.create();
  const recorder = FlightRecorder.open(array);
  const attached = attachBuiltin('sched_switch', array);
  const records: number[] = [];
  for (let round = 0; round < 3; round++) {
    await pause(20);
    records.push((await recorder.rotate()).records);
  }
  attached.close();
  recorder.close();
  array.close();
  return { rotated: records.map((count) => count > 0) };
}

/** Somebody else's map, by its number. */
function openMap(id: number): unknown {
  const array = PerfEventArray.openById(id);
  array.close();
  return { opened: id };
}

async function main(): Promise<unknown> {
  const [, , id] = process.argv;
  if (id === 'rotate') return rotate();
  if (id !== undefined) return openMap(Number(id));
  const status = readFileSync('/proc/self/status', 'utf8');
  return {
    user: process.getuid?.(),
    capabilities: /^CapEff:\s*(.*)$/m.exec(status)?.[1],
    cpus: onlineCpus().length,
    collected: await collect(),
    switches: (await switches()) >= 50,
    flight: (await flight()) > 0,
    handles: Object.values(addon().openHandles()),
  };
}

main().then(
  (result) => process.stdout.write(JSON.stringify(result)),
  (error: { code?: unknown; message?: unknown }) =>
    process.stdout.write(JSON.stringify({ code: error.code, message: error.message })),
);
