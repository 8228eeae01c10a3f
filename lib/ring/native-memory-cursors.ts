import { BAD_ARGUMENT, type NativeAddon } from '../addon/contract';
import type { RingGeometry } from './geometry';
import { cursorResult, headMovedBack, type RingCursors } from './ring-cursors';

/** Cursors of a ring in JavaScript memory, which call the native helpers. */
export class NativeMemoryCursors implements RingCursors {
  readonly #addon: NativeAddon;
  readonly #metadata: DataView<ArrayBufferLike>;
  readonly #capacityBytes: number;

  constructor(addon: NativeAddon, geometry: RingGeometry) {
    this.#addon = addon;
    this.#metadata = new DataView(geometry.buffer, geometry.metadataOffset, geometry.pageSize);
    this.#capacityBytes = geometry.capacityBytes;
  }

  available(): number {
    return cursorResult(this.#addon.cursorAvailable(this.#metadata));
  }

  readOffset(): number {
    return cursorResult(this.#addon.cursorReadOffset(this.#metadata, this.#capacityBytes));
  }

  consume(bytes: number): void {
    if (this.#addon.cursorConsume(this.#metadata, bytes) !== BAD_ARGUMENT) return;
    // Throws when the memory is gone. If it does not throw, `bytes` was more than data_head - data_tail.
    this.available();
    throw headMovedBack();
  }

  skipToHead(): number {
    return cursorResult(this.#addon.cursorSkipToHead(this.#metadata));
  }

  free(): number {
    return cursorResult(this.#addon.cursorFree(this.#metadata, this.#capacityBytes));
  }

  writeOffset(): number {
    return cursorResult(this.#addon.cursorWriteOffset(this.#metadata, this.#capacityBytes));
  }

  publish(bytes: number): void {
    cursorResult(this.#addon.cursorPublish(this.#metadata, bytes));
  }
}
