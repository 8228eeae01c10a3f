import {
  PERF_SAMPLE_CALLCHAIN,
  PERF_SAMPLE_RAW,
  PERF_SAMPLE_TID,
  PERF_SAMPLE_TIME,
} from '../../../lib/abi/perf-event';
import { type PerfMapReaderOptions, resolveOptions } from '../../../lib/perf-array/options';
import { codeOf, messageOf } from '../../support/ring-errors';

const PAGE = 4096;
const OPTION = 'ERR_PERF_INVALID_OPTION';
const ARGUMENT = 'ERR_PERF_INVALID_ARGUMENT';
const nothing = (): void => undefined;

const resolve = (options: unknown): ReturnType<typeof resolveOptions> =>
  resolveOptions(options as PerfMapReaderOptions, PAGE);

describe('the options of a reader', () => {
  it('have defaults', () => {
    expect(resolve({ onlineCpus: () => [0, 1] })).toMatchObject({
      cpus: undefined,
      dataPageCount: 128,
      pageSize: PAGE,
      order: 'cpu',
      slackNanoseconds: 2e6,
      timeInPayload: undefined,
      wakeup: 'moderated',
      latencyMicroseconds: 1000,
      limits: { records: 262_144, bytes: Number.MAX_SAFE_INTEGER, microseconds: 1000 },
      attributes: {},
      onLoss: undefined,
    });
  });

  /** Invalid options, the code of the error, and a pattern for its message. */
  const BAD: readonly (readonly [options: unknown, code: string, named: RegExp])[] = [
    [null, OPTION, /options must be an object/],
    [5, OPTION, /options must be an object/],
    [{ ordered: 'time' }, OPTION, /no option ordered; there are cpus, /],
    [{ order: 'size' }, OPTION, /order must be 'cpu' or 'time', got "?size/],
    [{ slackNanoseconds: 5 }, OPTION, /slackNanoseconds needs order: 'time'/],
    [{ timeInPayload: 0 }, OPTION, /timeInPayload needs order: 'time'/],
    [{ order: 'time', slackNanoseconds: -1 }, OPTION, /slackNanoseconds .* got -1/],
    [{ order: 'time', slackNanoseconds: 0.5 }, OPTION, /slackNanoseconds/],
    [{ order: 'time', slackNanoseconds: '1' }, OPTION, /slackNanoseconds/],
    [{ order: 'time', timeInPayload: 3 }, OPTION, /multiple of 4/],
    [{ order: 'time', timeInPayload: -4 }, OPTION, /timeInPayload/],
    [{ order: 'time', timeInPayload: 1e9 }, OPTION, /timeInPayload/],
    [
      { order: 'time', timeInPayload: 8, attributes: { sample_type: PERF_SAMPLE_CALLCHAIN } },
      OPTION,
      /CALLCHAIN/,
    ],
    [{ onlineCpus: [0] }, OPTION, /onlineCpus must be a function/],
    [{ onLoss: {} }, OPTION, /onLoss must be a function/],
    [{ cpus: [] }, OPTION, /cpus must be .* at least one/],
    [{ cpus: 0 }, OPTION, /cpus must be an? (list|array)/],
    [{ cpus: [0, -1] }, OPTION, /cpus must be CPU numbers, got -1/],
    [{ cpus: ['0'] }, OPTION, /cpus must be CPU numbers/],
    [{ cpus: [0, 1.5] }, OPTION, /got 1.5/],
    [{ cpus: [0, 0] }, OPTION, /cpus names CPU 0 twice: name each once/],
    [{ cpus: [0, -0] }, OPTION, /CPU 0 twice/],
    [{ cpus: [60_000] }, 'ERR_PERF_NO_SUCH_CPU', /there is no CPU 60000; there are 0/],
    [{ wakeup: 'often' }, OPTION, /wakeup must be 'moderated', 'manual'/],
    [{ wakeup: {} }, OPTION, /wakeup must be/],
    [{ wakeup: { everyEvents: 1, everyBytes: 1 } }, OPTION, /wakeup must be/],
    [{ wakeup: { everyEvents: 0 } }, OPTION, /wakeup.everyEvents must be a whole number from 1/],
    [{ wakeup: { everyEvents: 2 ** 31 } }, OPTION, /wakeup.everyEvents/],
    [{ wakeup: { everyBytes: 0 } }, OPTION, /wakeup.everyBytes/],
    [{ wakeup: { everyBytes: 8192 }, bufferBytes: 8192 }, OPTION, /must be below the ring's 8192 bytes/],
    [{ latencyMicroseconds: 49 }, OPTION, /latencyMicroseconds must be a whole number from 50/],
    [{ latencyMicroseconds: 1e6 + 1 }, OPTION, /latencyMicroseconds/],
    [{ latencyMicroseconds: 100, wakeup: 'manual' }, OPTION, /latencyMicroseconds needs wakeup: 'moderated'/],
    [{ bufferBytes: 0 }, OPTION, /bufferBytes must be a whole number from 1/],
    [{ bufferBytes: 1000 }, OPTION, /multiple of the page size \(4096\), got 1000/],
    [{ bufferBytes: 3 * PAGE }, 'ERR_PERF_NOT_POWER_OF_TWO', /the nearest are 8192 and 16384/],
    [{ bufferBytes: 2 ** 31 }, OPTION, /bufferBytes/],
    [{ bufferBytes: PAGE, memoryBytes: PAGE }, OPTION, /bufferBytes .* or memoryBytes .* not both/],
    [{ memoryBytes: 3 * PAGE, cpus: [0, 1] }, OPTION, /does not hold 2 rings: .* 16384 bytes in all/],
    [{ memoryBytes: Number.NaN }, OPTION, /memoryBytes/],
    [{ turn: 5 }, OPTION, /turn must be an object/],
    [{ turn: { record: 5 } }, OPTION, /no turn.record; there are records, bytes, microseconds/],
    [
      { turn: { records: 0 } },
      OPTION,
      /turn.records must be a whole number of 1 or more, or Infinity, got 0/,
    ],
    [{ turn: { bytes: Number.NaN } }, OPTION, /turn.bytes/],
    [{ turn: { microseconds: '5' } }, OPTION, /turn.microseconds/],
    [{ attributes: 5 }, OPTION, /attributes must be an object/],
    [{ attributes: { type: 1 } }, OPTION, /attributes.type is not accepted: the reader sets it/],
    [{ attributes: { config: 9 } }, OPTION, /attributes.config/],
    [{ attributes: { write_backward: true } }, OPTION, /attributes.write_backward/],
    [{ attributes: { wakeup_events: 1 } }, OPTION, /attributes.wakeup_events/],
    [{ attributes: { watermark: true } }, OPTION, /attributes.watermark/],
    [{ attributes: { sample_kind: 1 } }, ARGUMENT, /no field sample_kind/],
    [{ attributes: { exclude_kernel: 1 } }, ARGUMENT, /exclude_kernel must be true or false/],
    [{ attributes: { sample_max_stack: 70_000 } }, ARGUMENT, /sample_max_stack must be 0 to 65535/],
    [{ attributes: { sample_type: 2 ** 25 } }, OPTION, /sample_type has bits/],
    [{ order: 'time', attributes: { use_clockid: false } }, OPTION, /CLOCK_MONOTONIC/],
    [{ order: 'time', attributes: { clockid: 7 } }, OPTION, /CLOCK_MONOTONIC/],
  ];

  it.each(BAD)('refuse %j', (options, code, named) => {
    expect(codeOf(() => resolve(options))).toBe(code);
    expect(messageOf(() => resolve(options))).toMatch(named);
  });

  it('take CPUs in order, whatever their numbers', () => {
    const onlineCpus = (): number[] => [9, 4];
    expect(resolve({ cpus: [9, 4], onlineCpus }).cpus).toEqual([4, 9]);
    expect(resolve({ cpus: [-0], onlineCpus }).cpus).toEqual([0]);
  });

  it('refuse a CPU that is named twice, and say which', () => {
    const onlineCpus = (): number[] => [9, 4];
    for (const cpus of [
      [9, 4, 9],
      [9, 9],
    ]) {
      expect(codeOf(() => resolve({ cpus, onlineCpus }))).toBe(OPTION);
      expect(messageOf(() => resolve({ cpus, onlineCpus }))).toMatch(/cpus names CPU 9 twice/);
    }
  });

  it('spread one budget over the rings, metadata pages included', () => {
    const pages = (memoryBytes: number, cpus: readonly number[]): number =>
      resolve({ memoryBytes, cpus, onlineCpus: () => cpus }).dataPageCount;
    expect(pages(2 * PAGE, [0])).toBe(1);
    expect(pages(4 * PAGE, [0])).toBe(2);
    expect(pages(5 * PAGE, [0])).toBe(4);
    expect(pages(5 * PAGE * 7, [0, 1, 2, 3, 4, 5, 6])).toBe(4);
    expect(pages(5 * PAGE * 7 - 1, [0, 1, 2, 3, 4, 5, 6])).toBe(2);
    expect(pages(Number.MAX_SAFE_INTEGER, [0])).toBe(2 ** 30 / PAGE);
    // Without a list of CPUs, memoryBytes is divided among the online CPUs.
    expect(resolve({ memoryBytes: 9 * PAGE * 3, onlineCpus: () => [1, 5, 7] }).dataPageCount).toBe(8);
  });

  it('need at least one page on machines with large pages', () => {
    expect(resolveOptions({ cpus: [0] }, 1024 * 1024).dataPageCount).toBe(1);
  });

  it('request the time of samples only when they are ordered by it', () => {
    const typeOf = (options: PerfMapReaderOptions): unknown => resolve(options).attributes.sample_type;
    expect(typeOf({})).toBeUndefined();
    expect(typeOf({ order: 'time' })).toBe(PERF_SAMPLE_TIME);
    expect(typeOf({ order: 'time', timeInPayload: 8 })).toBeUndefined();
    expect(typeOf({ order: 'time', attributes: { sample_type: PERF_SAMPLE_TID | PERF_SAMPLE_RAW } })).toBe(
      PERF_SAMPLE_TID | PERF_SAMPLE_RAW | PERF_SAMPLE_TIME,
    );
  });

  it('accept the values at their limits', () => {
    for (const options of [
      { wakeup: { everyEvents: 2 ** 31 - 1 } },
      { wakeup: { everyBytes: 8191 }, bufferBytes: 8192 },
      { latencyMicroseconds: 50 },
      { latencyMicroseconds: 1_000_000 },
      { order: 'time', slackNanoseconds: 0 },
      { order: 'time', timeInPayload: 0 },
      { order: 'time', attributes: { use_clockid: true, clockid: 1 } },
      { bufferBytes: PAGE },
      { turn: { records: 1, bytes: 1, microseconds: 1 } },
      { turn: { records: Number.POSITIVE_INFINITY } },
      { onLoss: nothing },
    ] as const) {
      expect(codeOf(() => resolve({ ...options, onlineCpus: () => [0] }))).toBe('nothing');
    }
  });
});
