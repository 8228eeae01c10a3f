import fc from 'fast-check';
import { MMAP_PAGE_DATA_HEAD } from '../../../lib/abi/perf-event';
import { ringGeometry } from '../../../lib/ring/geometry';
import { mappedCursorsOver, type NativeCalls } from '../../support/memory-mapping';
import { propertyRuns } from '../../support/property-runs';
import { codeOf } from '../../support/ring-errors';

const PAGE = 4096;
const CAPACITY = 2 * PAGE;
const FOUR_GIB = 2n ** 32n;

function scene() {
  const memory = new ArrayBuffer(3 * PAGE);
  const positions = new BigUint64Array(memory, MMAP_PAGE_DATA_HEAD, 2);
  const calls: NativeCalls = new Map();
  const cursors = mappedCursorsOver(ringGeometry(memory, 2, PAGE), calls);
  return { memory, positions, calls, cursors };
}

/** Positions of the tail, most near a multiple of 4 GiB. */
const tails = fc
  .tuple(fc.bigInt(0n, 2n ** 31n), fc.integer({ min: -2 * CAPACITY, max: CAPACITY }))
  .map(([laps, beside]) => BigInt.asUintN(64, laps * FOUR_GIB + BigInt(beside & ~7)));
const distances = fc.integer({ min: 0, max: CAPACITY / 8 }).map((words) => words * 8);

describe('MappedCursors', () => {
  it('agree with 64-bit arithmetic for every data_head and data_tail', () => {
    fc.assert(
      fc.property(tails, distances, distances, (tail, published, consumed) => {
        const { positions, cursors } = scene();
        positions[1] = tail;
        positions[0] = tail + BigInt(published);
        expect(cursors.available()).toBe(published);
        expect(cursors.readOffset()).toBe(Number(tail % BigInt(CAPACITY)));
        const taken = Math.min(consumed, published);
        cursors.consume(taken);
        expect(positions[1]).toBe(BigInt.asUintN(64, tail + BigInt(taken)));
        expect(cursors.available()).toBe(published - taken);
        expect(cursors.skipToHead()).toBe(published - taken);
        expect(positions[1]).toBe(positions[0]);
      }),
      propertyRuns(500),
    );
  });

  it('call the addon only when head and tail are on different sides of a multiple of 4 GiB', () => {
    const { positions, calls, cursors } = scene();
    for (const tail of [0n, FOUR_GIB - BigInt(CAPACITY) - 8n, FOUR_GIB, 7n * FOUR_GIB + 80n]) {
      positions.fill(tail);
      positions[0] = tail + 64n;
      expect(cursors.readOffset()).toBe(Number(tail % BigInt(CAPACITY)));
      cursors.consume(cursors.available());
    }
    expect(calls.size).toBe(0);
    positions[1] = FOUR_GIB - 8n;
    positions[0] = FOUR_GIB + 56n;
    cursors.consume(cursors.available());
    expect(positions[1]).toBe(positions[0]);
    expect([...calls]).toEqual([
      ['ringAvailable', 1],
      ['ringConsume', 1],
    ]);
  });

  it('release no more than is published', () => {
    const { positions, cursors } = scene();
    positions[1] = 800n;
    positions[0] = 864n;
    expect(codeOf(() => cursors.consume(72))).toBe('ERR_PERF_RING_CORRUPT');
    expect(positions[1]).toBe(800n);
  });

  it('report an impossible distance when the tail is ahead of the head', () => {
    const { positions, cursors } = scene();
    positions[1] = 8n;
    expect(cursors.available()).toBeGreaterThan(CAPACITY);
  });

  it('are closed with their memory', () => {
    const { memory, positions, cursors } = scene();
    positions[0] = 64n;
    structuredClone(memory, { transfer: [memory] });
    expect(codeOf(() => cursors.available())).toBe('ERR_PERF_CLOSED');
    expect(codeOf(() => cursors.readOffset())).toBe('ERR_PERF_CLOSED');
    expect(codeOf(() => cursors.consume(64))).toBe('ERR_PERF_CLOSED');
  });
});
