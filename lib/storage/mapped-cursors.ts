import { MMAP_PAGE_DATA_HEAD } from '../abi/perf-event';
import type { MappedRingHandle, NativeAddon } from '../addon/contract';
import { PerfRingError } from '../errors';
import { cursorResult, type RingCursors } from '../ring/ring-cursors';

const TAIL_LOW = 2;

/** Cursors of a ring the kernel writes: the reader's side alone. */
export class MappedCursors implements RingCursors {
  readonly #addon: NativeAddon;
  readonly #ring: MappedRingHandle;
  /** data_head and data_tail in the mapping, each a low and a high word; undefined where no view may lie over it. */
  readonly #words: Int32Array | undefined;
  readonly #mask: number;

  constructor(
    addon: NativeAddon,
    ring: MappedRingHandle,
    memory: ArrayBuffer | undefined,
    capacityBytes: number,
  ) {
    this.#addon = addon;
    this.#ring = ring;
    this.#words = memory && new Int32Array(memory, MMAP_PAGE_DATA_HEAD, 4);
    this.#mask = capacityBytes - 1;
  }

  available(): number {
    // Nothing will be read of an empty ring, so that a plain look at data_head, without acquiring, can say it is one:
    // most rings are empty at most wakes.
    const words = this.#words;
    if (words?.[0] !== undefined && words[0] === words[TAIL_LOW] && words[1] === words[TAIL_LOW + 1])
      return 0;
    return cursorResult(this.#addon.ringAvailable(this.#ring));
  }

  readOffset(): number {
    // Nobody but this thread moves data_tail: a plain read of it needs no native call.
    const tail = this.#words?.[TAIL_LOW];
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
