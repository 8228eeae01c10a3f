import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import type { NativeAddon } from '../../lib/addon/contract';
import { addon, withAddon } from '../../lib/addon/load';
import {
  BpfMap,
  Dispatcher,
  FlightRecorder,
  MemoryRingStorage,
  MmapRingStorage,
  PerfEventArray,
  PerfMapReader,
  RingReader,
  type RingRecord,
  STOP,
} from '../../lib/index';
import { SampleProducer } from '../support/producers';
import { describeWith } from '../support/privilege';
import { propertiesOf, reachableFrom } from '../support/reachable';
import { CPUS, SCENE_CAPABILITIES } from '../support/reader-scene';

const CPU = CPUS[0] as number;
/** The data pages of each ring. With the metadata page, no other buffer in this test has the same length. */
const PAGES = 4;
/** The only property that may lead to the memory. Its documentation says how it is unsafe. */
const UNSAFE: ReadonlySet<PropertyKey> = new Set(['unsafeMemory']);

/** The ArrayBuffers of all rings that were mapped through `native`. */
const mapped = new Set<unknown>();
const real = addon();
const native: NativeAddon = {
  ...real,
  ringBuffer: (ring) => {
    const buffer = real.ringBuffer(ring);
    mapped.add(buffer);
    return buffer;
  },
};
const mappedBytes = (1 + PAGES) * addon().pageSize();
const bufferBytes = PAGES * addon().pageSize();

/** Calls `look` with each kind of object that users get from the library, while the object is in use. */
async function showEach(look: (name: string, value: object) => void): Promise<void> {
  using array = PerfEventArray.create();
  const producer = new SampleProducer(array, { sizes: [40] });
  const onMessage = (message: unknown): void => look('message', message as object);
  const names = ['open', 'close', 'loss', 'fault', 'swap', 'cpu', 'taken'].map((name) => `perfring:${name}`);
  for (const name of names) subscribe(name, onMessage);
  try {
    look('array', array);
    using map = BpfMap.create({ type: 2, keySize: 4, valueSize: 8, maxEntries: 1 });
    look('map', map);
    for (const order of ['cpu', 'time'] as const) {
      const reader = withAddon(native, () =>
        PerfMapReader.open(array, { wakeup: 'manual', order, bufferBytes }),
      );
      for (const cpu of CPUS) producer.emit(20, { cpu });
      look('reader', reader);
      reader.drain((record) => {
        look('record', record);
        return STOP;
      });
      look('stats', reader.stats());
      look('metrics', reader.metrics());
      // More than fits into the ring: a PERF_RECORD_LOST comes before the next sample.
      producer.emit(bufferBytes / 16, { cpu: CPU });
      reader.drain(() => undefined);
      producer.emit(1, { cpu: CPU });
      reader.drain({ other: (record) => look('lost record', record) });
      await reader.close();
    }
    const reader = withAddon(native, () => PerfMapReader.open(array, { bufferBytes }));
    for (const cpu of CPUS) producer.emit(20, { cpu });
    for await (const batch of reader) {
      look('batch', batch);
      for (const record of batch) {
        look('iterated record', record);
        break;
      }
      break;
    }
    producer.emit(1, { cpu: CPU });
    look('owned record', (await reader.read()) as object);
    const stream = reader.readable();
    look('stream', stream);
    stream.destroy();
    await reader.close();

    const recorder = withAddon(native, () => FlightRecorder.open(array, { bufferBytes }));
    for (const cpu of CPUS) producer.emit(20, { cpu });
    look('recorder', recorder);
    const snapshot = recorder.snapshot();
    look('snapshot', snapshot);
    snapshot.visit((record) => look('snapshot record', record));
    recorder.close();

    using storage = withAddon(native, () => MmapRingStorage.open({ cpu: CPU, dataPageCount: PAGES }));
    array.set(CPU, storage.event);
    producer.emit(20, { cpu: CPU });
    look('storage', storage);
    const dispatcher = new Dispatcher();
    look('dispatcher', dispatcher);
    const merged = new RingReader({ live: false, slackNanoseconds: 0 });
    merged.addRing(storage.ring);
    look('ring reader', merged);
    merged.start();
    look('peeked record', merged.peek() as RingRecord);
    merged.visit((record) => look('merged record', record), { limit: 2 });
    merged.finish();
    storage.ring.startReadBatch();
    look('record of a ring', storage.ring.peek() as RingRecord);
    try {
      storage.ring.visit((record) => record.u64(1000));
    } catch (error) {
      look('error', error as object);
    }
    storage.ring.finishReadBatch();
    using memory = new MemoryRingStorage({ dataPageCount: 1 });
    look('memory storage', memory);
  } finally {
    for (const name of names) unsubscribe(name, onMessage);
    producer.close();
  }
}

describeWith(SCENE_CAPABILITIES, 'what the library hands to its users', () => {
  it('has no reachable view of a mapped ring, and no reachable addon', async () => {
    const leaks: string[] = [];
    const seen = new Set<string>();
    await showEach((name, value) => {
      seen.add(name);
      for (const reached of reachableFrom(value, name, UNSAFE)) {
        if (mapped.has(reached.value)) leaks.push(reached.path);
        if ('perfEventOpen' in reached.value) leaks.push(`${reached.path} is the addon`);
      }
    });
    expect(leaks).toEqual([]);
    expect(mapped.size).toBeGreaterThan(3);
    expect([...seen]).toEqual(
      expect.arrayContaining(['record', 'lost record', 'batch', 'owned record', 'message']),
    );
  });

  it('prints no memory of a ring, however it is inspected', async () => {
    const printed: string[] = [];
    await showEach((name, value) => {
      // A storage's unsafeMemory is there to be seen.
      for (const customInspect of [true, false]) {
        const text = inspect(value, {
          showHidden: true,
          depth: 12,
          getters: !name.includes('storage'),
          customInspect,
        });
        if (text.includes(`byteLength: ${mappedBytes}`) || text.includes(`[byteLength]: ${bufferBytes}`)) {
          printed.push(name);
        }
      }
    });
    expect(printed).toEqual([]);
  });

  it('cannot be assigned to', async () => {
    const kept: string[] = [];
    const theirs = new Set(['owned record', 'stats', 'metrics', 'stream', 'message', 'error']);
    await showEach((name, value) => {
      if (theirs.has(name)) return;
      for (const { key } of propertiesOf(value)) {
        const before: unknown = Reflect.get(value, key);
        // Methods of objects other than records may be shadowed.
        if (key === '__proto__' || (typeof before === 'function' && !name.includes('record'))) continue;
        Reflect.set(value, key, 77);
        if (Reflect.get(value, key) === 77) kept.push(`${name}.${String(key)}`);
      }
    });
    expect(kept).toEqual([]);
  });

  it('lends records to which nothing can be added, and whose class cannot be changed', async () => {
    const records: unknown[] = [];
    await showEach((name, value) => {
      if (!name.includes('record') || name === 'owned record' || name === 'recorder') return;
      records.push(
        [value, Object.getPrototypeOf(value), value.constructor].map((one) => Object.isFrozen(one)),
        Reflect.ownKeys(value),
        Object.keys(structuredClone(value)),
        JSON.stringify(value),
      );
      expect(() => Reflect.construct(value.constructor, [value])).toThrow(/only a ring makes records/);
    });
    expect(new Set(records.map((one) => JSON.stringify(one)))).toEqual(
      new Set(['[true,true,true]', '[]', '"{}"']),
    );
  });

  it('prints a record as its values', async () => {
    const texts: string[] = [];
    await showEach((name, value) => {
      if (name === 'record') texts.push(inspect(value));
    });
    expect(texts[0]).toMatch(
      /^RingRecord \{\s+type: 9,\s+misc: \d+,\s+cpu: \d+,\s+size: 44,[\s\S]*bytes: Uint8Array\(44\)/,
    );
  });
});
