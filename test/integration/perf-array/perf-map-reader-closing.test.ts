import { setImmediate, setTimeout } from 'node:timers/promises';
import { WAKE_TIMER } from '../../../lib/addon/contract';
import { PerfMapReader } from '../../../lib/perf-array/perf-map-reader';
import { monotonicMilliseconds } from '../../../lib/host/monotonic-clock';
import { expectNothingLeft, takeLedger } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { CPUS, ReaderScene, SCENE_CAPABILITIES, scenesIn } from '../../support/reader-scene';
import { codeOfRejection } from '../../support/rejections';
import { codeOf } from '../../support/ring-errors';
import { SteeredNative } from '../../support/steered-native';
import { until } from '../../support/until';

type Clock = { readonly monotonicMilliseconds: () => number };

/** The time of the mocked clock. Undefined: the real time. */
let mockNow: number | undefined;
jest.mock('../../../lib/host/monotonic-clock', () => {
  const actual: Clock = jest.requireActual('../../../lib/host/monotonic-clock');
  return { ...actual, monotonicMilliseconds: () => mockNow ?? actual.monotonicMilliseconds() };
});

afterAll(expectNothingLeft);

const [CPU = 0] = CPUS;

describeWith(SCENE_CAPABILITIES, 'close', () => {
  describe.each(['cpu', 'time'] as const)('of a reader in the order of %s', (order) => {
    const scene = scenesIn(order);

    it('with drain delivers the rest to the consumer, then frees everything', async () => {
      using s = scene({ bufferBytes: 1 << 20, turn: { records: 100 } });
      s.emitEverywhere(3000);
      const reading = (async (): Promise<void> => {
        for await (const batch of s.reader) batch.forEach(s.check.visitor);
      })();
      await setImmediate();
      const closing = s.reader.close({ drain: true });
      expect(s.reader.close({ drain: true })).toBe(closing);
      s.emitEverywhere(5);
      expect(codeOf(() => s.reader.resume())).toBe('ERR_PERF_CLOSED');
      await closing;
      await reading;
      expect(s.reader.closed).toBe(true);
      expect(s.check.received()).toBe(3000 * CPUS.length);
      s.expectExactAccounts();
      expect(s.producer.counts().failed).toEqual({ ENOENT: 5 * CPUS.length });
    });

    it('with drain in the body of the loop delivers the rest', async () => {
      using s = scene({ turn: { records: 3 } });
      s.emitEverywhere(50);
      for await (const batch of s.reader) {
        batch.forEach((record) => {
          s.check.visitor(record);
          void s.reader.close({ drain: true });
        });
      }
      expect([s.reader.closed, s.check.received()]).toEqual([true, 50 * CPUS.length]);
      s.expectExactAccounts();
    });

    it('with drain frees what a consumer that leaves does not take', async () => {
      using s = scene({ turn: { records: 3 } });
      s.emitEverywhere(50);
      let closing: Promise<void> | undefined;
      for await (const batch of s.reader) {
        batch.forEach(s.check.visitor);
        closing = s.reader.close({ drain: true });
        break;
      }
      await closing;
      expect([s.reader.closed, s.check.received()]).toEqual([true, 3]);
    });

    it('without drain ends a close that drains', async () => {
      using s = scene({ turn: { records: 3 } });
      s.emitEverywhere(50);
      let closing: Promise<void> | undefined;
      for await (const batch of s.reader) {
        batch.forEach(s.check.visitor);
        closing = s.reader.close({ drain: true });
        void s.reader.close();
      }
      await closing;
      expect(s.check.received()).toBe(3);
    });

    it('with drain ends although the kernel continues writing side-band records', async () => {
      using s = scene({ attributes: { context_switch: true }, bufferBytes: 1 << 20 });
      s.emitEverywhere(20);
      const reading = (async (): Promise<void> => {
        // A body that sleeps causes the next records.
        for await (const batch of s.reader) {
          batch.forEach(s.check.visitor);
          await setTimeout(1);
        }
      })();
      await setImmediate();
      await s.reader.close({ drain: true });
      await reading;
      expect(s.check.received()).toBe(20 * CPUS.length);
      expect(s.check.errors).toEqual([]);
    });

    it('with drain delivers the rest and frees everything when a slot cannot be emptied, and rejects', async () => {
      const steered = new SteeredNative();
      const before = takeLedger().handles;
      using s = new ReaderScene({ order, turn: { records: 3 } }, {}, steered.native);
      s.emitEverywhere(20);
      const reading = (async (): Promise<void> => {
        for await (const batch of s.reader) batch.forEach(s.check.visitor);
      })();
      await setImmediate();
      steered.fail('bpfMapDelete', 'EPERM');
      expect(await codeOfRejection(s.reader.close({ drain: true }))).toBe('EPERM');
      await reading;
      expect(s.check.received()).toBe(20 * CPUS.length);
      expect(s.reader.closed).toBe(true);
      const { perfEvents, pollers } = takeLedger().handles;
      expect([perfEvents, pollers]).toEqual([before.perfEvents, before.pollers]);
      steered.succeed('bpfMapDelete');
      for (const cpu of CPUS) s.array.clear(cpu);
    });

    it('with drain waits for a batch that is held, and warns when that takes long', async () => {
      const warnings: unknown[] = [];
      const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation((_, options) => {
        warnings.push((options as { code?: unknown }).code);
      });
      try {
        using s = scene({ turn: { records: 3 } });
        s.emitEverywhere(20);
        let closing: Promise<void> | undefined;
        for await (const batch of s.reader) {
          if (closing === undefined) {
            closing = s.reader.close({ drain: true });
            await until(() => warnings.length > 0, 'a warning');
          }
          batch.forEach(s.check.visitor);
        }
        await closing;
        expect(s.check.received()).toBe(20 * CPUS.length);
        expect(warnings).toEqual(['PERFRING_DRAIN_WAITS']);
      } finally {
        emitWarning.mockRestore();
      }
    });

    it('with drain gives up when a batch is held for 30 seconds while the event loop runs', async () => {
      const warnings: unknown[] = [];
      jest.spyOn(process, 'emitWarning').mockImplementation((_, options) => {
        warnings.push((options as { code?: unknown }).code);
      });
      try {
        const steered = new SteeredNative();
        const before = takeLedger().handles;
        using s = new ReaderScene({ order, turn: { records: 3 } }, {}, steered.native);
        s.emitEverywhere(20);
        let now = monotonicMilliseconds();
        const wakeAfter = (milliseconds: number): void => {
          now += milliseconds;
          mockNow = now;
          steered.wake(WAKE_TIMER);
        };
        let closing: Promise<void> | undefined;
        let batches = 0;
        for await (const batch of s.reader) {
          batches++;
          closing = s.reader.close({ drain: true });
          wakeAfter(0);
          // As if the process had been stopped or blocked for an hour.
          wakeAfter(3_600_000);
          for (let held = 200; held < 29_900; held += 100) wakeAfter(100);
          expect([s.reader.closed, warnings]).toEqual([false, ['PERFRING_DRAIN_WAITS']]);
          wakeAfter(100);
          expect([s.reader.closed, batch.forEach(s.check.visitor)]).toEqual([true, 0]);
          // The promise is not awaited meanwhile. Its rejection must not be unhandled.
          await setTimeout(1);
        }
        expect(await codeOfRejection(closing as Promise<void>)).toBe('ERR_PERF_NOT_DRAINED');
        expect([batches, warnings]).toEqual([1, ['PERFRING_DRAIN_WAITS', 'PERFRING_NOT_DRAINED']]);
        const { perfEvents, mappings, pollers } = takeLedger().handles;
        expect([perfEvents, mappings, pollers]).toEqual([before.perfEvents, before.mappings, before.pollers]);
      } finally {
        mockNow = undefined;
        jest.restoreAllMocks();
      }
    });

    it('with drain and an infinite timeout waits as long as it takes, without a warning', async () => {
      const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
      try {
        const steered = new SteeredNative();
        using s = new ReaderScene({ order, turn: { records: 3 } }, {}, steered.native);
        s.emitEverywhere(20);
        mockNow = monotonicMilliseconds();
        let closing: Promise<void> | undefined;
        for await (const batch of s.reader) {
          closing ??= s.reader.close({ drain: true, batchTimeoutMilliseconds: Number.POSITIVE_INFINITY });
          for (let wakes = 0; wakes < 500; wakes++) {
            mockNow += 100;
            steered.wake(WAKE_TIMER);
          }
          batch.forEach(s.check.visitor);
        }
        await closing;
        expect(s.check.received()).toBe(20 * CPUS.length);
        expect(emitWarning).not.toHaveBeenCalled();
      } finally {
        mockNow = undefined;
        emitWarning.mockRestore();
      }
    });

    it.each([-1, Number.NaN, '1', null])('refuses a timeout of %p, and stays open', async (timeout) => {
      using s = scene();
      const options = { drain: true, batchTimeoutMilliseconds: timeout as number };
      expect(await codeOfRejection(s.reader.close(options))).toBe('ERR_PERF_INVALID_ARGUMENT');
      expect(s.reader.closed).toBe(false);
    });

    it('with drain measures the time of each batch separately', async () => {
      jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
      try {
        const steered = new SteeredNative();
        using s = new ReaderScene({ order, turn: { records: 10 } }, {}, steered.native);
        s.emitEverywhere(20);
        let now = monotonicMilliseconds();
        let closing: Promise<void> | undefined;
        let batches = 0;
        for await (const batch of s.reader) {
          batches++;
          closing = s.reader.close({ drain: true });
          for (let held = 0; held < 20_000; held += 100) {
            mockNow = now += 100;
            steered.wake(WAKE_TIMER);
          }
          batch.forEach(s.check.visitor);
        }
        await closing;
        expect(batches).toBeGreaterThan(1);
        expect(s.check.received()).toBe(20 * CPUS.length);
      } finally {
        mockNow = undefined;
        jest.restoreAllMocks();
      }
    });

    it('with drain and without a consumer frees at once', async () => {
      using s = scene();
      s.emitEverywhere(5);
      const closing = s.reader.close({ drain: true });
      expect(s.reader.closed).toBe(true);
      await closing;
    });

    it('empties the slots', async () => {
      using s = scene();
      await s.reader[Symbol.asyncDispose]();
      s.emitEverywhere(1);
      expect(s.producer.counts().failed).toEqual({ ENOENT: CPUS.length });
    });

    it('makes every method throw ERR_PERF_CLOSED', async () => {
      using s = scene();
      s.reader[Symbol.dispose]();
      for (const use of [
        () => s.reader.drain(() => undefined),
        () => s.reader.batches(),
        () => s.reader[Symbol.asyncIterator](),
        () => s.reader.readable(),
        () => void s.reader.read(),
        () => s.reader.pause(),
        () => s.reader.resume(),
        () => s.reader.refresh(),
      ]) {
        expect(codeOf(use)).toBe('ERR_PERF_CLOSED');
      }
      expect(s.reader.metrics()).not.toHaveLength(0);
      expect(s.reader.cpus).toEqual([]);
    });

    it('may be called in another reader’s visitor, and in its own onLoss', async () => {
      using one = scene();
      using other = scene({ bufferBytes: 4096, onLoss: () => void other.reader.close() });
      one.producer.emit(1, { cpu: CPU });
      one.reader.drain(() => {
        other.emitEverywhere(500);
        other.reader.stats();
      });
      expect(other.reader.closed).toBe(true);
      expect(other.reader.stats().total.lost).toBe(other.producer.counts().failedTotal);
      await setTimeout(5);
    });

    it('may be called in onLoss, in a loop over batches', async () => {
      using s: ReaderScene = scene({ bufferBytes: 4096, onLoss: () => void s.reader.close() });
      s.emitEverywhere(500);
      for await (const batch of s.reader) batch.forEach(s.check.visitor);
      expect(s.reader.closed).toBe(true);
      expect(s.check.errors).toEqual([]);
    });
  });

  it('of an array prevents the opening of a reader', () => {
    const s = new ReaderScene();
    s[Symbol.dispose]();
    expect(codeOf(() => PerfMapReader.open(s.array))).toBe('ERR_PERF_CLOSED');
  });

  it('of an array before its reader does no harm', async () => {
    for (const drain of [false, true]) {
      const s = new ReaderScene();
      s.emitEverywhere(5);
      s.array.close();
      expect(s.reader.drain(s.check.visitor)).toBe(5 * CPUS.length);
      await s.reader.close({ drain });
      s[Symbol.dispose]();
    }
  });
});
