import { MMAP_PAGE_DATA_TAIL } from '../abi/perf-event';
import type { MappedRingHandle, NativeAddon } from '../addon/contract';
import { PerfRingError } from '../errors';
import { cursorResult, type RingCursors } from '../ring/ring-cursors';

/** Cursors of a ring the kernel writes: the reader's side alone. */
export class MappedCursors implements RingCursors {
  readonly #addon: NativeAddon;
  readonly #ring: MappedRingHandle;
  /** The low word of data_tail, in the mapping; undefined where no view may lie over it. */
  readonly #tail: Int32Array | undefined;
  readonly #mask: number;

  constructor(
    addon: NativeAddon,
    ring: MappedRingHandle,
    memory: ArrayBuffer | undefined,
    capacityBytes: number,
  ) {
    this.#addon = addon;
    this.#ring = ring;
    this.#tail = memory && new Int32Array(memory, MMAP_PAGE_DATA_TAIL, 1);
    this.#mask = capacityBytes - 1;
  }

  available(): number {
    return cursorResult(this.#addon.ringAvailable(this.#ring));
  }

  readOffset(): number {
    // Nobody but this thread moves data_tail: a plain read of it needs no native call.
    const tail = this.#tail?.[0];
    return tail === undefined ? cursorResult(this.#addon.ringReadOffset(this.#ring)) : tail & this.#mask;
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
