import { RandomNumbers } from './ring-traffic';

/** Choices that look random, the same from the same seed. */
export class FuzzRandom {
  readonly #numbers: RandomNumbers;

  constructor(seed: number) {
    // Neighbouring seeds are to begin far apart.
    this.#numbers = new RandomNumbers(Math.imul(seed ^ 0x5bd1e995, 0x9e3779b1));
    for (let i = 0; i < 4; i++) this.#numbers.next();
  }

  /** A u32. */
  next(): number {
    return this.#numbers.next();
  }

  /** 0 to limit - 1. */
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
