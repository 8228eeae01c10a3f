import { isErrno } from '../abi/errno';
import { BAD_ARGUMENT, type BpfRingHandle, type NativeAddon } from '../addon/contract';
import { PerfRingError } from '../errors';
import { cursorResult } from '../ring/ring-cursors';
import { BUSY, type BpfRingCursors, CORRUPT } from './bpf-ring-cursors';

/** Cursors of a mapped ring buffer map, by native helpers. */
export class MappedBpfCursors implements BpfRingCursors {
  readonly #addon: NativeAddon;
  readonly #ring: BpfRingHandle;
  /** For runtimes that allow no ArrayBuffer over the mapping: committed records are copied into this. */
  readonly #copy: Uint8Array | undefined;

  constructor(addon: NativeAddon, ring: BpfRingHandle, copy?: Uint8Array) {
    this.#addon = addon;
    this.#ring = ring;
    this.#copy = copy;
  }

  available(): number {
    return cursorResult(this.#addon.bpfRingAvailable(this.#ring));
  }

  consumer(): number {
    return cursorResult(this.#addon.bpfRingConsumer(this.#ring));
  }

  committed(consumer: number, from: number, limit: number): number {
    const bytes = cursorResult(this.#addon.bpfRingCommitted(this.#ring, consumer, from, limit));
    if (bytes < 0) return isErrno(bytes, 'EAGAIN') ? BUSY : CORRUPT;
    if (this.#copy !== undefined) this.#addon.bpfRingCopy(this.#ring, from, bytes, this.#copy);
    return bytes;
  }

  consume(bytes: number): void {
    if (this.#addon.bpfRingConsume(this.#ring, bytes) !== BAD_ARGUMENT) return;
    // Throws when the memory is gone. Otherwise `bytes` was more than producer_pos - consumer_pos.
    this.available();
    throw new PerfRingError(
      'ERR_PERF_RING_CORRUPT',
      'consumer_pos was moved by another reader of the map: read each ring buffer map by one reader',
    );
  }

  skipToProducer(): number {
    return cursorResult(this.#addon.bpfRingSkipToProducer(this.#ring));
  }
}
