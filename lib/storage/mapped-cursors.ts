import { MMAP_PAGE_DATA_HEAD } from '../abi/perf-event';
import type { MappedRingHandle, NativeAddon } from '../addon/contract';
import { PerfRingError } from '../errors';
import { cursorResult, type RingCursors } from '../ring/ring-cursors';

const [HEAD_LOW, HEAD_HIGH, TAIL_LOW, TAIL_HIGH] = [0, 1, 2, 3] as const;

/**
 * Whether data_head stands at data_tail, without a native call: most rings are empty at most wakes. Nothing is read on
 * the word of it, so it acquires nothing for anybody; Atomics, lest V8 look once for a loop that waits.
 */
function isEmpty(words: Int32Array): boolean {
  // The head may move between the two loads. Where its low word was the tail's, the ring was empty: no ring has 4 GiB.
  return (
    Atomics.load(words, HEAD_LOW) === words[TAIL_LOW] && Atomics.load(words, HEAD_HIGH) === words[TAIL_HIGH]
  );
}

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
    const words = this.#words;
    if (words !== undefined && words.length > 0 && isEmpty(words)) return 0;
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
