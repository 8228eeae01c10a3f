import { BPF_RINGBUF_BUSY_BIT, BPF_RINGBUF_DISCARD_BIT, BPF_RINGBUF_HDR_SZ } from '../abi/bpf';
import { isErrno } from '../abi/errno';
import type { BpfRingHandle, NativeAddon } from '../addon/contract';
import { cursorResult } from '../ring/ring-cursors';
import type { BpfRingParts } from './bpf-ring';
import { BUSY, type BpfRingCursors, CORRUPT, MOVED } from './bpf-ring-cursors';

/** Words of the producer's page: producer_pos and pending_pos, each a low and a high word. */
const [PRODUCER_LOW, PENDING_LOW, PENDING_HIGH] = [0, 2, 3] as const;

/** Up to so many bytes of records are acquired header by header; for more, the addon is called. */
const FEW_BYTES = 512;

/** A length word without its two bits. */
const MAX_LENGTH = ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

/**
 * Cursors of a mapped ring buffer map.
 *
 * Each program that reserves a record first moves pending_pos over the records that are committed, and then stores
 * producer_pos (__bpf_ringbuf_reserve(), from Linux 6.10 and in the stable kernels of that time). So one acquire of
 * producer_pos acquires all records below pending_pos, and no header need be walked for it. Before that kernel the word
 * is 0.
 *
 * pending_pos lies in the page that user space maps, but no document promises its place. So it is only believed where
 * it lies between consumer_pos and producer_pos, and every header is still checked by the scan: see
 * {@link walkHeaders}.
 *
 * @see https://github.com/torvalds/linux/blob/v6.12/kernel/bpf/ringbuf.c#L416-L475
 */
export class MappedBpfCursors implements BpfRingCursors {
  readonly #addon: NativeAddon;
  readonly #ring: BpfRingHandle;
  /** The producer's page and the data; undefined for runtimes that allow no ArrayBuffer over it. */
  readonly #words: Int32Array | undefined;
  /** Where the data begins in `words`. */
  readonly #dataWord: number;
  readonly #mask: number;
  /** For those runtimes: committed records are copied into this. */
  readonly #copy: Uint8Array | undefined;
  #walksHeaders = false;

  /** @param isCopy the memory is not the mapping; committed records are copied into it */
  constructor(
    addon: NativeAddon,
    ring: BpfRingHandle,
    parts: Omit<BpfRingParts, 'cursors'>,
    isCopy: boolean,
  ) {
    const { memory, pageSize, capacityBytes } = parts;
    this.#addon = addon;
    this.#ring = ring;
    this.#words = isCopy ? undefined : new Int32Array(memory);
    this.#dataWord = pageSize >> 2;
    this.#mask = capacityBytes - 1;
    this.#copy = isCopy ? new Uint8Array(memory) : undefined;
  }

  available(consumer: number): number {
    const words = this.#words;
    // Acquire; pairs with the smp_store_release() of producer_pos in __bpf_ringbuf_reserve().
    if (words !== undefined && words.length > 0) return (Atomics.load(words, PRODUCER_LOW) - consumer) | 0;
    return cursorResult(this.#addon.bpfRingAvailable(this.#ring));
  }

  consumer(): number {
    return cursorResult(this.#addon.bpfRingConsumer(this.#ring));
  }

  committed(consumer: number, from: number, published: number, limit: number): number {
    const pending = this.#pending(consumer);
    const acquired = pending > from && pending <= published ? pending : from;
    const words = this.#words;
    if (words !== undefined && words.length > 0 && published - acquired <= FEW_BYTES) {
      const end = this.#walk(words, consumer, acquired, published);
      return end < 0 && acquired > from ? acquired - from : end < 0 ? end : end - from;
    }
    if (acquired > from) return acquired - from;
    const bytes = cursorResult(this.#addon.bpfRingCommitted(this.#ring, consumer, from, limit));
    if (bytes < 0) return isErrno(bytes, 'EAGAIN') ? BUSY : isErrno(bytes, 'ESTALE') ? MOVED : CORRUPT;
    if (this.#copy !== undefined) this.#addon.bpfRingCopy(this.#ring, from, bytes, this.#copy);
    return bytes;
  }

  /**
   * Acquires headers one by one: for few, that is faster than a call of the addon.
   * @returns where they end; BUSY or CORRUPT when the first is
   */
  #walk(words: Int32Array, consumer: number, from: number, published: number): number {
    let end = from;
    while (end < published) {
      // Acquire; pairs with the xchg() of the header in bpf_ringbuf_commit().
      const header = Atomics.load(words, this.#dataWord + (((consumer + end) & this.#mask) >> 2));
      if (header < 0) return end === from ? BUSY : end;
      const step = ((header & MAX_LENGTH) + BPF_RINGBUF_HDR_SZ + 7) & ~7;
      if (step > published - end) return end === from ? CORRUPT : end;
      end += step;
    }
    return end;
  }

  walkHeaders(): boolean {
    const before = this.#walksHeaders;
    this.#walksHeaders = true;
    return !before;
  }

  consume(consumer: number, bytes: number): boolean {
    return cursorResult(this.#addon.bpfRingConsume(this.#ring, consumer, bytes)) === 0;
  }

  skipToProducer(): number {
    return cursorResult(this.#addon.bpfRingSkipToProducer(this.#ring));
  }

  /** pending_pos - consumer_pos, of their low 32 bits; 0 where it can't be used. */
  #pending(consumer: number): number {
    const words = this.#words;
    if (words === undefined || words.length === 0 || this.#walksHeaders) return 0;
    // After the acquire of producer_pos in available(), before which the kernel stored pending_pos.
    const low = Atomics.load(words, PENDING_LOW);
    return low === 0 && words[PENDING_HIGH] === 0 ? 0 : (low - consumer) | 0;
  }
}
