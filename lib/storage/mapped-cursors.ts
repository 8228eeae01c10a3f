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

/**
 * Cursors where no ArrayBuffer may lie over a mapping (Electron, other sandboxed builds): asking what is available
 * copies it to the same offsets of a buffer of ours, natively and in bulk.
 */
export class CopyingCursors implements RingCursors {
  readonly #addon: NativeAddon;
  readonly #ring: MappedRingHandle;
  readonly #copy: Uint8Array;
  readonly #mapped: MappedCursors;

  constructor(addon: NativeAddon, ring: MappedRingHandle, copy: ArrayBuffer, mapped: MappedCursors) {
    this.#addon = addon;
    this.#ring = ring;
    this.#copy = new Uint8Array(copy);
    this.#mapped = mapped;
  }

  available(): number {
    return cursorResult(this.#addon.ringCopyPublished(this.#ring, this.#copy));
  }

  readOffset(): number {
    return this.#mapped.readOffset();
  }

  consume(bytes: number): void {
    this.#mapped.consume(bytes);
  }

  skipToHead(): number {
    return this.#mapped.skipToHead();
  }

  free(): number {
    return this.#mapped.free();
  }

  writeOffset(): number {
    return this.#mapped.writeOffset();
  }

  publish(): void {
    this.#mapped.publish();
  }
}
