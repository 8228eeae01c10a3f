import { errnoNumber } from '../../lib/abi/errno';
import type { NativeAddon } from '../../lib/addon/contract';

/** An addon that has these functions and no others: a call of another is a TypeError. */
export function fakeNative(functions: Partial<Record<keyof NativeAddon, unknown>>): NativeAddon {
  return functions as unknown as NativeAddon;
}

/** A function that fails with that errno. */
export function answers(errno: string): () => number {
  return () => -errnoNumber(errno);
}
