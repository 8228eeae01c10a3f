import { MMAP_PAGE_DATA_HEAD } from '../abi/perf-event';
import { BAD_ARGUMENT, type MappedRingHandle, type NativeAddon } from '../addon/contract';
import { PerfRingError } from '../errors';
import { cursorResult, headMovedBack, type RingCursors } from '../ring/ring-cursors';

const [HEAD_LOW, HEAD_HIGH, TAIL_LOW, TAIL_HIGH] = [0, 1, 2, 3] as const;
const TWO_POW_32 = 2 ** 32;

/**
 * Acquires data_head by its two words. Returns data_head - data_tail when their high words are equal, else -1 (once in
 * 4 GiB).
 *
 * The two loads cannot give a wrong distance. If the head passes a multiple of 4 GiB between them, the high words are
 * equal, but the low word of the head is smaller than that of the tail, which is less than a ring behind: -1.
 */
function publishedBytes(words: Int32Array): number {
  const headHigh = Atomics.load(words, HEAD_HIGH);
  // Acquire; pairs with the smp_wmb() before the kernel's store of data_head: docs/memory-order.md.
  const headLow = Atomics.load(words, HEAD_LOW) >>> 0;
  const tailLow = (words[TAIL_LOW] as number) >>> 0;
  return headHigh === words[TAIL_HIGH] && headLow >= tailLow ? headLow - tailLow : -1;
}

/**
 * Cursors of a ring that the kernel writes: only the reader's side. Where the low words suffice it uses Atomics over
 * the mapping, which is 85 ns faster than a call of the addon, twice per batch. Where a high word changes, once in 4
 * GiB, it calls the addon.
 */
export class MappedCursors implements RingCursors {
  readonly #addon: NativeAddon;
  readonly #ring: MappedRingHandle;
  /** data_head and data_tail in the mapping, each a low and a high word; undefined when the addon does all accesses. */
  readonly #words: Int32Array | undefined;
  readonly #mask: number;

  /** @param memory the mapping, writable; undefined when it is read-only, or when no ArrayBuffer may be made over it */
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
    if (words !== undefined && words.length > 0) {
      const bytes = publishedBytes(words);
      if (bytes >= 0) return bytes;
    }
    return cursorResult(this.#addon.ringAvailable(this.#ring));
  }

  readOffset(): number {
    // Only this thread moves data_tail, so a plain read is enough, and no native call is needed.
    const tail = this.#words?.[TAIL_LOW];
    return tail === undefined ? cursorResult(this.#addon.ringReadOffset(this.#ring)) : tail & this.#mask;
  }

  consume(bytes: number): void {
    const words = this.#words;
    if (words !== undefined && words.length > 0 && bytes <= publishedBytes(words)) {
      const next = ((words[TAIL_LOW] as number) >>> 0) + bytes;
      // Only the low word changes. The kernel loads both words at once, so it sees the old tail or the new one and no
      // other.
      // Release; pairs with the kernel's control dependency from that load to its stores of data.
      if (next < TWO_POW_32) {
        Atomics.store(words, TAIL_LOW, next);
        return;
      }
    }
    if (this.#addon.ringConsume(this.#ring, bytes) !== BAD_ARGUMENT) return;
    // Throws when the memory is gone. Otherwise `bytes` was more than data_head - data_tail.
    this.available();
    throw headMovedBack();
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
 * Cursors for runtimes that allow no ArrayBuffer over a mapping (Electron, other sandboxed builds). {@link available}
 * copies what is published to the same offsets of another buffer, in one native call.
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
