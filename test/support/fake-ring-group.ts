import type { BoundRingGroup } from '../../lib/addon/contract';

/** What the fake of a mapped ring must have. */
export interface FakePositions {
  /** data_head and data_tail. */
  readonly positions: BigUint64Array;
  readonly data: { readonly length: number };
}

/** ringGroup() of the addon in 64-bit arithmetic, for rings in memory. */
export function fakeRingGroup(rings: readonly FakePositions[], words: Int32Array): BoundRingGroup {
  const count = rings.length;
  let ready: number[] = [];
  return {
    acquire() {
      ready = [];
      for (const [index, { positions, data }] of rings.entries()) {
        const [head = 0n, tail = 0n] = positions;
        const used = BigInt.asUintN(64, head - tail);
        if (used === 0n) continue;
        const isValid = used <= BigInt(data.length) && used % 8n === 0n && tail % 8n === 0n;
        words[1 + ready.length] = index;
        words[1 + count + index] = isValid ? Number(used) : -1;
        words[1 + 2 * count + index] = Number(tail % BigInt(data.length));
        words[1 + 3 * count + index] = 0;
        ready.push(index);
      }
      words[0] = ready.length;
    },
    release() {
      for (const index of ready) {
        const { positions } = rings[index] as FakePositions;
        const bytes = BigInt(words[1 + 3 * count + index] as number);
        const [head = 0n, tail = 0n] = positions;
        if (bytes < 0n || bytes > BigInt.asUintN(64, head - tail)) continue;
        positions[1] = tail + bytes;
        words[1 + 3 * count + index] = 0;
      }
    },
  };
}
