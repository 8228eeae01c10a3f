import { setTimeout } from 'node:timers/promises';
import { WAKE_EVENTS, WAKE_TIMER } from '../../../lib/addon/contract';
import { addon } from '../../../lib/addon/load';
import type { PerfMapReaderOptions } from '../../../lib/perf-array/options';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { CPUS, ReaderScene, SCENE_CAPABILITIES } from '../../support/reader-scene';
import { codeOf } from '../../support/ring-errors';
import { SteeredNative } from '../../support/steered-native';
import { until } from '../../support/until';

afterAll(expectNothingLeft);

const [CPU = 0] = CPUS;
const LAST = CPUS.at(-1) ?? 0;
const BACKSTOP = 100_000;
/** The most questions for each slot: one that took long is repeated. */
const QUESTIONS_PER_SLOT = 4;

/** A reader that only the test wakes. */
class SteeredScene extends ReaderScene {
  readonly steered: SteeredNative;

  constructor(options: PerfMapReaderOptions = {}) {
    const steered = new SteeredNative();
    super(options, {}, steered.native);
    this.steered = steered;
  }

  get interval(): number | undefined {
    return this.steered.intervals.at(-1);
  }

  read(): Promise<void> {
    return (async () => {
      for await (const batch of this.reader) batch.forEach(this.check.visitor);
    })();
  }

  /** Makes load on one CPU until a timer wakes the reader for it. */
  async makeBusy(): Promise<void> {
    await until(() => {
      this.producer.emit(100, { cpu: CPU });
      this.steered.wake(WAKE_EVENTS);
      return this.reader.stats().total.swaps === 1;
    }, 'the quiet event');
  }
}

/** Collects the codes of warnings, which are not printed. */
function caughtCodes(): string[] {
  const codes: string[] = [];
  beforeEach(() => {
    codes.length = 0;
    jest.spyOn(process, 'emitWarning').mockImplementation((_, options) => {
      codes.push(String((options as { code?: unknown } | undefined)?.code));
    });
  });
  afterEach(() => jest.restoreAllMocks());
  return codes;
}

describeWith(SCENE_CAPABILITIES, 'the rings of a reader', () => {
  const warnings = caughtCodes();

  describe('and their wakes', () => {
    it('deliver what was written during a batch in the next one, without another wake', async () => {
      using s = new SteeredScene();
      s.producer.emit(1, { cpu: CPU });
      for await (const batch of s.reader) {
        batch.forEach(s.check.visitor);
        if (s.check.received() === 2) break;
        s.producer.emit(1, { cpu: CPU });
        s.steered.wake(WAKE_EVENTS);
      }
      s.expectExactAccounts();
    });

    it('count a wake that begins a batch, and one during the batch', async () => {
      using s = new SteeredScene({ wakeup: { everyEvents: 1 } });
      const batches = s.reader.batches();
      const first = batches.next();
      s.producer.emit(1, { cpu: CPU });
      s.steered.wake(WAKE_TIMER);
      (await first).value?.forEach(s.check.visitor);
      s.steered.wake(WAKE_EVENTS);
      void batches.next();
      const wakeups = s.reader.stats().cpus.find(({ cpu }) => cpu === CPU)?.wakeups;
      expect(wakeups).toBe(2);
      await s.reader.close();
    });

    it.each([
      ['the timer’s first', WAKE_TIMER, WAKE_EVENTS],
      ['the event’s first', WAKE_EVENTS, WAKE_TIMER],
    ])(
      'count as a wake by an event when event and timer fire during one batch, %s',
      async (_, first, second) => {
        using s = new SteeredScene({ latencyMicroseconds: 250 });
        await s.makeBusy();
        s.reader.drain(s.check.visitor);
        await setTimeout(40);
        // Without load the waking event is back in the slot. The timer must then fire twice more.
        s.steered.wake(WAKE_EVENTS);
        expect(s.reader.stats().total.swaps).toBe(2);
        const batches = s.reader.batches();
        for (let round = 0; round < 3; round++) {
          const next = batches.next();
          await setTimeout(1);
          s.producer.emit(1, { cpu: CPU });
          s.steered.wake(first);
          (await next).value?.forEach(s.check.visitor);
          s.steered.wake(second);
        }
        expect(s.interval).toBe(162);
        await batches.return();
        for (const expected of [162, BACKSTOP]) {
          s.steered.wake(WAKE_TIMER);
          expect(s.interval).toBe(expected);
        }
      },
    );
  });

  describe('and the timer', () => {
    it('uses two thirds of the latency under load, and for up to two checks after it', async () => {
      using s = new SteeredScene({ latencyMicroseconds: 250 });
      s.steered.wake(WAKE_EVENTS);
      expect(s.steered.intervals).toEqual([BACKSTOP]);
      await s.makeBusy();
      expect(s.steered.intervals).toEqual([BACKSTOP, 162]);
      s.reader.drain(s.check.visitor);
      await setTimeout(40);
      s.steered.wake(WAKE_TIMER);
      s.steered.wake(WAKE_TIMER);
      expect(s.steered.intervals).toEqual([BACKSTOP, 162, BACKSTOP]);
    });

    it('uses the slack while samples are held back and a consumer waits for them', async () => {
      // Long enough to hold the sample back, also on a slow machine.
      using s = new SteeredScene({ order: 'time', slackNanoseconds: 9e7, wakeup: { everyEvents: 1 } });
      // On another CPU this thread would show that nothing is being written to that CPU's ring.
      const before = addon().getThreadAffinity() as number[];
      addon().setThreadAffinity([CPU]);
      s.producer.emit(1, { cpu: CPU });
      s.reader.drain(() => undefined);
      expect(s.interval).toBe(BACKSTOP);
      const next = s.reader.batches().next();
      expect(s.interval).toBe(90_000);
      await until(() => {
        s.steered.wake(WAKE_TIMER);
        return s.interval === 90_000;
      }, 'the slack');
      addon().setThreadAffinity(before);
      await s.reader.close();
      expect((await next).done).toBeDefined();
    });
  });

  describe('and their losses', () => {
    it('are not read at every wake, because that interrupts each CPU', () => {
      using s = new SteeredScene({ bufferBytes: 4096, wakeup: { everyEvents: 1 } });
      s.steered.wake(WAKE_TIMER);
      s.producer.emit(500, { cpu: CPU });
      const before = s.steered.calls.get('perfEventRead') ?? 0;
      const start = performance.now();
      for (let wakes = 0; wakes < 1000; wakes++) s.steered.wake(WAKE_EVENTS);
      const reads = (s.steered.calls.get('perfEventRead') ?? 0) - before;
      expect(reads).toBeGreaterThan(0);
      expect(reads).toBeLessThanOrEqual(CPUS.length * (3 + (performance.now() - start) / 100));
    });

    it('are not read by drains that find little', () => {
      using s = new SteeredScene();
      s.reader.drain(s.check.visitor);
      const before = s.steered.calls.get('perfEventRead');
      for (let drains = 0; drains < 100; drains++) {
        s.producer.emit(1, { cpu: CPU });
        expect(s.reader.drain(s.check.visitor)).toBe(1);
      }
      expect(s.steered.calls.get('perfEventRead')).toBe(before);
      s.expectExactAccounts();
    });
  });

  it('check their slots once a second', () => {
    using s = new SteeredScene();
    s.steered.wake(WAKE_TIMER);
    const asked = s.steered.calls.get('bpfProgramTestRun') ?? 0;
    const start = performance.now();
    for (let wakes = 0; wakes < 100; wakes++) s.steered.wake(WAKE_TIMER);
    const most = CPUS.length * QUESTIONS_PER_SLOT * ((performance.now() - start) / 1000 + 1);
    expect((s.steered.calls.get('bpfProgramTestRun') ?? 0) - asked).toBeLessThanOrEqual(most);
  });

  describe('and CPUs that come online', () => {
    const machine = { online: CPUS, asked: 0 };
    const onlineCpus = (): readonly number[] => {
      machine.asked++;
      return machine.online;
    };
    beforeEach(() => {
      machine.online = [CPU];
      machine.asked = 0;
    });

    it('are checked at once when an event hangs up, otherwise once a second', () => {
      using s = new SteeredScene({ onlineCpus });
      s.steered.wake(WAKE_TIMER);
      const start = performance.now();
      let asked = machine.asked;
      for (let wakes = 0; wakes < 20; wakes++) s.steered.wake(WAKE_TIMER);
      expect(machine.asked - asked).toBeLessThanOrEqual((performance.now() - start) / 1000 + 1);
      asked = machine.asked;
      s.steered.wake(WAKE_EVENTS, [CPU]);
      expect(machine.asked).toBe(asked + 1);
    });

    it('are checked after the batch when an event hangs up during one', async () => {
      using s = new SteeredScene({ onlineCpus });
      s.steered.wake(WAKE_TIMER);
      s.producer.emit(1, { cpu: CPU });
      for await (const batch of s.reader) {
        machine.online = CPUS;
        s.steered.wake(WAKE_EVENTS, [CPU]);
        expect(s.reader.cpus).toEqual([CPU]);
        batch.forEach(s.check.visitor);
        break;
      }
      expect(s.reader.cpus).toEqual(CPUS);
    });

    it('leave nothing open when their slot cannot be filled; one warning, then a retry', async () => {
      using s = new SteeredScene({ onlineCpus });
      machine.online = CPUS;
      const { perfEvents } = s.steered.native.openHandles();
      s.steered.fail('bpfMapSetEvent', 'EPERM', (_: never, cpu: number) => cpu === LAST);
      expect(codeOf(() => s.reader.refresh())).toBe('EPERM');
      expect([s.reader.cpus, s.steered.native.openHandles().perfEvents]).toEqual([[CPU], perfEvents]);
      for (let round = 0; round < 3; round++) s.steered.wake(WAKE_EVENTS, [CPU]);
      expect(warnings).toEqual(['PERFRING_CPU_CHECK']);
      s.producer.emit(3, { cpu: CPU });
      expect(s.reader.drain(s.check.visitor)).toBe(3);
      s.steered.succeed('bpfMapSetEvent');
      s.steered.wake(WAKE_EVENTS, [CPU]);
      expect(s.reader.cpus).toEqual(CPUS);
      s.emitEverywhere(2);
      expect(s.reader.drain(s.check.visitor)).toBe(2 * CPUS.length);
    });

    it('are left out when they are offline again, and throw when they cannot be opened', () => {
      using s = new SteeredScene({ onlineCpus });
      machine.online = CPUS;
      for (const [errno, code] of [
        ['ENODEV', 'nothing'],
        ['EMFILE', 'EMFILE'],
      ] as const) {
        s.steered.fail('perfEventOpen', errno, (_: never, __: never, cpu: number) => cpu === LAST);
        expect(codeOf(() => s.reader.refresh())).toBe(code);
        expect(s.reader.cpus).toEqual([CPU]);
      }
      s.steered.succeed('perfEventOpen');
      s.reader.refresh();
      expect(s.reader.cpus).toEqual(CPUS);
    });

    it('are retried when they went offline and their slot cannot be emptied', () => {
      machine.online = CPUS;
      using s = new SteeredScene({ onlineCpus });
      machine.online = [CPU];
      s.steered.fail('bpfMapDelete', 'EPERM');
      expect(codeOf(() => s.reader.refresh())).toBe('EPERM');
      s.producer.emit(1, { cpu: LAST });
      expect(s.reader.drain(s.check.visitor)).toBe(1);
      expect(s.reader.cpus).toEqual(CPUS);
      s.steered.succeed('bpfMapDelete');
      s.reader.refresh();
      expect(s.reader.cpus).toEqual([CPU]);
    });
  });

  describe('and a periodic step that fails', () => {
    it.each([
      ['the event in a slot cannot be changed', 'bpfMapSetEvent', 'EPERM', {}, ['PERFRING_SLOT_UPDATE']],
      [
        'counters cannot be read',
        'perfEventRead',
        'EIO',
        { wakeup: { everyEvents: 1 } },
        ['PERFRING_UPKEEP', 'PERFRING_UPKEEP', 'PERFRING_UPKEEP'],
      ],
      ['the timer cannot be set', 'pollerSetTimer', 'EBADF', {}, ['PERFRING_UPKEEP']],
    ] as const)('read on, warn once and try again: %s', async (_, name, errno, options, codes) => {
      using s = new SteeredScene({ bufferBytes: 8 * 4096, ...options });
      const reading = s.read();
      s.steered.wake(WAKE_TIMER);
      s.steered.fail(name, errno);
      const load = (): void => {
        s.producer.emit(500, { cpu: CPU });
        s.steered.wake(WAKE_EVENTS);
        s.steered.wake(WAKE_EVENTS);
      };
      const start = performance.now();
      // Until each step was tried more than once.
      await until(() => {
        load();
        return warnings.length === codes.length && performance.now() - start > 2500;
      }, 'the warnings');
      expect(warnings).toEqual(codes);
      s.steered.succeed(name);
      const before = s.steered.calls.get(name) as number;
      await until(() => {
        load();
        return (s.steered.calls.get(name) as number) > before;
      }, 'another try');
      await s.reader.close({ drain: true });
      await reading;
      s.expectExactAccounts();
    });
  });
});
