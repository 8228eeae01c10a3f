import { errnoNumber } from '../../lib/abi/errno';
import type { NativeAddon } from '../../lib/addon/contract';

/** An addon that has only these functions: a call of another one throws a TypeError. */
export function fakeNative(functions: Partial<Record<keyof NativeAddon, unknown>>): NativeAddon {
  return functions as unknown as NativeAddon;
}

/** A native function that fails with this errno. */
export function answers(errno: string): () => number {
  return () => -errnoNumber(errno);
}
