import * as abi from '../../../lib/abi/bpf';
import {
  bpf,
  BpfProgram,
  defineLayout,
  PerfEventArray,
  PerfMapReader,
  RingBufferMap,
} from '../../../lib/index';
import { collectEvents, expectNothingLeft, kernelObjects } from '../../../lib/testing';
import { describeWith, READER_CAPABILITIES } from '../../support/privilege';

const LAYOUT = defineLayout({ argument: 'u64' });
const EVENT_BYTES = 8;

const before = kernelObjects();
afterAll(() => expectNothingLeft(before));

/** A program that writes its first argument to the array. */
function arrayProgram(array: PerfEventArray): BpfProgram {
  return rawTracepoint([
    bpf.mov('r6', 'r1'),
    bpf.load('u64', 'r0', 'r6', 0),
    bpf.store('u64', 'r10', -EVENT_BYTES, 'r0'),
    bpf.mov('r1', 'r6'),
    bpf.loadMapFd('r2', array.fd),
    bpf.mov32('r3', abi.BPF_F_CURRENT_CPU),
    bpf.mov('r4', 'r10'),
    bpf.add('r4', -EVENT_BYTES),
    bpf.mov('r5', EVENT_BYTES),
    bpf.call(abi.BPF_FUNC_perf_event_output),
  ]);
}

/** A program that writes its first argument to the ring buffer map. */
function ringProgram(map: RingBufferMap): BpfProgram {
  return rawTracepoint([
    bpf.load('u64', 'r0', 'r1', 0),
    bpf.store('u64', 'r10', -EVENT_BYTES, 'r0'),
    bpf.loadMapFd('r1', map.fd),
    bpf.mov('r2', 'r10'),
    bpf.add('r2', -EVENT_BYTES),
    bpf.mov('r3', EVENT_BYTES),
    bpf.mov('r4', 0),
    bpf.call(abi.BPF_FUNC_ringbuf_output),
  ]);
}

function rawTracepoint(lines: bpf.Line[]): BpfProgram {
  const instructions = bpf.assemble([...lines, bpf.mov('r0', 0), bpf.exit()]);
  return BpfProgram.load({ type: abi.BPF_PROG_TYPE_RAW_TRACEPOINT, instructions, name: 'under_test' });
}

function argument(value: bigint): Uint8Array {
  const context = new Uint8Array(16);
  new DataView(context.buffer).setBigUint64(0, value, true);
  return context;
}

describeWith(READER_CAPABILITIES, 'collectEvents', () => {
  let array: PerfEventArray;
  let program: BpfProgram;

  beforeEach(() => {
    array = PerfEventArray.create();
    program = arrayProgram(array);
  });

  afterEach(() => {
    program.close();
    array.close();
  });

  it('collects the events of a program that is run with given input', async () => {
    const events = await collectEvents({
      from: array,
      layout: LAYOUT,
      count: 3,
      run: () => {
        for (const value of [7n, 8n, 9n]) program.testRun({ contextIn: argument(value) });
      },
    });
    expect(events).toEqual([{ argument: 7n }, { argument: 8n }, { argument: 9n }]);
  });

  it('collects from a ring buffer map, and from one test after the other', async () => {
    using map = RingBufferMap.create({ capacityBytes: 4096 });
    using own = ringProgram(map);
    for (const value of [1n, 2n]) {
      const run = (): unknown => own.testRun({ contextIn: argument(value) });
      expect(await collectEvents({ from: map, layout: LAYOUT, count: 1, run })).toEqual([
        { argument: value },
      ]);
    }
  });

  it('expects exactly as many events as asked for', async () => {
    const twice = (): void => {
      for (const value of [1n, 2n]) program.testRun({ contextIn: argument(value) });
    };
    const collect = (count: number) =>
      collectEvents({ from: array, layout: LAYOUT, count, run: twice, timeoutMilliseconds: 100 });
    await expect(collect(3)).rejects.toMatchObject({
      name: 'CollectionError',
      message: 'expected 3 events, got 2 within 100 ms',
      events: [{ argument: 1n }, { argument: 2n }],
    });
    await expect(collect(1)).rejects.toThrow('expected 1 events, got 2');
    await expect(collect(0)).rejects.toThrow('expected 0 events, got 2');
    expect(await collect(2)).toHaveLength(2);
  });

  it('reports events that were lost', async () => {
    const flood = (): void => {
      // Nothing is read before the loop ends, and a ring has 512 KiB.
      for (let event = 0; event < 40_000; event++) program.testRun({ contextIn: argument(1n), cpu: 0 });
    };
    const collecting = collectEvents({ from: array, layout: LAYOUT, count: 40_000, run: flood });
    await expect(collecting).rejects.toThrow(/^\d+ events were lost: the ring of their CPU was full$/);
  });

  it('waits for events that come later', async () => {
    const later = (): void => {
      setTimeout(() => program.testRun({ contextIn: argument(5n) }), 50);
    };
    expect(await collectEvents({ from: array, layout: LAYOUT, count: 1, run: later })).toEqual([
      { argument: 5n },
    ]);
  });

  it('passes on what fails, and closes the reader', async () => {
    const objects = kernelObjects();
    const failing = (): never => {
      throw new Error('no');
    };
    await expect(collectEvents({ from: array, layout: LAYOUT, count: 1, run: failing })).rejects.toThrow(
      'no',
    );
    const wide = defineLayout({ a: 'u64', b: 'u64', c: 'u64' });
    const run = (): unknown => program.testRun({ contextIn: argument(5n) });
    await expect(collectEvents({ from: array, layout: wide, count: 1, run })).rejects.toMatchObject({
      code: 'ERR_PERF_OUT_OF_RANGE',
    });
    await expectNothingLeft(objects);
  });

  it('finds what a test leaves in the kernel', async () => {
    const objects = kernelObjects();
    const reader = PerfMapReader.open(array);
    await expect(expectNothingLeft(objects)).rejects.toThrow(
      /^left in the kernel by this process: \d+ mapped perf_event, \d+ perf_event$/,
    );
    await reader.close();
    await expectNothingLeft(objects);
  });
});
