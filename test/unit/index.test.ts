import { withAddon } from '../../lib/addon/load';
import {
  bpf,
  builtinNamed,
  Dispatcher,
  defineLayout,
  FlightRecorder,
  formatCpuList,
  kernel,
  MemoryRingStorage,
  type PerfMapReaderOptions,
  PerfEventArray,
  PerfMapReader,
  PerfRing,
  RingReader,
  recordFormat,
} from '../../lib/index';
import { FakeKernel } from '../support/fuzz-fake-kernel';
import { codeOf } from '../support/ring-errors';

const { native } = new FakeKernel();
const array = withAddon(native, () => PerfEventArray.create());

function openWith(options: object): void {
  withAddon(native, () => PerfMapReader.open(array, options as PerfMapReaderOptions))[Symbol.dispose]();
}

function drainWith(limits: object): void {
  using reader = withAddon(native, () => PerfMapReader.open(array, { bufferBytes: 4096 }));
  reader.drain(() => undefined, limits);
}

function readingRing(): PerfRing {
  const { ring } = new MemoryRingStorage({ dataPageCount: 1 });
  ring.startWriteBatch();
  ring.write(new Uint8Array(12));
  ring.finishWriteBatch();
  ring.startReadBatch();
  return ring;
}

/** Every public parameter or option that is a number: its name, and a call with a value for it. */
const NUMBERS: readonly (readonly [name: string, call: (value: number) => unknown])[] = [
  ['PerfMapReader.open bufferBytes', (value) => openWith({ bufferBytes: value })],
  ['PerfMapReader.open memoryBytes', (value) => openWith({ memoryBytes: value })],
  ['PerfMapReader.open cpus', (value) => openWith({ cpus: [value] })],
  ['PerfMapReader.open slackNanoseconds', (value) => openWith({ order: 'time', slackNanoseconds: value })],
  ['PerfMapReader.open timeInPayload', (value) => openWith({ order: 'time', timeInPayload: value })],
  ['PerfMapReader.open latencyMicroseconds', (value) => openWith({ latencyMicroseconds: value })],
  ['PerfMapReader.open wakeup.everyEvents', (value) => openWith({ wakeup: { everyEvents: value } })],
  ['PerfMapReader.open wakeup.everyBytes', (value) => openWith({ wakeup: { everyBytes: value } })],
  ['PerfMapReader.open turn.records', (value) => openWith({ turn: { records: value } })],
  ['PerfMapReader.open turn.bytes', (value) => openWith({ turn: { bytes: value } })],
  ['PerfMapReader.open turn.microseconds', (value) => openWith({ turn: { microseconds: value } })],
  ['PerfMapReader.open attributes.sample_type', (value) => openWith({ attributes: { sample_type: value } })],
  ['PerfMapReader.drain records', (value) => drainWith({ records: value })],
  ['PerfMapReader.drain bytes', (value) => drainWith({ bytes: value })],
  ['PerfMapReader.drain microseconds', (value) => drainWith({ microseconds: value })],
  [
    'FlightRecorder.open bufferBytes',
    (value) => withAddon(native, () => FlightRecorder.open(array, { bufferBytes: value })).close(),
  ],
  [
    'FlightRecorder.open largestRecordBytes',
    (value) =>
      withAddon(native, () =>
        FlightRecorder.open(array, { bufferBytes: 8192, largestRecordBytes: value }),
      ).close(),
  ],
  ['MemoryRingStorage dataPageCount', (value) => new MemoryRingStorage({ dataPageCount: value })],
  ['MemoryRingStorage pageSize', (value) => new MemoryRingStorage({ dataPageCount: 1, pageSize: value })],
  ['MemoryRingStorage cpu', (value) => new MemoryRingStorage({ dataPageCount: 1, cpu: value })],
  [
    'MemoryRingStorage timeInPayload',
    (value) => new MemoryRingStorage({ dataPageCount: 1, timeInPayload: value }),
  ],
  ['PerfRing.initContiguous nPages', (value) => PerfRing.initContiguous(new ArrayBuffer(8192), value, 4096)],
  ['PerfRing.initContiguous pageSize', (value) => PerfRing.initContiguous(new ArrayBuffer(8192), 1, value)],
  ['PerfRing.visit limit', (value) => readingRing().visit(() => undefined, { limit: value })],
  ['PerfRing.peekCopy length', (value) => readingRing().peekCopy(new Uint8Array(4), 0, value)],
  [
    'PerfRing.hasRoomFor length',
    (value) => {
      const { ring } = new MemoryRingStorage({ dataPageCount: 1 });
      ring.startWriteBatch();
      ring.hasRoomFor(value);
    },
  ],
  [
    'PerfRing.write type',
    (value) => {
      const { ring } = new MemoryRingStorage({ dataPageCount: 1 });
      ring.startWriteBatch();
      ring.write(new Uint8Array(4), value);
    },
  ],
  ['RingReader slackNanoseconds', (value) => new RingReader({ slackNanoseconds: value })],
  [
    'RingReader clock',
    (value) => {
      const reader = new RingReader({ clock: () => value });
      reader.start();
      reader.finish();
    },
  ],
  [
    'RingReader.visit limit',
    (value) => {
      const reader = new RingReader();
      reader.start();
      reader.visit(() => undefined, { limit: value });
    },
  ],
  ['Dispatcher typeOffset', (value) => new Dispatcher({ typeOffset: value })],
  ['Dispatcher typeBytes', (value) => new Dispatcher({ typeBytes: value as 4 })],
  ['Dispatcher.onMessage', (value) => new Dispatcher().onMessage(value, () => undefined)],
  ['Dispatcher.onRecord', (value) => new Dispatcher().onRecord(value, () => undefined)],
  ['recordFormat sample_type', (value) => recordFormat({ sample_type: value })],
  ['recordFormat read_format', (value) => recordFormat({ sample_type: 0x400, read_format: value })],
  ['defineLayout offset', (value) => defineLayout([{ name: 'a', kind: 'u8', offset: value }])],
  ['defineLayout size', (value) => defineLayout([{ name: 'a', kind: 'u8' }], value)],
  ['formatCpuList', (value) => formatCpuList([value])],
  ['builtin tgid', (value) => builtinNamed('sched_switch').build(array, { tgid: value })],
  ['bpf.mov immediate', (value) => bpf.assemble([bpf.mov('r0', value)])],
  ['bpf.load offset', (value) => bpf.assemble([bpf.load('u8', 'r0', 'r1', value)])],
  ['bpf.call', (value) => bpf.assemble([bpf.call(value)])],
  ['bpf.loadMapFd', (value) => bpf.assemble([bpf.loadMapFd('r1', value)])],
  ['bpf.zeroStack', (value) => bpf.zeroStack(-8, value)],
  [
    'kernel.encodePerfEventAttr',
    (value) => kernel.encodePerfEventAttr({ type: 1, config: 0, wakeup_events: value }),
  ],
];

/** Values that none of them accepts. */
const NO_NUMBERS: readonly unknown[] = [
  Number.NaN,
  Number.NEGATIVE_INFINITY,
  'x',
  {},
  [],
  true,
  Symbol('1'),
  null,
];

/** Numbers that may have a fraction: a clock can return parts of a nanosecond. */
const TAKES_FRACTIONS: ReadonlySet<string> = new Set(['RingReader clock']);
/** Numbers that may be infinite: no limit. */
const TAKES_INFINITY: ReadonlySet<string> = new Set([
  'PerfMapReader.open turn.records',
  'PerfMapReader.open turn.bytes',
  'PerfMapReader.open turn.microseconds',
  'PerfMapReader.drain records',
  'PerfMapReader.drain bytes',
  'PerfMapReader.drain microseconds',
  'PerfRing.visit limit',
  'RingReader.visit limit',
]);
/** Numbers that may be bigints: 64-bit fields of the kernel, and immediates of instructions. */
const TAKES_BIGINTS: ReadonlySet<string> = new Set([
  'bpf.mov immediate',
  'bpf.call',
  'bpf.loadMapFd',
  'PerfMapReader.open attributes.sample_type',
  'kernel.encodePerfEventAttr',
  'recordFormat sample_type',
  'recordFormat read_format',
]);

const isRefused = (call: (value: number) => unknown, value: unknown): boolean =>
  /^ERR_PERF_/.test(codeOf(() => call(value as number)));

describe.each(NUMBERS)('the number for %s', (name, call) => {
  it.each(NO_NUMBERS)('is not %p', (value) => {
    expect(codeOf(() => call(value as number))).toMatch(/^ERR_PERF_/);
  });

  it('is whole, finite, and a number', () => {
    expect(isRefused(call, 4.5)).toBe(!TAKES_FRACTIONS.has(name));
    expect(isRefused(call, Number.POSITIVE_INFINITY)).toBe(!TAKES_INFINITY.has(name));
    expect(isRefused(call, 1n)).toBe(!TAKES_BIGINTS.has(name));
    expect(isRefused(call, '1')).toBe(true);
  });
});
