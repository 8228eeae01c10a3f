import type { BoundRingGroup, MappedRingHandle, NativeAddon } from '../addon/contract';
import { PerfRingError } from '../errors';
import { type BoundCursors, cursorResult, headMovedBack, type ReaderCursors } from '../ring/ring-cursors';

/** A ring that was closed, in place of the bytes available. */
const CLOSED = -2;

/**
 * Mapped rings that were bound, with an array, to two native functions without arguments: one acquires all heads, one
 * releases all tails. {@link NativeAddon.ringGroup} describes the array.
 */
class MappedGroup implements BoundCursors {
  readonly #acquire: () => void;
  readonly #release: () => void;
  readonly #positions: Int32Array;
  /** Where the words of each kind begin. */
  readonly #available: number;
  readonly #offsets: number;
  readonly #consumed: number;

  private constructor({ acquire, release }: BoundRingGroup, positions: Int32Array, count: number) {
    this.#acquire = acquire;
    this.#release = release;
    this.#positions = positions;
    this.#available = 1 + count;
    this.#offsets = 1 + 2 * count;
    this.#consumed = 1 + 3 * count;
  }

  /** @returns undefined when a ring is closed, or there is no memory */
  static of(addon: NativeAddon, rings: readonly MappedRingHandle[]): MappedGroup | undefined {
    // The addon keeps a pointer to this memory, so it is shared: shared memory can't be detached.
    const words = (4 * rings.length + 1) * Int32Array.BYTES_PER_ELEMENT;
    const positions = new Int32Array(new SharedArrayBuffer(words));
    const bound = addon.ringGroup(rings, positions);
    return typeof bound === 'number' ? undefined : new MappedGroup(bound, positions, rings.length);
  }

  acquire(): number {
    this.#acquire();
    return this.#positions[0] as number;
  }

  ready(nth: number): number {
    return this.#positions[1 + nth] as number;
  }

  available(index: number): number {
    const bytes = this.#positions[this.#available + index] as number;
    if (bytes === CLOSED) throw closed();
    return bytes;
  }

  readOffset(index: number): number {
    return this.#positions[this.#offsets + index] as number;
  }

  consume(index: number, bytes: number): void {
    this.#positions[this.#consumed + index] = bytes;
  }

  release(): void {
    this.#release();
  }

  isReleased(index: number): boolean {
    return this.#positions[this.#consumed + index] === 0;
  }
}

/** Cursors of a ring that the kernel writes: a group of one. */
export class MappedCursors implements ReaderCursors {
  readonly #addon: NativeAddon;
  readonly #ring: MappedRingHandle;
  readonly #group: MappedGroup;
  readonly #copy: Uint8Array | undefined;

  /**
   * @param copy for runtimes that allow no ArrayBuffer over a mapping (Electron, other sandboxed builds): native code
   *   copies what is published to the same offsets of this buffer
   * @throws PerfRingError ERR_PERF_CLOSED
   */
  constructor(addon: NativeAddon, ring: MappedRingHandle, copy?: ArrayBuffer) {
    const group = MappedGroup.of(addon, [ring]);
    if (group === undefined) throw closed();
    this.#addon = addon;
    this.#ring = ring;
    this.#group = group;
    this.#copy = copy && new Uint8Array(copy);
  }

  available(): number {
    if (this.#group.acquire() === 0) return 0;
    const bytes = this.#group.available(0);
    // The kernel may have written more meanwhile: the next batch copies that.
    if (this.#copy !== undefined && bytes > 0) {
      cursorResult(this.#addon.ringCopyPublished(this.#ring, this.#copy));
    }
    return bytes;
  }

  readOffset(): number {
    return this.#group.readOffset(0);
  }

  consume(bytes: number): void {
    this.#group.consume(0, bytes);
    this.#group.release();
    if (!this.#group.isReleased(0)) throw headMovedBack();
  }

  skipToHead(): number {
    return cursorResult(this.#addon.ringSkipToHead(this.#ring));
  }

  bind(all: readonly ReaderCursors[]): BoundCursors | undefined {
    const rings: MappedRingHandle[] = [];
    for (const one of all) {
      if (!(one instanceof MappedCursors) || one.#copy !== undefined) return undefined;
      rings.push(one.#ring);
    }
    return MappedGroup.of(this.#addon, rings);
  }
}

function closed(): PerfRingError {
  return new PerfRingError('ERR_PERF_CLOSED', 'the ring was closed');
}
