import { RandomNumbers } from './ring-traffic';

/** Pseudo-random choices. The same seed gives the same choices. */
export class FuzzRandom {
  readonly #numbers: RandomNumbers;

  constructor(seed: number) {
    // Seeds that differ by 1 must give different first choices.
    this.#numbers = new RandomNumbers(Math.imul(seed ^ 0x5bd1e995, 0x9e3779b1));
    for (let i = 0; i < 4; i++) this.#numbers.next();
  }

  /** A u32. */
  next(): number {
    return this.#numbers.next();
  }

  /** @returns an integer from 0 to limit - 1 */
  below(limit: number): number {
    return this.#numbers.below(limit);
  }

  chance(outOfHundred: number): boolean {
    return this.below(100) < outOfHundred;
  }

  pick<Value>(values: readonly Value[]): Value {
    return values[this.below(values.length)] as Value;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}
