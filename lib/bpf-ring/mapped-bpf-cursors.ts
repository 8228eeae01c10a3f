import { isErrno } from '../abi/errno';
import { type BpfRingHandle, type NativeAddon } from '../addon/contract';
import { cursorResult } from '../ring/ring-cursors';
import { BUSY, type BpfRingCursors, CORRUPT, MOVED } from './bpf-ring-cursors';

/** Cursors of a mapped ring buffer map. */
export class MappedBpfCursors implements BpfRingCursors {
  equal = false;
  readonly #addon: NativeAddon;
  readonly #ring: BpfRingHandle;
  /** producer_pos in the mapping, its low word first; undefined for runtimes that allow no ArrayBuffer over it. */
  readonly #producer: Int32Array | undefined;
  /** For those runtimes: committed records are copied into this. */
  readonly #copy: Uint8Array | undefined;

  /**
   * @param memory the mapping, or memory of its size that committed records are copied into
   * @param isCopy which of the two
   */
  constructor(addon: NativeAddon, ring: BpfRingHandle, memory: ArrayBuffer, isCopy: boolean) {
    this.#addon = addon;
    this.#ring = ring;
    this.#producer = isCopy ? undefined : new Int32Array(memory, 0, 2);
    this.#copy = isCopy ? new Uint8Array(memory) : undefined;
  }

  available(consumer: number): number {
    const producer = this.#producer;
    // Acquire; pairs with the smp_store_release() of producer_pos in __bpf_ringbuf_reserve().
    if (producer !== undefined && producer.length > 0) return (Atomics.load(producer, 0) - consumer) | 0;
    return cursorResult(this.#addon.bpfRingAvailable(this.#ring));
  }

  consumer(): number {
    return cursorResult(this.#addon.bpfRingConsumer(this.#ring));
  }

  committed(consumer: number, from: number, limit: number): number {
    const found = cursorResult(this.#addon.bpfRingCommitted(this.#ring, consumer, from, limit));
    if (found < 0) return isErrno(found, 'EAGAIN') ? BUSY : isErrno(found, 'ESTALE') ? MOVED : CORRUPT;
    this.equal = found % 2 === 1;
    const bytes = this.equal ? found - 1 : found;
    if (this.#copy !== undefined) this.#addon.bpfRingCopy(this.#ring, from, bytes, this.#copy);
    return bytes;
  }

  consume(consumer: number, bytes: number): boolean {
    return cursorResult(this.#addon.bpfRingConsume(this.#ring, consumer, bytes)) === 0;
  }

  skipToProducer(): number {
    return cursorResult(this.#addon.bpfRingSkipToProducer(this.#ring));
  }
}
