import type { MappedRingHandle, NativeAddon } from '../addon/contract';
import { PerfRingError } from '../errors';
import { cursorResult, type RingCursors } from '../ring/ring-cursors';

/** Cursors of a ring the kernel writes: the reader's side alone. */
export class MappedCursors implements RingCursors {
  readonly #addon: NativeAddon;
  readonly #ring: MappedRingHandle;

  constructor(addon: NativeAddon, ring: MappedRingHandle) {
    this.#addon = addon;
    this.#ring = ring;
  }

  available(): number {
    return cursorResult(this.#addon.ringAvailable(this.#ring));
  }

  readOffset(): number {
    return cursorResult(this.#addon.ringReadOffset(this.#ring));
  }

  consume(bytes: number): void {
    cursorResult(this.#addon.ringConsume(this.#ring, bytes));
  }

  skipToHead(): number {
    return cursorResult(this.#addon.ringSkipToHead(this.#ring));
  }

  free(): number {
    throw readOnly();
  }

  writeOffset(): number {
    throw readOnly();
  }

  publish(): void {
    throw readOnly();
  }
}

function readOnly(): PerfRingError {
  return new PerfRingError('ERR_PERF_READ_ONLY', 'the kernel writes this ring: it can only be read');
}
