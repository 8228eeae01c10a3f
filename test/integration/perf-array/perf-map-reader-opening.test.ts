import { errnoNumber } from '../../../lib/abi/errno';
import type { NativeAddon } from '../../../lib/addon/contract';
import { addon, withAddon } from '../../../lib/addon/load';
import { PerfEventArray } from '../../../lib/bpf/perf-event-array';
import { FlightRecorder } from '../../../lib/perf-array/flight-recorder';
import type { PerfMapReaderOptions } from '../../../lib/perf-array/options';
import { PerfMapReader } from '../../../lib/perf-array/perf-map-reader';
import { collectGarbage, expectNothingLeft, takeLedger } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { SampleProducer } from '../../support/producers';
import { CPUS, SCENE_CAPABILITIES } from '../../support/reader-scene';
import { codeOf, messageOf } from '../../support/ring-errors';
import { caughtWarnings } from '../../support/warnings';

afterAll(expectNothingLeft);

/** The addon, but calls of one function fail with an errno, from the n-th call on. */
function failing(name: keyof NativeAddon, errno: string, from: number): NativeAddon {
  let calls = 0;
  return new Proxy(addon(), {
    get: (target, property, receiver) => {
      const real = Reflect.get(target, property, receiver) as (...args: unknown[]) => unknown;
      if (property !== name) return real;
      return (...args: unknown[]) => (calls++ < from ? real.apply(target, args) : -errnoNumber(errno));
    },
  });
}

describeWith(SCENE_CAPABILITIES, 'opening a reader', () => {
  let array: PerfEventArray;

  beforeEach(() => {
    array = PerfEventArray.create();
  });

  afterEach(() => array.close());

  it.each<PerfMapReaderOptions>([
    { order: 'size' as never },
    { bufferBytes: 5 },
    { cpus: [] },
    { wakeup: { everyEvents: 0 } },
    { attributes: { write_backward: true } },
    { attributes: { nonsense: 1 } as never },
    { turn: { records: -1 } },
    { memoryBytes: 10 },
  ])('with the options %j is refused before anything is opened', (options) => {
    const opened: string[] = [];
    const native = new Proxy(addon(), {
      get: (target, property, receiver) => {
        if (/Open|Map$|SetEvent/.test(String(property))) opened.push(String(property));
        return Reflect.get(target, property, receiver) as unknown;
      },
    });
    expect(codeOf(() => withAddon(native, () => PerfMapReader.open(array, options)))).toMatch(/^ERR_PERF_/);
    expect(opened).toEqual([]);
  });

  const FAILURES: readonly (readonly [keyof NativeAddon, string, string])[] = [
    ['perfEventOpen', 'EMFILE', 'EMFILE'],
    ['perfEventOpen', 'EACCES', 'EACCES'],
    ['ringMap', 'EPERM', 'EPERM'],
    ['ringMap', 'ENOMEM', 'ENOMEM'],
    ['ringBuffer', 'ENOMEM', 'ENOMEM'],
    ['perfEventSetOutput', 'EINVAL', 'EINVAL'],
    ['pollerOpen', 'EMFILE', 'EMFILE'],
    ['pollerAdd', 'ENOSPC', 'ENOSPC'],
    ['pollerSetTimer', 'EBADF', 'ERR_PERF_CLOSED'],
  ];

  it.each(FAILURES)('leaves nothing open when %s says %s, at whichever CPU', async (name, errno, code) => {
    // First collect the memory of rings that were closed before.
    for (let round = 0; round < 3; round++) await collectGarbage();
    const before = takeLedger();
    for (const order of ['cpu', 'time'] as const) {
      for (let from = 0; from < CPUS.length; from++) {
        if (from > 0 && name.startsWith('poller') && name !== 'pollerAdd') break;
        expect(
          codeOf(() => withAddon(failing(name, errno, from), () => PerfMapReader.open(array, { order }))),
        ).toBe(code);
      }
    }
    for (let round = 0; round < 3; round++) await collectGarbage();
    expect(takeLedger()).toEqual(before);
    using producer = new SampleProducer(array);
    for (const cpu of CPUS) producer.emit(1, { cpu });
  });

  it('takes back the slots it had filled when the last cannot be filled', () => {
    using producer = new SampleProducer(array);
    const native = addon();
    let fills = 0;
    const one = new Proxy(native, {
      get: (target, property, receiver) =>
        property === 'bpfMapSetEvent'
          ? (...args: Parameters<NativeAddon['bpfMapSetEvent']>) =>
              ++fills === CPUS.length ? -1 : target.bpfMapSetEvent(...args)
          : (Reflect.get(target, property, receiver) as unknown),
    });
    const shared = withAddon(one, () => PerfEventArray.openById(array.info.id));
    try {
      expect(codeOf(() => PerfMapReader.open(shared, {}))).toBe('EPERM');
      for (const cpu of CPUS) producer.emit(1, { cpu });
      expect(producer.counts().failed).toEqual({ ENOENT: CPUS.length });
    } finally {
      shared.close();
    }
  });

  it('leaves alone the slots of another reader when it fails before it fills any', () => {
    using producer = new SampleProducer(array);
    using reader = PerfMapReader.open(array, { wakeup: 'manual' });
    expect(
      codeOf(() => withAddon(failing('ringMap', 'EPERM', CPUS.length - 1), () => PerfMapReader.open(array))),
    ).toBe('EPERM');
    for (const cpu of CPUS) producer.emit(2, { cpu });
    expect(reader.drain(() => undefined)).toBe(2 * CPUS.length);
  });

  it('a thousand times leaves nothing behind', async () => {
    for (let round = 0; round < 3; round++) await collectGarbage();
    const before = takeLedger();
    for (let round = 0; round < 1000; round++) {
      const reader = PerfMapReader.open(array, {
        bufferBytes: 4096,
        order: round % 2 === 0 ? 'cpu' : 'time',
        wakeup: round % 3 === 0 ? 'manual' : 'moderated',
      });
      reader[Symbol.dispose]();
    }
    for (let round = 0; round < 5; round++) await collectGarbage();
    expect(takeLedger()).toEqual(before);
  });

  describe('a reader of a map that has fewer slots than there are CPUs', () => {
    const warnings = caughtWarnings();
    const last = Math.max(...CPUS);

    it('reads those that have one, and names the others once', async () => {
      using small = PerfEventArray.create({ maxEntries: last });
      using producer = new SampleProducer(small);
      if (last === 0) return;
      const rest = CPUS.filter((cpu) => cpu < last);
      using reader = PerfMapReader.open(small, { wakeup: 'manual' });
      expect(reader.cpus).toEqual(rest);
      reader.refresh();
      expect(reader.cpus).toEqual(rest);
      expect(warnings).toEqual([
        `perfring: map ${small.info.id} has ${last} slots, and none for CPU ${last}: no sample can come from that CPU. Create the map with max_entries ${last + 1}`,
      ]);
      for (const cpu of CPUS) producer.emit(3, { cpu });
      expect(reader.drain(() => undefined)).toBe(3 * rest.length);
      expect(producer.counts().failed).toEqual({ E2BIG: 3 });
    });

    it('reads a CPU that was asked for and has a slot, and refuses one that has none', () => {
      using small = PerfEventArray.create({ maxEntries: last === 0 ? 1 : last });
      const [first = 0] = CPUS;
      PerfMapReader.open(small, { wakeup: 'manual', cpus: [first] })[Symbol.dispose]();
      FlightRecorder.open(small, { cpus: [first] }).close();
      expect(warnings).toEqual([]);
      if (last === 0) return;
      for (const open of [PerfMapReader.open, FlightRecorder.open]) {
        const opening = (): unknown => open(small, { cpus: [first, last] });
        expect(codeOf(opening)).toBe('ERR_PERF_MAP_TOO_SMALL');
        expect(messageOf(opening)).toBe(
          `map ${small.info.id} has ${last} slots, and none for CPU ${last}: leave that out, or create the map with max_entries ${last + 1}`,
        );
      }
    });

    it('names a CPU without a slot that comes online', () => {
      using small = PerfEventArray.create({ maxEntries: Math.max(1, last) });
      if (last === 0) return;
      let online = CPUS.filter((cpu) => cpu < last);
      using reader = PerfMapReader.open(small, { wakeup: 'manual', onlineCpus: () => online });
      expect(warnings).toEqual([]);
      online = [...CPUS];
      for (let round = 0; round < 2; round++) reader.refresh();
      expect(warnings).toEqual([expect.stringContaining(`none for CPU ${last}`)]);
      online = [last];
      expect(codeOf(() => PerfMapReader.open(small, { onlineCpus: () => online }))).toBe(
        'ERR_PERF_MAP_TOO_SMALL',
      );
    });

    it('may be a flight recorder', () => {
      using small = PerfEventArray.create({ maxEntries: Math.max(1, last) });
      using recorder = FlightRecorder.open(small);
      expect(recorder.cpus).toEqual(CPUS.filter((cpu) => cpu < Math.max(1, last)));
      expect(warnings).toEqual(last === 0 ? [] : [expect.stringContaining(`none for CPU ${last}`)]);
    });
  });
});
