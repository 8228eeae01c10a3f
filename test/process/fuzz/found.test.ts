/** What the fuzzers found: each once wrong, and kept. */

import { withAddon } from '../../../lib/addon/load';
import {
  bpf,
  BUILTIN_PROGRAMS,
  BpfMap,
  decoderFor,
  defineLayout,
  type SampleLayout,
  Dispatcher,
  diagnose,
  FlightRecorder,
  formatCpuList,
  formatOpenMetrics,
  kernel,
  MemoryRingStorage,
  parseCpuList,
  PerfEventArray,
  PerfMapReader,
  RingReader,
  recordFormat,
} from '../../../lib/index';
import { FakeKernel } from '../../support/fuzz-fake-kernel';
import { codeOf, messageOf } from '../../support/ring-errors';
import { lostBytes, recordBytes, sampleBytes, words } from '../../support/ring-records';
import { timedBytes, timedRing, timedSample } from '../../support/timed-rings';

/** Arguments that no type allows. */
const wrong = <Value>(value: unknown): Value => value as Value;

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function detached(): Uint8Array {
  const view = new Uint8Array(8);
  structuredClone(view.buffer, { transfer: [view.buffer] });
  return view;
}

const halfLong = (): number[] => new Proxy<number[]>([], { get: () => 0.5 });

const THROWS = {
  get type(): never {
    throw new Error('thrown in a getter');
  },
};

describe('findings of the fuzzer of calls', () => {
  it.each<[string, string, () => unknown]>([
    ['options that are null', 'ERR_PERF_INVALID_OPTION', () => BpfMap.create(wrong(null))],
    ['options whose getter throws', 'ERR_PERF_INVALID_OPTION', () => BpfMap.create(wrong(THROWS))],
    ['options behind a revoked proxy', 'ERR_PERF_INVALID_OPTION', () => new RingReader(wrong(revoked()))],
    ['options that are a symbol', 'ERR_PERF_INVALID_OPTION', () => new Dispatcher(wrong(Symbol('no')))],
    [
      'a number of pages that is a bigint',
      'ERR_PERF_INVALID_ARGUMENT',
      () => new MemoryRingStorage({ dataPageCount: wrong(1n) }),
    ],
    ['a key that is no bytes', 'ERR_PERF_INVALID_OPTION', () => diagnose(wrong(7))],
    ['a list that is a proxy', 'ERR_PERF_INVALID_ARGUMENT', () => formatCpuList(wrong(revoked()))],
    [
      'a list whose length is an array that was detached',
      'ERR_PERF_INVALID_ARGUMENT',
      () => defineLayout(new Proxy([], { get: () => detached() })),
    ],
    ['a list that is half an element long', 'ERR_PERF_INVALID_ARGUMENT', () => formatCpuList(halfLong())],
    [
      'a list of 2^32 - 1 holes, which took a minute',
      'ERR_PERF_INVALID_ARGUMENT',
      () => formatCpuList(new Array(2 ** 32 - 1)),
    ],
    ['a CPU list that is no text', 'ERR_PERF_INVALID_ARGUMENT', () => parseCpuList(wrong(undefined))],
    ['metrics that are none', 'ERR_PERF_INVALID_ARGUMENT', () => formatOpenMetrics(wrong([{ name: 1 }]))],
    ['a layout that is none', 'ERR_PERF_INVALID_ARGUMENT', () => decoderFor(wrong<SampleLayout>({}))],
    [
      'a record that is none',
      'ERR_PERF_INVALID_ARGUMENT',
      () => decoderFor(defineLayout([{ name: 'a', kind: 'u8' }]))(wrong({ size: 9 })),
    ],
    [
      'a field named __proto__',
      'ERR_PERF_INVALID_ARGUMENT',
      () => defineLayout([{ name: '__proto__', kind: 'u8' }]),
    ],
    ['attributes that are null', 'ERR_PERF_INVALID_ARGUMENT', () => kernel.encodePerfEventAttr(wrong(null))],
    ['a program for no map', 'ERR_PERF_PROGRAM_INVALID', () => BUILTIN_PROGRAMS[0]?.build(wrong({}), {})],
    [
      'a width that there is not, which loaded 32 bits',
      'ERR_PERF_PROGRAM_INVALID',
      () => bpf.load(wrong('u128'), 'r1', 'r2', 0),
    ],
    [
      'a comparison that there is not',
      'ERR_PERF_PROGRAM_INVALID',
      () => bpf.jumpIf('r1', wrong('==='), 0, 'out'),
    ],
    [
      'a stack of gigabytes, which ended the process',
      'ERR_PERF_PROGRAM_INVALID',
      () => bpf.zeroStack(-8, 2 ** 33),
    ],
    [
      'lines of another make',
      'ERR_PERF_PROGRAM_INVALID',
      () => bpf.assemble(wrong([{ text: 'exit', code: 0x95 }])),
    ],
    [
      'a ring that is none, which the next pass fell over',
      'ERR_PERF_INVALID_ARGUMENT',
      () => new RingReader().addRing(wrong({ closed: false })),
    ],
    [
      'a format of another make',
      'ERR_PERF_INVALID_OPTION',
      () => new MemoryRingStorage({ dataPageCount: 1, format: { ...recordFormat(), rawOffset: -64 } }),
    ],
    ['an array that is none', 'ERR_PERF_INVALID_ARGUMENT', () => PerfMapReader.open(wrong({ set: () => 0 }))],
    [
      'an array that is none, of a recorder',
      'ERR_PERF_INVALID_ARGUMENT',
      () => FlightRecorder.open(wrong(new Uint8Array(1))),
    ],
  ])('%s is %s', (_, code, call) => {
    expect(codeOf(call)).toBe(code);
  });

  it('a text of a megabyte is cut in the error message', () => {
    const message = messageOf(() => parseCpuList('x'.repeat(1 << 20)));
    expect(message).toMatch(/is neither a CPU number/);
    expect(message.length).toBeLessThan(1000);
  });

  it('options whose getter ends the batch are refused', () => {
    const { ring } = new MemoryRingStorage({ dataPageCount: 1 });
    ring.startReadBatch();
    const options = {
      get limit(): number {
        ring.finishReadBatch();
        return 1;
      },
    };
    expect(codeOf(() => ring.visit(() => undefined, options))).toBe('ERR_PERF_NO_READ_BATCH');
  });
});

describe('findings of the fuzzer of bytes', () => {
  it.each([3n, 2n ** 64n - 1n, 2n ** 32n])(
    'a reader whose data_head cannot be, %p, says what it counted, and closes',
    async (head) => {
      const { native, rings } = new FakeKernel();
      const array = withAddon(native, () => PerfEventArray.create());
      const reader = withAddon(native, () => PerfMapReader.open(array, { bufferBytes: 4096 }));
      const [ring] = rings;
      if (ring !== undefined) ring.positions[0] = head;
      expect(reader.stats().total.received).toBe(0);
      expect(reader.drain(() => undefined)).toBe(0);
      expect(reader.stats().total.corrupt).toBeGreaterThan(0);
      await reader.close();
      array.close();
    },
  );

  it('the time of a skipped sample does not make another one late', () => {
    const fixture = timedRing({ cpu: 0 });
    // What is left of it when its size is cut to 16 bits: a header and a time.
    fixture.publish(recordBytes(9, words(5000n)), lostBytes(1n, 1n), timedBytes(timedSample(4500n, 7)));
    const faults: string[] = [];
    const reader = new RingReader({ live: false, onFault: (_, { kind }) => faults.push(kind) });
    reader.addRing(fixture.ring);
    const seen: [number, bigint | undefined, boolean][] = [];
    reader.start();
    reader.visit(({ type, time, late }) => seen.push([type, time, late]));
    reader.finish();
    expect(faults).toEqual(['truncated']);
    expect(seen).toEqual([
      [2, undefined, false],
      [9, 4500n, false],
    ]);
  });

  it('a snapshot with an invalid record is visited to its end, and the record is reported', () => {
    const { native, rings } = new FakeKernel();
    const array = withAddon(native, () => PerfEventArray.create());
    const recorder = withAddon(native, () =>
      FlightRecorder.open(array, { bufferBytes: 4096, largestRecordBytes: 8 }),
    );
    const good = sampleBytes(new Uint8Array(4), new Uint8Array(8));
    // Newest first: in the snapshot the sound record lies behind the other.
    rings[0]?.data.set(
      recordBytes(9, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0)),
      good.length,
    );
    rings[0]?.data.set(good);
    // Written once around.
    rings[0]?.positions.set([BigInt.asUintN(64, -4096n)]);
    const faults: string[] = [];
    const records = recorder.snapshot().visit(
      () => undefined,
      (_, fault) => faults.push(fault.kind),
    );
    expect([records, faults]).toEqual([0, ['corrupt']]);
    recorder.close();
    array.close();
  });
});
