import type { MappedRingHandle } from '../../lib/addon/contract';
import { addon } from '../../lib/addon/load';

/** Words for the positions of `count` rings, as ringGroup() takes them, all 0. */
export function positionsOf(count: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer((4 * count + 1) * Int32Array.BYTES_PER_ELEMENT));
}

/** The positions of one mapped ring, by calls of the addon alone. */
export class RingPositions {
  readonly #positions = positionsOf(1);
  readonly #group;

  constructor(ring: MappedRingHandle) {
    const group = addon().ringGroup([ring], this.#positions);
    if (typeof group === 'number') throw new Error(`ringGroup returned ${group}`);
    this.#group = group;
  }

  available(): number {
    this.#group.acquire();
    return this.#positions[0] === 0 ? 0 : (this.#positions[2] as number);
  }

  /** Call it when {@link available} is not 0. */
  readOffset(): number {
    this.#group.acquire();
    return this.#positions[3] as number;
  }

  /** @returns whether the bytes were released */
  consume(bytes: number): boolean {
    this.#group.acquire();
    this.#positions[4] = bytes;
    this.#group.release();
    return this.#positions[4] === 0;
  }
}
