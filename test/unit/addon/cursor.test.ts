import { MMAP_PAGE_DATA_HEAD, MMAP_PAGE_DATA_TAIL } from '../../../lib/abi/perf-event';
import { BAD_ARGUMENT, type RingMetadata } from '../../../lib/addon/contract';
import { addon } from '../../../lib/addon/load';

const CAPACITY = 4096;
/** The length that the cursors need, up to the end of data_tail. */
const CURSORS_END = MMAP_PAGE_DATA_TAIL + 8;

function setCursors(view: RingMetadata, head: bigint, tail: bigint): void {
  const words = new DataView(view.buffer, view.byteOffset);
  words.setBigUint64(MMAP_PAGE_DATA_HEAD, head, true);
  words.setBigUint64(MMAP_PAGE_DATA_TAIL, tail, true);
}

function cursorsOf(view: RingMetadata): { head: bigint; tail: bigint } {
  const words = new DataView(view.buffer, view.byteOffset);
  return {
    head: words.getBigUint64(MMAP_PAGE_DATA_HEAD, true),
    tail: words.getBigUint64(MMAP_PAGE_DATA_TAIL, true),
  };
}

/** Calls every cursor function with this view and otherwise valid arguments. */
function callAll(view: unknown): number[] {
  const metadata = view as RingMetadata;
  const native = addon();
  return [
    native.cursorAvailable(metadata),
    native.cursorConsume(metadata, 0),
    native.cursorSkipToHead(metadata),
    native.cursorFree(metadata, CAPACITY),
    native.cursorPublish(metadata, 0),
  ];
}
const ALL_BAD = new Array<number>(5).fill(BAD_ARGUMENT);

const MEMORIES: [string, () => RingMetadata][] = [
  ['a Uint8Array of an ArrayBuffer', () => new Uint8Array(CAPACITY)],
  ['a DataView of an ArrayBuffer', () => new DataView(new ArrayBuffer(CAPACITY))],
  ['a Uint8Array of a SharedArrayBuffer', () => new Uint8Array(new SharedArrayBuffer(CAPACITY))],
  ['a DataView of a SharedArrayBuffer', () => new DataView(new SharedArrayBuffer(CAPACITY))],
  ['a view that begins within its buffer', () => new Uint8Array(new ArrayBuffer(2 * CAPACITY), 64)],
  ['a view that ends with data_tail', () => new Uint8Array(CURSORS_END)],
];

describe.each(MEMORIES)('cursors in %s', (_name, makeView) => {
  it('return the published and the free bytes', () => {
    const view = makeView();
    setCursors(view, 5000n, 1000n);
    expect(addon().cursorAvailable(view)).toBe(4000);
    expect(addon().cursorFree(view, CAPACITY)).toBe(96);
  });

  it('publish and consume', () => {
    const view = makeView();
    setCursors(view, 16n, 16n);
    expect(addon().cursorPublish(view, 48)).toBe(0);
    expect(addon().cursorAvailable(view)).toBe(48);
    expect(addon().cursorConsume(view, 24)).toBe(0);
    expect(cursorsOf(view)).toEqual({ head: 64n, tail: 40n });
    expect(addon().cursorSkipToHead(view)).toBe(24);
    expect(cursorsOf(view)).toEqual({ head: 64n, tail: 64n });
  });
});

describe('cursors', () => {
  it('tell a full ring from an empty one', () => {
    const view = new Uint8Array(CAPACITY);
    setCursors(view, 4096n, 0n);
    expect(addon().cursorAvailable(view)).toBe(CAPACITY);
    expect(addon().cursorFree(view, CAPACITY)).toBe(0);
  });

  it('stay correct past 2^53 and past 2^64', () => {
    const view = new Uint8Array(CAPACITY);
    setCursors(view, 2n ** 53n + 9n, 2n ** 53n + 1n);
    expect(addon().cursorAvailable(view)).toBe(8);
    setCursors(view, 8n, 2n ** 64n - 16n);
    expect(addon().cursorAvailable(view)).toBe(24);
    expect(addon().cursorConsume(view, 24)).toBe(0);
    expect(cursorsOf(view).tail).toBe(8n);
  });

  it('report a tail beyond the head as more than any capacity, and as no free bytes', () => {
    const view = new Uint8Array(CAPACITY);
    setCursors(view, 0n, 8n);
    expect(addon().cursorAvailable(view)).toBeGreaterThan(Number.MAX_SAFE_INTEGER);
    const free = addon().cursorFree(view, CAPACITY);
    expect(free).toBeLessThan(0);
    expect(free).not.toBe(BAD_ARGUMENT);
  });

  it('release no more than is published', () => {
    const view = new Uint8Array(CAPACITY);
    setCursors(view, 40n, 16n);
    expect(addon().cursorConsume(view, 25)).toBe(BAD_ARGUMENT);
    expect(cursorsOf(view)).toEqual({ head: 40n, tail: 16n });
  });

  it.each([
    ['negative', -8],
    ['a fraction', 0.5],
    ['NaN', Number.NaN],
    ['infinite', Number.POSITIVE_INFINITY],
    ['past 2^53', 2 ** 53],
    ['a bigint', 8n],
    ['a string', '8'],
    ['missing', undefined],
    ['an object with a valueOf', { valueOf: (): number => 8 }],
  ])('refuse a number of bytes that is %s', (_name, bytes) => {
    const view = new Uint8Array(CAPACITY);
    setCursors(view, 64n, 0n);
    expect(addon().cursorConsume(view, bytes as number)).toBe(BAD_ARGUMENT);
    expect(addon().cursorPublish(view, bytes as number)).toBe(BAD_ARGUMENT);
    expect(addon().cursorFree(view, bytes as number)).toBe(BAD_ARGUMENT);
    expect(cursorsOf(view)).toEqual({ head: 64n, tail: 0n });
  });

  it('refuse a capacity of 0', () => {
    const view = new Uint8Array(CAPACITY);
    expect(addon().cursorFree(view, 0)).toBe(BAD_ARGUMENT);
  });

  it.each<[string, unknown]>([
    ['too short', new Uint8Array(CURSORS_END - 1)],
    ['empty', new Uint8Array(0)],
    ['unaligned', new Uint8Array(new ArrayBuffer(CAPACITY), 4)],
    ['of another element type', new Float64Array(512)],
    ['a clamped array', new Uint8ClampedArray(CAPACITY)],
    ['an ArrayBuffer', new ArrayBuffer(CAPACITY)],
    ['a proxy of a view', new Proxy(new Uint8Array(CAPACITY), {})],
    ['a plain object', { byteLength: CAPACITY }],
    ['null', null],
    ['missing', undefined],
  ])('refuse memory that is %s', (_name, view) => {
    expect(callAll(view)).toEqual(ALL_BAD);
  });

  it('refuse views whose buffer was detached', () => {
    const buffer = new ArrayBuffer(CAPACITY);
    const views = [new Uint8Array(buffer), new DataView(buffer)];
    structuredClone(buffer, { transfer: [buffer] });
    for (const view of views) expect(callAll(view)).toEqual(ALL_BAD);
  });

  it('accept a resizable buffer with its current length', () => {
    const buffer = resizable(CAPACITY);
    const views = [new Uint8Array(buffer), new DataView(buffer), new Uint8Array(buffer, 0, CURSORS_END)];
    for (const view of views) expect(callAll(view)).toEqual([0, 0, 0, CAPACITY, 0]);
    buffer.resize(CURSORS_END - 8);
    for (const view of views) expect(callAll(view)).toEqual(ALL_BAD);
  });

  it('return BAD_ARGUMENT for a call without arguments', () => {
    const native = addon() as unknown as Record<string, () => unknown>;
    for (const name of Object.keys(native).filter((key) => key.startsWith('cursor'))) {
      expect(native[name]?.()).toBe(BAD_ARGUMENT);
    }
  });
});

/** Node 20 has resizable buffers; TypeScript's types for ES2022 don't. */
function resizable(byteLength: number): ArrayBuffer & { resize(byteLength: number): void } {
  const Resizable = ArrayBuffer as unknown as new (
    length: number,
    options: object,
  ) => ArrayBuffer & { resize(byteLength: number): void };
  return new Resizable(byteLength, { maxByteLength: 2 * byteLength });
}
