import { errnoNumber } from '../../../lib/abi/errno';
import type { NativeAddon } from '../../../lib/addon/contract';
import { addon } from '../../../lib/addon/load';
import { PerfEventArray } from '../../../lib/bpf/perf-event-array';
import type { PerfMapReaderOptions } from '../../../lib/collector/options';
import { PerfMapReader } from '../../../lib/collector/perf-map-reader';
import { collectGarbage, expectNothingLeft, takeLedger } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { SampleProducer } from '../../support/producers';
import { CPUS, SCENE_CAPABILITIES } from '../../support/reader-scene';
import { codeOf } from '../../support/ring-errors';

afterAll(expectNothingLeft);

/** The addon itself, but for calls of one function that are answered with an errno, from the n-th on. */
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
    expect(codeOf(() => PerfMapReader.open(array, options, native))).toMatch(/^ERR_PERF_/);
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
    // Rings that were closed before are let go first.
    for (let round = 0; round < 3; round++) await collectGarbage();
    const before = takeLedger();
    for (const order of ['cpu', 'time'] as const) {
      for (let from = 0; from < CPUS.length; from++) {
        if (from > 0 && name.startsWith('poller') && name !== 'pollerAdd') break;
        expect(codeOf(() => PerfMapReader.open(array, { order }, failing(name, errno, from)))).toBe(code);
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
    const shared = PerfEventArray.openById(array.info.id, one);
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
    expect(codeOf(() => PerfMapReader.open(array, {}, failing('ringMap', 'EPERM', CPUS.length - 1)))).toBe(
      'EPERM',
    );
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
});
