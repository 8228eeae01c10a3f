import { channel } from 'node:diagnostics_channel';
import { setTimeout } from 'node:timers/promises';
import type { NativeAddon } from '../../../lib/addon/contract';
import { addon, withAddon } from '../../../lib/addon/load';
import { PerfEventArray } from '../../../lib/bpf/perf-event-array';
import { PerfMapReader } from '../../../lib/perf-array/perf-map-reader';
import { SampleProducer } from '../../support/producers';
import type { PerfMapReaderOptions } from '../../../lib/perf-array/options';
import { Flood } from '../../support/flood';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { CPUS, ReaderScene, SCENE_CAPABILITIES } from '../../support/reader-scene';
import { SequenceCheck } from '../../support/sequence-check';
import { until } from '../../support/until';

afterAll(expectNothingLeft);

/** The swaps of a reader, by CPU. True: to the waking event. */
class Swaps implements Disposable {
  readonly #by = new Map<number, boolean[]>();
  readonly #listen = (message: unknown): void => {
    const { cpu, wakes } = message as { cpu: number; wakes: boolean };
    this.#by.set(cpu, [...this.of(cpu), wakes]);
  };

  constructor() {
    channel('perfring:swap').subscribe(this.#listen);
  }

  of(cpu: number): readonly boolean[] {
    return this.#by.get(cpu) ?? [];
  }

  [Symbol.dispose](): void {
    channel('perfring:swap').unsubscribe(this.#listen);
  }
}

describeWith(SCENE_CAPABILITIES, 'moderated waking', () => {
  it('turns to the timer under load and back when it is over, on each CPU by itself', async () => {
    using swaps = new Swaps();
    using s = new ReaderScene();
    const reading = (async (): Promise<void> => {
      for await (const batch of s.reader) batch.forEach(s.check.visitor);
    })();
    const [cpu = 0, ...others] = CPUS;
    for (let round = 1; round <= 3; round++) {
      await until(() => {
        if (swaps.of(cpu).length < round * 2 - 1) s.producer.emit(500, { cpu });
        return swaps.of(cpu).length === round * 2;
      }, 'the timer, and the waking event again');
    }
    expect(swaps.of(cpu)).toEqual([false, true, false, true, false, true]);
    for (const other of others) expect(swaps.of(other)).toEqual([]);
    expect(s.reader.stats().cpus.find((one) => one.cpu === cpu)?.swaps).toBe(6);
    await s.reader.close({ drain: true });
    await reading;
    s.expectExactAccounts();
  });

  it('wakes for each sample at low rates', async () => {
    using swaps = new Swaps();
    using s = new ReaderScene();
    const reading = (async (): Promise<void> => {
      for await (const batch of s.reader) batch.forEach(s.check.visitor);
    })();
    for (let sequence = 1; sequence <= 30; sequence++) {
      for (const cpu of CPUS) s.producer.emit(1, { cpu });
      await until(() => s.check.received() === sequence * CPUS.length, 'the sample');
      await setTimeout(3);
    }
    for (const cpu of CPUS) expect(swaps.of(cpu)).toEqual([]);
    await s.reader.close();
    await reading;
    s.expectExactAccounts();
  });

  it('strands no last sample: whatever was written comes, though nothing is written after it', async () => {
    using s = new ReaderScene();
    const reading = (async (): Promise<void> => {
      for await (const batch of s.reader) batch.forEach(s.check.visitor);
    })();
    let emitted = 0;
    // Bursts of many lengths end during, just after and long after each state of the moderator. On a machine under load
    // they may be too slow to swap events, so they are repeated until a swap was made.
    for (let round = 0; round < 60 || s.reader.stats().total.swaps === 0; round++) {
      const count = [1, 2, 40, 3, 400, 1, 17][round % 7] as number;
      for (const cpu of CPUS) s.producer.emit(count, { cpu });
      emitted += count;
      if (round % 3 !== 0) continue;
      await until(() => s.check.received() === emitted * CPUS.length, `round ${round}`);
      if (round % 2 === 0) await setTimeout(16);
    }
    await until(() => s.check.received() === emitted * CPUS.length, 'the last');
    await s.reader.close();
    await reading;
    s.expectExactAccounts();
  });

  it.each<[string, PerfMapReaderOptions]>([
    ['cpu', {}],
    ['time', { order: 'time' }],
    ['cpu, in small rings', { bufferBytes: 8192 }],
  ])(
    'loses, doubles and strands nothing while events are swapped under load, in the order of %s',
    async (_, options) => {
      using s = new ReaderScene(options);
      using swaps = new Swaps();
      const check = new SequenceCheck();
      const reading = (async (): Promise<void> => {
        for await (const batch of s.reader) {
          batch.forEach(options.order === 'time' ? check.timedVisitor : check.visitor);
        }
      })();
      // Load that comes and goes, so that the moderator keeps swapping events.
      const flood = await Flood.start({ mapId: s.array.info.id, rate: 20_000, burstMilliseconds: 40 });
      try {
        await until(() => {
          s.reader.stats();
          return CPUS.every((cpu) => swaps.of(cpu).length >= 10);
        }, 'events that change places to and fro');
        const reports = await flood.stop();
        const emittedOn = (cpu: number): number => reports.get(cpu)?.emitted ?? 0;
        await until(() => {
          const { cpus } = s.reader.stats();
          return cpus.every(({ cpu, received, lost }) => received + lost === emittedOn(cpu));
        }, 'every last sample');
        expect([check.errors, check.inversions]).toEqual([[], 0]);
        for (const { cpu, received, lost } of s.reader.stats().cpus) {
          expect([received, lost]).toEqual([check.received(cpu), reports.get(cpu)?.failedTotal]);
          expect(check.missing(cpu, emittedOn(cpu))).toBe(lost);
        }
        await s.reader.close();
        await reading;
      } finally {
        flood.kill();
      }
    },
  );

  it('counts what both events lost', async () => {
    using s = new ReaderScene({ bufferBytes: 4096 });
    // While the waking event is in the slot …
    s.emitEverywhere(500);
    const byWaking = s.producer.counts().failedTotal;
    expect(s.reader.stats().total).toMatchObject({ lost: byWaking, swaps: 0 });
    // … and then the quiet one: nothing is read, and lost samples count as load, too.
    await until(() => {
      s.emitEverywhere(500);
      return s.reader.stats().cpus.every(({ swaps }) => swaps > 0);
    }, 'the quiet events');
    s.emitEverywhere(500);
    expect(s.reader.stats().total.lost).toBe(s.producer.counts().failedTotal);
    expect(s.reader.stats().total.lost).toBeGreaterThan(byWaking + 500 * CPUS.length);
    s.reader.drain(s.check.visitor);
    s.expectExactAccounts();
  });

  it('does not swap while the reader is paused, and does so afterwards', async () => {
    using s = new ReaderScene();
    const reading = (async (): Promise<void> => {
      for await (const batch of s.reader) batch.forEach(s.check.visitor);
    })();
    s.emitEverywhere(300);
    s.reader.pause();
    await setTimeout(40);
    s.emitEverywhere(10);
    s.reader.resume();
    s.emitEverywhere(300);
    await until(() => s.check.received() === 600 * CPUS.length, 'all');
    expect(s.producer.counts().failed).toEqual({ ENOENT: 10 * CPUS.length });
    await s.reader.close();
    await reading;
    s.expectExactAccounts();
  });

  it('has a timer of two thirds of its latency cap under load, and only the backstop when it is over', async () => {
    const intervals: number[] = [];
    const native = new Proxy(addon(), {
      get: (target, name, receiver) =>
        name === 'pollerSetTimer'
          ? (...args: Parameters<NativeAddon['pollerSetTimer']>) => {
              intervals.push(args[2]);
              return target.pollerSetTimer(...args);
            }
          : (Reflect.get(target, name, receiver) as unknown),
    });
    const array = PerfEventArray.create();
    const producer = new SampleProducer(array);
    const reader = withAddon(native, () => PerfMapReader.open(array, { latencyMicroseconds: 250 }));
    try {
      const [cpu = 0] = CPUS;
      await until(() => {
        if (reader.stats().total.swaps === 0) producer.emit(500, { cpu });
        reader.drain(() => undefined);
        return reader.stats().total.swaps === 2 && intervals.at(-1) === 100_000;
      }, 'calm');
      expect(intervals).toEqual([100_000, 162, 100_000]);
    } finally {
      reader[Symbol.dispose]();
      producer.close();
      array.close();
    }
  });

  it('also moderates a reader without a consumer', async () => {
    using s = new ReaderScene();
    s.emitEverywhere(5);
    await until(() => s.reader.stats().total.wakeups > 0, 'a wake');
  });
});
