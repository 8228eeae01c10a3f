import { setTimeout as pause } from 'node:timers/promises';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { errnoNumber } from '../../../lib/abi/errno';
import { PerfEventArray } from '../../../lib/bpf/perf-event-array';
import { SlotProbe, type SlotState } from '../../../lib/bpf/slot-probe';
import type { NativeAddon } from '../../../lib/addon/contract';
import { addon, withAddon } from '../../../lib/addon/load';
import { FlightRecorder } from '../../../lib/perf-array/flight-recorder';
import type { PerfMapReaderOptions } from '../../../lib/perf-array/options';
import { PerfMapReader } from '../../../lib/perf-array/perf-map-reader';
import { withTimeEnabled } from '../../../lib/events/attr';
import { bpfOutputAttr } from '../../../lib/events/bpf-output';
import { PerfEvent } from '../../../lib/events/perf-event';
import { Flood } from '../../support/flood';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { RemoteSampleProducer, SampleProducer } from '../../support/producers';
import { CPUS, ReaderScene, SCENE_CAPABILITIES } from '../../support/reader-scene';
import { codeOf } from '../../support/ring-errors';
import { until } from '../../support/until';
import { caughtWarnings } from '../../support/warnings';

afterAll(expectNothingLeft);

const CPU = CPUS.at(-1) as number;

/** A scene whose map another reader opens by id, as another program would. */
class ContestedMap extends ReaderScene {
  readonly #theirs: PerfEventArray[] = [];

  another(options: PerfMapReaderOptions = {}): PerfMapReader {
    const array = PerfEventArray.openById(this.array.info.id);
    this.#theirs.push(array);
    return PerfMapReader.open(array, options);
  }

  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    for (const array of this.#theirs) array.close();
  }
}

async function readAll(reader: PerfMapReader): Promise<void> {
  for await (const batch of reader) batch.forEach(() => undefined);
}

describeWith(SCENE_CAPABILITIES, 'a reader whose slots another one takes', () => {
  const warnings = caughtWarnings();

  it('does not take them back when the load ends, and reports it by a warning and a channel', async () => {
    using map = new ContestedMap();
    const { reader, producer } = map;
    const reading = readAll(reader);
    const taken: number[] = [];
    const listen = (message: unknown): void => {
      const { reader: of, cpu } = message as { reader: unknown; cpu: number };
      if (of === reader) taken.push(cpu);
    };
    subscribe('perfring:taken', listen);
    try {
      // The quiet event is in the slot. Without further samples it would be swapped for the waking one.
      await until(() => {
        if (reader.stats().total.swaps % 2 === 0) producer.emit(500, { cpu: CPU });
        return reader.stats().total.swaps % 2 === 1;
      }, 'a swap');
      const other = map.another();
      const readingToo = readAll(other);
      const before = reader.stats().total;
      await until(() => taken.length === CPUS.length, 'every slot');
      expect(taken.sort()).toEqual(CPUS);
      expect(warnings).toEqual([
        expect.stringMatching(/another reader took the slot of CPU \d+ in map \d+.* stop one of the two/),
      ]);

      for (let round = 0; round < 20; round++) map.emitEverywhere(5);
      await other.flush();
      expect(other.stats().total.received).toBe(100 * CPUS.length);
      expect(reader.stats().total).toMatchObject({ received: before.received, swaps: before.swaps });
      await other.close();
      await reader.close();
      await Promise.all([reading, readingToo]);
    } finally {
      unsubscribe('perfring:taken', listen);
    }
  });

  it.each<[string, (map: ContestedMap) => unknown]>([
    ['is closed', ({ reader }) => reader.close()],
    ['is paused', ({ reader }) => reader.pause()],
    [
      'is closed with drain while it is read',
      ({ reader }) => {
        void readAll(reader);
        return reader.close({ drain: true });
      },
    ],
  ])('leaves the slots to the other reader when it %s', async (_, end) => {
    using map = new ContestedMap();
    using other = map.another({ wakeup: 'manual' });
    await end(map);
    map.emitEverywhere(10);
    expect(other.drain(() => undefined)).toBe(10 * CPUS.length);
  });

  it('is reported by a drain when nothing wakes the reader', async () => {
    using map = new ContestedMap({ wakeup: 'manual' });
    using other = map.another({ wakeup: 'manual' });
    await until(() => {
      map.reader.drain(() => undefined);
      return warnings.length > 0;
    }, 'a warning');
    map.emitEverywhere(1);
    expect(other.drain(() => undefined)).toBe(CPUS.length);
  });

  it.each(['manual', 'moderated'] as const)(
    'may be closed by whoever is told, wakeup: %p',
    async (wakeup) => {
      const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
      using map = new ContestedMap({ wakeup });
      const { reader } = map;
      const listen = (message: unknown): void => {
        if ((message as { reader: unknown }).reader === reader) void reader.close();
      };
      subscribe('perfring:taken', listen);
      try {
        using other = map.another({ wakeup: 'manual' });
        await until(() => {
          if (wakeup === 'manual' && !reader.closed) codeOf(() => reader.drain(() => undefined));
          return reader.closed;
        }, 'the end');
        map.emitEverywhere(1);
        expect(other.drain(() => undefined)).toBe(CPUS.length);
      } finally {
        unsubscribe('perfring:taken', listen);
        warn.mockRestore();
      }
    },
  );

  it('takes them back by resume()', async () => {
    using map = new ContestedMap({ wakeup: 'manual' });
    using other = map.another({ wakeup: 'manual' });
    map.reader.pause();
    map.reader.resume();
    map.emitEverywhere(10);
    expect(map.reader.drain(() => undefined)).toBe(10 * CPUS.length);
    await other.close();
    map.emitEverywhere(10);
    expect(map.reader.drain(() => undefined)).toBe(10 * CPUS.length);
  });

  it('keeps the slots that the other reader did not take', async () => {
    using map = new ContestedMap({ wakeup: 'manual' });
    using other = map.another({ wakeup: 'manual', cpus: [CPU] });
    await map.reader.close();
    map.emitEverywhere(1);
    expect(other.drain(() => undefined)).toBe(1);
    expect(map.producer.counts().failed).toEqual(CPUS.length > 1 ? { ENOENT: CPUS.length - 1 } : {});
  });

  it('works when the program that checks slots cannot be loaded', async () => {
    const native = { ...addon(), bpfProgramLoad: () => -errnoNumber('EPERM') };
    using map = new ContestedMap();
    using array = PerfEventArray.openById(map.array.info.id);
    const reader = withAddon(native, () => PerfMapReader.open(array, { wakeup: 'manual' }));
    map.emitEverywhere(2);
    expect(reader.drain(() => undefined)).toBe(2 * CPUS.length);
    await reader.close();
    map.emitEverywhere(1);
    expect(map.producer.counts().failed).toEqual({ ENOENT: CPUS.length });
  });

  it.each(['manual', 'moderated'] as const)(
    'takes a slot back when the other one has left it, wakeup: %p',
    async (wakeup) => {
      using map = new ContestedMap({ wakeup });
      const { reader } = map;
      const told: unknown[] = [];
      const listenFor = (what: string) => (message: unknown) => {
        const { reader: of, cpu } = message as { reader: unknown; cpu: number };
        if (of === reader) told.push([what, cpu]);
      };
      const taken = listenFor('taken');
      const regained = listenFor('regained');
      subscribe('perfring:taken', taken);
      subscribe('perfring:regained', regained);
      try {
        const look = (): void => {
          if (wakeup === 'manual') reader.drain(() => undefined);
        };
        const isTold = (times: number) => (): boolean => {
          look();
          return told.length >= times;
        };
        const other = map.another({ wakeup: 'manual', cpus: [CPU] });
        await until(isTold(1), 'the loss of the slot');
        map.emitEverywhere(3);
        // While the other reader's event is in the slot, it stays there.
        await pause(2200);
        look();
        expect(told).toEqual([['taken', CPU]]);
        expect(other.drain(() => undefined)).toBe(3);
        await other.close();
        await until(isTold(2), 'the slot');
        expect(told).toEqual([
          ['taken', CPU],
          ['regained', CPU],
        ]);
        const before = reader.stats().total.received;
        map.producer.emit(5, { cpu: CPU });
        reader.drain(() => undefined);
        expect(reader.stats().total.received).toBeGreaterThanOrEqual(before + 5);
        expect(warnings).toEqual([expect.stringContaining(`took the slot of CPU ${CPU} `)]);
      } finally {
        unsubscribe('perfring:taken', taken);
        unsubscribe('perfring:regained', regained);
      }
    },
  );

  it('fills an emptied slot again, and retries when that fails', async () => {
    let refusals = 0;
    const real = addon();
    const native: NativeAddon = {
      ...real,
      bpfMapSetEvent: (...args) => (refusals-- > 0 ? -errnoNumber('EPERM') : real.bpfMapSetEvent(...args)),
    };
    using array = withAddon(native, () => PerfEventArray.create());
    using reader = withAddon(native, () => PerfMapReader.open(array));
    const producer = new SampleProducer(array);
    try {
      refusals = 2;
      using theirs = PerfEventArray.openById(array.info.id);
      theirs.clear(CPU);
      await until(() => refusals < 0, 'a further try');
      expect(warnings).toEqual([
        expect.stringContaining(`took the slot of CPU ${CPU} in map ${array.info.id}, or emptied it`),
        expect.stringMatching(/cannot fill|will try again: .*EPERM/),
      ]);
      producer.emit(4, { cpu: CPU });
      expect(reader.drain(() => undefined)).toBe(4);
    } finally {
      producer.close();
    }
  });

  it('does not fill slots that it emptied itself', async () => {
    using map = new ContestedMap();
    map.reader.pause();
    await pause(1500);
    map.producer.emit(1, { cpu: CPU });
    expect(map.producer.counts(CPU).failed).toEqual({ ENOENT: 1 });
    expect(warnings).toEqual([]);
  });

  it.each(['manual', 'moderated'] as const)(
    'says that its array was closed, which empties the slots, wakeup: %p',
    async (wakeup) => {
      using map = new ContestedMap({ wakeup: 'manual' });
      const array = PerfEventArray.openById(map.array.info.id);
      using reader = PerfMapReader.open(array, { wakeup });
      map.emitEverywhere(2);
      array.close();
      await until(() => {
        if (wakeup === 'manual') reader.drain(() => undefined);
        return warnings.some((warning) => warning.includes('closed'));
      }, 'a warning');
      expect(warnings.filter((warning) => warning.includes('closed'))).toEqual([
        expect.stringMatching(/the perf event array was closed before its reader/),
      ]);
      // Records that were written before are read.
      reader.drain(() => undefined);
      expect(reader.stats().total.received).toBe(2 * CPUS.length);
    },
  );

  it('may be a flight recorder', () => {
    using map = new ContestedMap({ wakeup: 'manual' });
    const recorder = FlightRecorder.open(map.array, { bufferBytes: 4096 });
    map.reader.pause();
    map.reader.resume();
    recorder.close();
    map.emitEverywhere(3);
    expect(map.reader.drain(() => undefined)).toBe(3 * CPUS.length);
  });
});

describeWith(SCENE_CAPABILITIES, 'SlotProbe', () => {
  const open = (cpu: number): PerfEvent =>
    PerfEvent.open(addon(), bpfOutputAttr('half-full', withTimeEnabled({})), cpu);

  it('distinguishes its own event in a slot, another event, and none', async () => {
    using array = PerfEventArray.create();
    const probe = SlotProbe.open(addon(), array) as SlotProbe;
    for (const cpu of CPUS) {
      const ours = open(cpu);
      await pause(20);
      const theirs = open(cpu);
      const state = (event: PerfEvent): SlotState => probe.stateOf(cpu, () => event.readEnabledNanoseconds());
      expect([state(ours), state(theirs)]).toEqual(['empty', 'empty']);
      array.set(cpu, ours);
      expect([state(ours), state(theirs)]).toEqual(['ours', 'other']);
      array.set(cpu, theirs);
      expect([state(ours), state(theirs)]).toEqual(['other', 'ours']);
      ours.close();
      theirs.close();
    }
    probe.close();
  });

  it('returns unknown when it cannot find out', () => {
    using array = PerfEventArray.create();
    const probe = SlotProbe.open(addon(), array) as SlotProbe;
    const event = open(CPU);
    array.set(CPU, event);
    expect(probe.stateOf(CPU, () => undefined)).toBe('unknown');
    expect(probe.stateOf(60_000, () => 1n)).toBe('unknown');
    event.close();
    probe.close();
    expect(probe.stateOf(CPU, () => 1n)).toBe('unknown');
  });

  it('always recognises its own event, however busy the CPUs are', async () => {
    using scene = new ReaderScene({ wakeup: 'manual', bufferBytes: 4096 });
    const flood = await Flood.start({ mapId: scene.array.info.id });
    const events = CPUS.map(open);
    using array = PerfEventArray.create();
    const probe = SlotProbe.open(addon(), array) as SlotProbe;
    try {
      for (const event of events) array.set(event.cpu, event);
      let denied = 0;
      for (let round = 0; round < 5000; round++) {
        for (const event of events) {
          const state = probe.stateOf(event.cpu, () => event.readEnabledNanoseconds());
          if (state === 'other' || state === 'empty') denied++;
        }
        if (round % 500 === 0) await pause(1);
      }
      expect(denied).toBe(0);
    } finally {
      flood.kill();
      probe.close();
      for (const event of events) event.close();
    }
  });

  it('writes nothing into the map', () => {
    using scene = new ReaderScene({ wakeup: 'manual' });
    const remote = new RemoteSampleProducer(scene.array);
    const probe = SlotProbe.open(addon(), scene.array) as SlotProbe;
    for (const cpu of CPUS) probe.stateOf(cpu, () => 0n);
    expect(scene.reader.drain({ sample: () => undefined, other: () => undefined })).toBe(0);
    probe.close();
    remote.close();
  });
});
