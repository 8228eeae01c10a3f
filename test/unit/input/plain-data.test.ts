import { fakeNative } from '../../support/fake-native';
import { codeOf, messageOf } from '../../support/ring-errors';
import { withAddon } from '../../../lib/addon/load';
import {
  BpfMap,
  BpfProgram,
  diagnose,
  Dispatcher,
  FlightRecorder,
  MemoryRingStorage,
  MmapRingStorage,
  PerfEventArray,
  PerfMapReader,
  PerfRing,
  RingReader,
} from '../../../lib/index';

const native = fakeNative({
  pageSize: () => 4096,
  bpfMapCreate: () => ({}),
  bpfMapOpenPinned: () => ({}),
  bpfMapInfo: () => ({ type: 4, id: 1, keySize: 4, valueSize: 4, maxEntries: 4096, flags: 0, name: '' }),
  bpfMapFd: () => 3,
  bpfMapClose: () => 0,
});
const array = withAddon(native, () => PerfEventArray.create());
/** Adds a misspelled option. TypeScript does not report it where options come from a variable. */
const wrong = <Options extends object>(options?: Options): Options =>
  ({ ...options, bufferbytes: 1 }) as never;

/** Every function that takes options, called with a misspelled one. */
const TAKERS: readonly [string, () => unknown][] = [
  ['PerfMapReader.open', () => withAddon(native, () => PerfMapReader.open(array, wrong()))],
  ['turn', () => withAddon(native, () => PerfMapReader.open(array, { turn: wrong() }))],
  ['FlightRecorder.open', () => withAddon(native, () => FlightRecorder.open(array, wrong()))],
  [
    'MmapRingStorage.open',
    () => withAddon(native, () => MmapRingStorage.open(wrong({ cpu: 0, dataPageCount: 1 }))),
  ],
  ['MemoryRingStorage', () => new MemoryRingStorage(wrong({ dataPageCount: 1 }))],
  ['PerfRing.initContiguous', () => PerfRing.initContiguous(new ArrayBuffer(8192), 1, 4096, wrong())],
  [
    'PerfRing.visit',
    () => {
      const { ring } = new MemoryRingStorage({ dataPageCount: 1 });
      ring.startReadBatch();
      return ring.visit(() => undefined, wrong());
    },
  ],
  ['RingReader', () => new RingReader(wrong())],
  [
    'RingReader.visit',
    () => {
      const reader = new RingReader();
      reader.start();
      return reader.visit(() => undefined, wrong());
    },
  ],
  ['Dispatcher', () => new Dispatcher(wrong())],
  ['PerfEventArray.create', () => withAddon(native, () => PerfEventArray.create(wrong()))],
  [
    'BpfMap.create',
    () => withAddon(native, () => BpfMap.create(wrong({ type: 2, keySize: 4, valueSize: 4, maxEntries: 1 }))),
  ],
  ['BpfMap.openPinned', () => withAddon(native, () => BpfMap.openPinned('/sys/fs/bpf/map', wrong()))],
  [
    'BpfProgram.load',
    () => withAddon(native, () => BpfProgram.load(wrong({ type: 17, instructions: new Uint8Array(8) }))),
  ],
  ['diagnose', () => diagnose(wrong())],
];

describe('an option that does not exist', () => {
  it.each(TAKERS)('is refused by name: %s', (_, take) => {
    expect(codeOf(take)).toMatch(/^ERR_PERF_INVALID_(OPTION|ARGUMENT)$/);
    expect(messageOf(take)).toMatch(/there is no (option |turn\.)bufferbytes; there are \w+/);
  });
});
