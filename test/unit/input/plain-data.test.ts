import { fakeNative } from '../../support/fake-native';
import { codeOf, messageOf } from '../../support/ring-errors';
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
const array = PerfEventArray.create({}, native);
/** A misspelled option, as the types let it pass where options come from a variable. */
const wrong = <Options extends object>(options?: Options): Options =>
  ({ ...options, bufferbytes: 1 }) as never;

/** Everything that takes options, with a misspelled one. */
const TAKERS: readonly [string, () => unknown][] = [
  ['PerfMapReader.open', () => PerfMapReader.open(array, wrong(), native)],
  ['turn', () => PerfMapReader.open(array, { turn: wrong() }, native)],
  ['FlightRecorder.open', () => FlightRecorder.open(array, wrong(), native)],
  ['MmapRingStorage.open', () => MmapRingStorage.open(wrong({ cpu: 0, dataPageCount: 1 }), native)],
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
  ['PerfEventArray.create', () => PerfEventArray.create(wrong(), native)],
  ['BpfMap.create', () => BpfMap.create(wrong({ type: 2, keySize: 4, valueSize: 4, maxEntries: 1 }), native)],
  ['BpfMap.openPinned', () => BpfMap.openPinned('/sys/fs/bpf/map', wrong(), native)],
  ['BpfProgram.load', () => BpfProgram.load(wrong({ type: 17, instructions: new Uint8Array(8) }), native)],
  ['diagnose', () => diagnose(wrong())],
];

describe('an option that does not exist', () => {
  it.each(TAKERS)('is refused by name: %s', (_, take) => {
    expect(codeOf(take)).toMatch(/^ERR_PERF_INVALID_(OPTION|ARGUMENT)$/);
    expect(messageOf(take)).toMatch(/there is no (option |turn\.)bufferbytes; there are \w+/);
  });
});
