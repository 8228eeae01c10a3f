import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { RingRecord } from '../../../lib/index';
import { FlightRecorder, MmapRingStorage, PerfEventArray, PerfMapReader } from '../../../lib/index';
import { addon } from '../../../lib/addon/load';
import { handleOf } from '../../../lib/events/perf-event';
import { collectGarbage, expectNothingLeft, takeLedger } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { RandomNumbers } from '../../support/ring-traffic';
import { SampleProducer } from '../../support/producers';
import { codeOf } from '../../support/ring-errors';
import { CPUS, ReaderScene, SCENE_CAPABILITIES } from '../../support/reader-scene';

afterAll(expectNothingLeft);

const CPU = CPUS[0] as number;
const ORDERS = ['cpu', 'time'] as const;

describeWith(SCENE_CAPABILITIES, 'a reader that is closed', () => {
  describe.each(ORDERS)("with order '%s'", (order) => {
    it('in a visitor, ends with that record', async () => {
      using scene = new ReaderScene({ order, wakeup: 'manual' });

      scene.producer.emit(10, { cpu: CPU });
      // By time, a sample is due when it is older than the slack.
      await pause(10);
      let visited = 0;
      let kept: RingRecord | undefined;
      scene.reader.drain((record) => {
        visited++;
        kept = record;
        void scene.reader.close();
      });
      expect(visited).toBe(1);
      expect(codeOf(() => kept?.u8(0))).toBe('ERR_PERF_OUT_OF_RANGE');
      expect(codeOf(() => scene.reader.drain(() => undefined))).toBe('ERR_PERF_CLOSED');
    });

    it('in the middle of a batch, and in the body of the loop, ends both', async () => {
      using scene = new ReaderScene({ order });
      scene.producer.emit(10, { cpu: CPU });
      const codes: string[] = [];
      for await (const batch of scene.reader) {
        codes.push(
          codeOf(() => {
            for (const _ of batch) void scene.reader.close();
          }),
        );
      }
      expect(codes).toHaveLength(1);
      expect(['nothing', 'ERR_PERF_CLOSED']).toContain(codes[0]);
      expect(scene.reader.closed).toBe(true);
    });

    it('in the finally block of a loop, and a second time, closes once', async () => {
      using scene = new ReaderScene({ order });
      scene.producer.emit(10, { cpu: CPU });
      const left = (async (): Promise<void> => {
        try {
          for await (const batch of scene.reader) {
            batch.forEach(() => undefined);
            throw new Error('left');
          }
        } finally {
          await scene.reader.close();
          await scene.reader.close({ drain: true });
          scene.reader[Symbol.dispose]();
        }
      })();
      await expect(left).rejects.toThrow('left');
      expect(scene.reader.closed).toBe(true);
    });

    it("in another reader's visitor ends its own loop", async () => {
      using one = new ReaderScene({ order });
      using other = new ReaderScene({ order });
      const loop = (async (): Promise<string> => {
        for await (const _ of other.reader);
        return 'ended';
      })();
      await nextTurn();
      one.producer.emit(3, { cpu: CPU });
      await pause(10);
      one.reader.drain(() => void other.reader.close());
      expect(await loop).toBe('ended');
    });

    it('while a stream, a read and a flush wait, ends each of them', async () => {
      using streamed = new ReaderScene({ order });
      const stream = streamed.reader.readable();
      stream.resume();
      const flushing = new ReaderScene({ order });
      const reading = flushing.reader.read();
      flushing.producer.emit(1, { cpu: CPU });
      await reading;
      const waiting = flushing.reader.read();
      await streamed.reader.close();
      flushing[Symbol.dispose]();
      await once(stream, 'close');
      await expect(waiting).rejects.toMatchObject({ code: 'ERR_PERF_CLOSED' });
    });
  });
});

/** Ways to take an ArrayBuffer from its owner. */
const TAKEN: [string, (buffer: ArrayBuffer) => unknown][] = [
  ['structuredClone() with transfer', (buffer) => structuredClone(buffer, { transfer: [buffer] })],
  [
    'a byte stream that enqueues a view',
    (buffer) =>
      new ReadableStream({
        type: 'bytes',
        start: (controller) => controller.enqueue(new Uint8Array(buffer)),
      }),
  ],
  // Node 22 and later.
  ...('transfer' in ArrayBuffer.prototype
    ? [
        [
          'transfer()',
          (buffer: ArrayBuffer) => Reflect.apply(Reflect.get(buffer, 'transfer'), buffer, []),
        ] as [string, (buffer: ArrayBuffer) => unknown],
      ]
    : []),
];

describeWith(SCENE_CAPABILITIES, 'what is closed', () => {
  it('has freed its rings when close() has resolved', async () => {
    const before = takeLedger().ringMappings;
    const scene = new ReaderScene();
    scene.producer.emit(3, { cpu: CPU });
    scene.reader.drain(() => undefined);
    expect(takeLedger().ringMappings).toBeGreaterThan(before);
    await scene.reader.close();
    expect(takeLedger().ringMappings).toBe(before);
    scene[Symbol.dispose]();
  });

  it.each<[string, () => Disposable]>([
    ['a reader', () => PerfMapReader.open(PerfEventArray.create(), { bufferBytes: 4096 })],
    ['a flight recorder', () => FlightRecorder.open(PerfEventArray.create(), { bufferBytes: 4096 })],
    ['a storage', () => MmapRingStorage.open({ cpu: CPU, dataPageCount: 1 })],
  ])('has freed the rings of %s when its disposal has returned, however often it is called', (_, open) => {
    const before = takeLedger().ringMappings;
    for (let round = 0; round < 50; round++) {
      open()[Symbol.dispose]();
      expect(takeLedger().ringMappings).toBe(before);
    }
  });

  it('in a visitor, has freed its rings when the visitor has returned', async () => {
    using scene = new ReaderScene({ wakeup: 'manual' });
    const before = takeLedger().ringMappings - CPUS.length;
    scene.producer.emit(3, { cpu: CPU });
    await pause(10);
    scene.reader.drain(() => void scene.reader.close());
    await scene.reader.close();
    expect(takeLedger().ringMappings).toBe(before);
  });
});

describeWith(SCENE_CAPABILITIES, 'the unsafe memory of a mapped ring', () => {
  it('reads as empty after the ring is closed', () => {
    const storage = MmapRingStorage.open({ cpu: CPU, dataPageCount: 1 });
    const view = new Uint8Array(storage.unsafeMemory);
    const data = new DataView(storage.unsafeMemory);
    expect(view.length).toBe(2 * addon().pageSize());
    storage.close();
    expect(view.length).toBe(0);
    expect(() => data.getUint8(0)).toThrow(TypeError);
  });

  it.each(TAKEN)(
    'taken away by %s leaves a ring that says so, and what took it can be read on',
    (_, take) => {
      const storage = MmapRingStorage.open({ cpu: CPU, dataPageCount: 1 });
      using array = PerfEventArray.create();
      array.set(CPU, storage.event);
      const producer = new SampleProducer(array);
      producer.emit(3, { cpu: CPU });
      producer.close();
      const taken = tried(() => take(storage.unsafeMemory));
      // Some versions of Node clone a copy, or refuse, and leave the ring its memory.
      const isGone = storage.unsafeMemory.byteLength === 0;
      const code = codeOf(() => {
        storage.ring.startReadBatch();
        storage.ring.visit(() => undefined);
      });
      expect(code).toBe(isGone ? 'ERR_PERF_CLOSED' : 'nothing');
      storage.close();
      if (taken instanceof ArrayBuffer) expect(new Uint8Array(taken).every((byte) => byte >= 0)).toBe(true);
    },
  );
});

function tried(take: () => unknown): unknown {
  try {
    return take();
  } catch {
    return undefined;
  }
}

describeWith(SCENE_CAPABILITIES, 'what is not closed', () => {
  it('is collected, in any order of its parts', async () => {
    const random = new RandomNumbers(20_260_101);
    for (let round = 0; round < 12; round++) {
      const things: unknown[] = everything();
      while (things.length > 0) {
        things.splice(random.below(things.length), 1);
        if (random.below(3) === 0) await collectGarbage();
      }
    }
    await expectNothingLeft();
  });

  it('is collected when a reader had been read from, and its loop was left', async () => {
    await (async (): Promise<void> => {
      const scene = new ReaderScene();
      scene.producer.emit(3, { cpu: CPU });
      for await (const batch of scene.reader) {
        batch.forEach(() => undefined);
        break;
      }
    })();
    await expectNothingLeft();
  });
});

function everything(): unknown[] {
  const array = PerfEventArray.create();
  const other = PerfEventArray.create();
  const reader = PerfMapReader.open(array, { bufferBytes: 4096 });
  const recorder = FlightRecorder.open(other, { bufferBytes: 4096 });
  const storage = MmapRingStorage.open({ cpu: CPU, dataPageCount: 1 });
  return [array, other, reader, recorder, storage, storage.ring, storage.unsafeMemory, recorder.snapshot()];
}

describeWith(SCENE_CAPABILITIES, 'the event of a process that ended', () => {
  it('causes one wake, and no endless wakes', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    const storage = MmapRingStorage.open({ cpu: -1, pid: child.pid as number, dataPageCount: 1 });
    let wakes = 0;
    const hungUp: number[] = [];
    const { event } = storage;
    const native = addon();
    const onWake = (_: number, tokens: number[] | undefined): void => {
      wakes++;
      hungUp.push(...(tokens ?? []));
    };
    const poller = native.pollerOpen(onWake);
    if (typeof poller === 'number') throw new Error(`pollerOpen answered ${poller}`);
    try {
      expect(native.pollerAdd(poller, handleOf(event), 7)).toBe(0);
      child.stdin?.end();
      await once(child, 'exit');
      while (hungUp.length === 0) await pause(5);
      const before = wakes;
      await pause(200);
      expect(hungUp).toEqual([7]);
      expect(wakes - before).toBeLessThanOrEqual(1);
    } finally {
      native.pollerClose(poller);
      storage.close();
    }
  });
});
