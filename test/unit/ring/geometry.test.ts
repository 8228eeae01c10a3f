import { runInNewContext } from 'node:vm';
import { type RingMemory, ringGeometry } from '../../../lib/ring/geometry';
import { PerfRing } from '../../../lib/ring/perf-ring';
import { codeOf, messageOf } from '../../support/ring-errors';

const PAGE = 4096;
const memoryOf = (pages: number): ArrayBuffer => new ArrayBuffer((1 + pages) * PAGE);
/** The code of the error of a call with arguments that the types forbid. */
const codeFor = (memory: unknown, nPages: unknown, pageSize: unknown): string =>
  codeOf(() => PerfRing.initContiguous(memory as RingMemory, nPages as number, pageSize as number));

describe('ringGeometry', () => {
  it('places the data area one page after the metadata page', () => {
    const memory = memoryOf(4);
    expect(ringGeometry(memory, 4, PAGE)).toEqual({
      buffer: memory,
      metadataOffset: 0,
      dataOffset: PAGE,
      pageSize: PAGE,
      dataPageCount: 4,
      capacityBytes: 4 * PAGE,
    });
  });

  it('counts offsets from the buffer when the memory is a view', () => {
    const memory = new ArrayBuffer(64 + 2 * PAGE);
    for (const view of [
      new Uint8Array(memory, 64),
      new DataView(memory, 64),
      new BigUint64Array(memory, 64),
    ]) {
      expect(ringGeometry(view, 1, PAGE)).toMatchObject({
        buffer: memory,
        metadataOffset: 64,
        dataOffset: 64 + PAGE,
      });
    }
  });

  it('takes a SharedArrayBuffer, and a view of one', () => {
    const memory = new SharedArrayBuffer(2 * PAGE);
    expect(ringGeometry(memory, 1, PAGE).buffer).toBe(memory);
    expect(ringGeometry(new Uint8Array(memory), 1, PAGE).buffer).toBe(memory);
  });

  it('takes memory of another realm', () => {
    expect(ringGeometry(runInNewContext(`new ArrayBuffer(${2 * PAGE})`), 1, PAGE).capacityBytes).toBe(PAGE);
  });

  it('takes memory that is longer than needed, and leaves the rest alone', () => {
    expect(ringGeometry(memoryOf(9), 8, PAGE).capacityBytes).toBe(8 * PAGE);
  });

  it('takes the smallest page that holds the metadata, and any power of two above', () => {
    for (const pageSize of [2048, 4096, 16384, 65536]) {
      expect(ringGeometry(new ArrayBuffer(2 * pageSize), 1, pageSize).capacityBytes).toBe(pageSize);
    }
  });
});

describe('PerfRing.initContiguous refuses', () => {
  it.each([
    ['no data pages', 0],
    ['minus zero data pages', -0],
  ])('%s', (_, nPages) => {
    expect(codeFor(memoryOf(4), nPages, PAGE)).toBe('ERR_PERF_NO_DATA_PAGES');
  });

  it.each([3, 5, 6, 7, 9, 1023])('%d data pages, no power of two', (nPages) => {
    expect(codeFor(memoryOf(1), nPages, PAGE)).toBe('ERR_PERF_NOT_POWER_OF_TWO');
  });

  it.each([2049, 3000, 4095, 4104, 6144, 12288])('pages of %d bytes, no power of two', (pageSize) => {
    expect(codeFor(memoryOf(8), 1, pageSize)).toBe('ERR_PERF_NOT_POWER_OF_TWO');
  });

  it.each([
    ['negative', -1],
    ['a fraction', 1.5],
    ['NaN', Number.NaN],
    ['infinite', Number.POSITIVE_INFINITY],
    ['a string', '4'],
    ['a bigint', 4n],
    ['undefined', undefined],
    ['null', null],
    ['a symbol', Symbol('4')],
    ['an object without a prototype', Object.create(null)],
    [
      'an object whose toString throws',
      {
        toString() {
          throw new Error('mine');
        },
      },
    ],
  ])('a count or a size of pages that is %s', (_, value) => {
    expect(codeFor(memoryOf(4), value, PAGE)).toBe('ERR_PERF_INVALID_ARGUMENT');
    expect(codeFor(memoryOf(4), 1, value)).toBe('ERR_PERF_INVALID_ARGUMENT');
  });

  it.each([1, 8, 512, 1024])('pages of %d bytes, in which the metadata do not fit', (pageSize) => {
    expect(codeFor(memoryOf(4), 4, pageSize)).toBe('ERR_PERF_INVALID_ARGUMENT');
  });

  it('pages of 0 bytes', () => {
    expect(codeFor(memoryOf(4), 1, 0)).toBe('ERR_PERF_INVALID_ARGUMENT');
  });

  it.each([
    [2 ** 19, PAGE],
    [2 ** 40, PAGE],
    [1, 2 ** 31],
    [2 ** 52, 2 ** 52],
  ])('a data area past 2^30 bytes: %d pages of %d', (nPages, pageSize) => {
    expect(codeFor(memoryOf(1), nPages, pageSize)).toBe('ERR_PERF_INVALID_ARGUMENT');
  });

  it.each([
    ['nothing', 0],
    ['the metadata page alone', PAGE],
    ['one byte less than all pages', 3 * PAGE - 1],
  ])('memory with room for %s', (_, bytes) => {
    expect(codeFor(new ArrayBuffer(bytes), 2, PAGE)).toBe('ERR_PERF_MEMORY_TOO_SHORT');
    expect(codeFor(new SharedArrayBuffer(bytes), 2, PAGE)).toBe('ERR_PERF_MEMORY_TOO_SHORT');
    expect(codeFor(new Uint8Array(new ArrayBuffer(64 * PAGE), 0, bytes), 2, PAGE)).toBe(
      'ERR_PERF_MEMORY_TOO_SHORT',
    );
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 12])('a view that begins at %d of its buffer', (start) => {
    expect(codeFor(new Uint8Array(memoryOf(2), start), 1, PAGE)).toBe('ERR_PERF_MEMORY_UNALIGNED');
    expect(codeFor(new DataView(memoryOf(2), start), 1, PAGE)).toBe('ERR_PERF_MEMORY_UNALIGNED');
  });

  it('memory that may shrink or grow', () => {
    const Resizable = ArrayBuffer as unknown as new (
      length: number,
      options: { maxByteLength: number },
    ) => ArrayBuffer;
    const Growable = SharedArrayBuffer as unknown as typeof Resizable;
    const options = { maxByteLength: 4 * PAGE };
    expect(codeFor(new Resizable(2 * PAGE, options), 1, PAGE)).toBe('ERR_PERF_MEMORY_RESIZABLE');
    expect(codeFor(new Uint8Array(new Resizable(2 * PAGE, options)), 1, PAGE)).toBe(
      'ERR_PERF_MEMORY_RESIZABLE',
    );
    expect(codeFor(new Growable(2 * PAGE, options), 1, PAGE)).toBe('ERR_PERF_MEMORY_RESIZABLE');
  });

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a number', 8192],
    ['an array', new Array(8192).fill(0)],
    ['an object that looks like a buffer', { byteLength: 8192, byteOffset: 0, buffer: {} }],
    ['a proxy of a buffer', new Proxy(new ArrayBuffer(8192), {})],
    ['a proxy of a view', new Proxy(new Uint8Array(8192), {})],
  ])('memory that is %s', (_, memory) => {
    expect(codeFor(memory, 1, PAGE)).toBe('ERR_PERF_INVALID_ARGUMENT');
  });

  it('memory that was detached', () => {
    const memory = memoryOf(1);
    const views = [new Uint8Array(memory), new DataView(memory)];
    structuredClone(memory, { transfer: [memory] });
    for (const detached of [memory, ...views]) {
      expect(codeFor(detached, 1, PAGE)).toBe('ERR_PERF_MEMORY_TOO_SHORT');
    }
  });

  it('memory that lies about its length', () => {
    class Liar extends Uint8Array {
      override get byteLength(): number {
        return 1e9;
      }
      override get byteOffset(): number {
        return 0;
      }
    }
    const buffer = new ArrayBuffer(PAGE);
    Object.defineProperty(buffer, 'byteLength', { value: 1e9 });
    expect(codeFor(new Liar(PAGE), 1, PAGE)).toBe('ERR_PERF_MEMORY_TOO_SHORT');
    expect(codeFor(buffer, 1, PAGE)).toBe('ERR_PERF_MEMORY_TOO_SHORT');
  });

  it.each([null, 1, 'options'])('options that are %p', (options) => {
    expect(codeOf(() => PerfRing.initContiguous(memoryOf(1), 1, PAGE, options as unknown as object))).toBe(
      'ERR_PERF_INVALID_ARGUMENT',
    );
  });

  it('with a message that has the values', () => {
    expect(messageOf(() => PerfRing.initContiguous(memoryOf(1), 6, PAGE))).toBe(
      'nPages must be a power of two, got 6',
    );
    expect(messageOf(() => PerfRing.initContiguous(memoryOf(1), 2, PAGE))).toBe(
      '1 + 2 pages of 4096 bytes need 12288 bytes, the memory has 8192',
    );
    expect(messageOf(() => PerfRing.initContiguous(new Uint8Array(memoryOf(2), 4), 1, PAGE))).toBe(
      'the memory must begin on an 8-byte boundary of its buffer, begins at 4',
    );
  });

  it('without reading or writing a byte', () => {
    const memory = memoryOf(2);
    const bytes = new Uint8Array(memory).fill(0xa5);
    codeFor(memory, 0, PAGE);
    codeFor(memory, 3, PAGE);
    codeFor(memory, 4, PAGE);
    codeFor(bytes.subarray(1), 1, PAGE);
    expect(bytes.every((byte) => byte === 0xa5)).toBe(true);
  });
});

describe('PerfRing.initContiguous', () => {
  it('uses the memory as it is, and writes nothing by itself', () => {
    const memory = memoryOf(1);
    const bytes = new Uint8Array(memory).fill(0xa5);
    PerfRing.initContiguous(memory, 1, PAGE).close();
    expect(bytes.every((byte) => byte === 0xa5)).toBe(true);
  });

  it('says what it was given', () => {
    const ring = PerfRing.initContiguous(memoryOf(4), 4, PAGE, { cpu: 3 });
    expect(ring).toMatchObject({
      dataPageCount: 4,
      pageSize: PAGE,
      capacityBytes: 4 * PAGE,
      cpu: 3,
      closed: false,
    });
  });

  it('labels records -1 when no CPU is given', () => {
    expect(PerfRing.initContiguous(memoryOf(1), 1, PAGE).cpu).toBe(-1);
  });
});
