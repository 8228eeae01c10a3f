import { channel } from 'node:diagnostics_channel';
import { setTimeout } from 'node:timers/promises';
import { PerfEventArray } from '../../../lib/bpf/perf-event-array';
import { PerfMapReader } from '../../../lib/perf-array/perf-map-reader';
import { onlineCpus } from '../../../lib/host/cpu-list';
import { expectNothingLeft, takeLedger } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { CPUS, ReaderScene, SCENE_CAPABILITIES } from '../../support/reader-scene';
import { codeOf } from '../../support/ring-errors';
import { until } from '../../support/until';

afterAll(expectNothingLeft);

const LAST = CPUS.at(-1) ?? 0;
const [FIRST = 0] = CPUS;

/** A machine whose CPUs go online and offline. */
class Machine {
  online: readonly number[];
  constructor(...online: readonly number[]) {
    this.online = online;
  }
  readonly onlineCpus = (): readonly number[] => this.online;
}

describeWith(SCENE_CAPABILITIES, 'the CPUs of a reader', () => {
  it('are those online, by their numbers', () => {
    using s = new ReaderScene();
    expect(s.reader.cpus).toEqual(onlineCpus());
  });

  it('may be one alone: its slot is its number, whatever its place in a list', () => {
    using s = new ReaderScene({ cpus: [LAST] });
    expect(s.reader.cpus).toEqual([LAST]);
    s.emitEverywhere(5);
    s.reader.drain((record) => {
      expect(record.cpu).toBe(LAST);
      s.check.visitor(record);
    });
    expect(s.reader.stats().cpus.map(({ cpu, received }) => [cpu, received])).toEqual([[LAST, 5]]);
    expect(s.check.errors).toEqual([]);
  });

  it('may be a sparse machine’s: others are left alone', () => {
    const machine = new Machine(LAST);
    using s = new ReaderScene({ onlineCpus: machine.onlineCpus });
    expect(s.reader.cpus).toEqual([LAST]);
    s.emitEverywhere(3);
    expect(s.reader.drain(s.check.visitor)).toBe(3);
  });

  it('asked for by number must be online', () => {
    const before = takeLedger();
    const machine = new Machine(FIRST);
    expect(codeOf(() => new ReaderScene({ cpus: [FIRST, LAST], onlineCpus: machine.onlineCpus }))).toBe(
      CPUS.length > 1 ? 'ERR_PERF_CPU_OFFLINE' : 'nothing',
    );
    machine.online = [];
    expect(codeOf(() => new ReaderScene({ onlineCpus: machine.onlineCpus }))).toBe('ERR_PERF_CPU_OFFLINE');
    // The list of online CPUs has one that is not possible.
    machine.online = [FIRST, 4000];
    using large = PerfEventArray.create({ maxEntries: 4001 });
    expect(codeOf(() => PerfMapReader.open(large, { onlineCpus: machine.onlineCpus }))).toBe(
      'ERR_PERF_NO_SUCH_CPU',
    );
    const { perfEvents, pollers } = takeLedger().handles;
    expect([perfEvents, pollers]).toEqual([before.handles.perfEvents, before.handles.pollers]);
  });

  describe.each(['cpu', 'time'] as const)('in the order of %s', (order) => {
    const slack = order === 'time' ? { slackNanoseconds: 0 } : {};

    it('get a ring at refresh when they come online, and are reported', () => {
      const machine = new Machine(FIRST);
      const told: unknown[] = [];
      const listen = (message: unknown): void => {
        const { cpu, online } = message as { cpu: number; online: boolean };
        told.push([cpu, online]);
      };
      channel('perfring:cpu').subscribe(listen);
      try {
        using s = new ReaderScene({ order, ...slack, onlineCpus: machine.onlineCpus });
        s.emitEverywhere(5);
        s.reader.refresh();
        expect(s.reader.drain(s.check.visitor)).toBe(5);
        machine.online = CPUS;
        s.reader.refresh();
        expect(s.reader.cpus).toEqual(CPUS);
        expect(told).toEqual(CPUS.slice(1).map((cpu) => [cpu, true]));
        s.emitEverywhere(5);
        expect(s.reader.drain(s.check.visitor)).toBe(5 * CPUS.length);
        s.expectExactAccounts();
      } finally {
        channel('perfring:cpu').unsubscribe(listen);
      }
    });

    it('are taken in by itself while a consumer waits', async () => {
      const machine = new Machine(FIRST);
      using s = new ReaderScene({ order, ...slack, onlineCpus: machine.onlineCpus });
      const reading = (async (): Promise<void> => {
        for await (const batch of s.reader) batch.forEach(s.check.visitor);
      })();
      machine.online = CPUS;
      await until(() => s.reader.cpus.length === CPUS.length, 'all CPUs');
      s.emitEverywhere(10);
      await s.reader.close({ drain: true });
      await reading;
      s.expectExactAccounts();
      expect(s.check.received()).toBe(10 * CPUS.length);
    });

    it('that go offline are read to their end, then closed, and keep their account', async () => {
      const machine = new Machine(...CPUS);
      using s = new ReaderScene({ order, ...slack, onlineCpus: machine.onlineCpus });
      s.emitEverywhere(20);
      const flushed = s.reader.flush();
      machine.online = [FIRST];
      s.reader.refresh();
      s.producer.emit(3, { cpu: LAST });
      expect(s.reader.cpus).toEqual(CPUS);
      expect(s.reader.drain(s.check.visitor)).toBe(20 * CPUS.length);
      await flushed;
      expect(s.reader.cpus).toEqual([FIRST]);
      expect(takeLedger().handles.mappings).toBeGreaterThan(0);
      s.expectExactAccounts();
      s.producer.emit(5, { cpu: FIRST });
      expect(s.reader.drain(s.check.visitor)).toBe(5);
      s.expectExactAccounts();
    });

    it('that come back keep their counts, losses included', () => {
      const machine = new Machine(...CPUS);
      const reports: [number, number, number][] = [];
      using s = new ReaderScene({
        order,
        ...slack,
        bufferBytes: 4096,
        onlineCpus: machine.onlineCpus,
        onLoss: ({ cpu, lost, total }) => reports.push([cpu, lost, total]),
      });
      for (let round = 0; round < 3; round++) {
        machine.online = CPUS;
        s.reader.refresh();
        s.emitEverywhere(200);
        machine.online = CPUS.slice(0, -1);
        s.reader.refresh();
        s.reader.drain(s.check.visitor);
        s.expectExactAccounts();
      }
      const lost = s.producer.counts(LAST).failed['ENOSPC'] ?? 0;
      const ofLast = reports.filter(([cpu]) => cpu === LAST);
      expect(ofLast.reduce((sum, [, one]) => sum + one, 0)).toBe(lost);
      expect(ofLast.at(-1)?.[2]).toBe(lost);
    });

    it('that come online while paused stay out of the map until resume', () => {
      const machine = new Machine(FIRST);
      using s = new ReaderScene({ order, ...slack, onlineCpus: machine.onlineCpus });
      s.reader.pause();
      machine.online = CPUS;
      s.reader.refresh();
      s.emitEverywhere(3);
      expect(s.producer.counts().failed).toEqual({ ENOENT: 3 * CPUS.length });
      s.reader.resume();
      s.emitEverywhere(3);
      expect(s.reader.drain(s.check.visitor)).toBe(3 * CPUS.length);
    });

    it('may all go, and come back', () => {
      const machine = new Machine(...CPUS);
      using s = new ReaderScene({ order, ...slack, onlineCpus: machine.onlineCpus });
      machine.online = [];
      s.reader.refresh();
      expect(s.reader.cpus).toEqual([]);
      expect(s.reader.drain(s.check.visitor)).toBe(0);
      machine.online = CPUS;
      s.reader.refresh();
      s.emitEverywhere(2);
      expect(s.reader.drain(s.check.visitor)).toBe(2 * CPUS.length);
    });
  });

  it('that are said to come online and do not exist are left out', () => {
    const machine = new Machine(FIRST);
    using s = new ReaderScene({ onlineCpus: machine.onlineCpus });
    machine.online = [FIRST, 4000];
    s.reader.refresh();
    expect(s.reader.cpus).toEqual([FIRST]);
  });

  it('that cannot be read cause one warning, and the reader continues', async () => {
    const warnings: string[] = [];
    const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation((warning) => {
      warnings.push(String(warning));
    });
    try {
      const machine = { fails: false };
      using s = new ReaderScene({
        onlineCpus: () => {
          if (machine.fails) throw new Error('sysfs is gone');
          return CPUS;
        },
      });
      machine.fails = true;
      expect(() => s.reader.refresh()).toThrow('sysfs is gone');
      const reading = (async (): Promise<void> => {
        for await (const batch of s.reader) batch.forEach(s.check.visitor);
      })();
      await until(() => warnings.length > 0, 'a warning');
      await setTimeout(1200);
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toContain('sysfs is gone');
      s.emitEverywhere(4);
      await s.reader.flush();
      await s.reader.close();
      await reading;
      expect(s.check.received()).toBe(4 * CPUS.length);
    } finally {
      emitWarning.mockRestore();
    }
  });

  it('share one budget of memory', () => {
    const before = takeLedger();
    using s = new ReaderScene({ memoryBytes: 4096 * (1 + 16) * CPUS.length });
    expect(s.reader.stats().cpus.map(({ capacityBytes }) => capacityBytes)).toEqual(
      CPUS.map(() => 16 * 4096),
    );
    expect(takeLedger().ringMappings - before.ringMappings).toBe(CPUS.length);
  });
});
