import { copyOf, SHORT_BYTES } from './payload-copy';

/** Longer copies get memory of their own. */
const LONGEST_SHARED_BYTES = 8192;
/** Bytes that are copied at once at most: what a copy that is kept can keep in memory. */
const LARGEST_REGION_BYTES = 32_768;

const NO_MEMORY = new ArrayBuffer(0);

/**
 * Copies payloads of one ring. A visitor that copies one payload usually copies the next ones too. So this copies a
 * region of the ring at once, and each payload in it becomes a view of that copy: V8 takes 300 ns to allocate memory
 * for one payload, and 30 ns to make a view.
 *
 * The region grows while its payloads are asked for, and shrinks when they are not: a visitor that copies a few
 * payloads copies little more. Each byte of a region is given out once, so no two copies share bytes.
 */
export class PayloadCopies {
  readonly #source: DataView<ArrayBufferLike>;
  #memory = NO_MEMORY;
  /** Offsets in the source: of the region, of the first byte that was not given out, and of the region's end. */
  #start = 0;
  #next = 0;
  #end = 0;
  /** The visit in which the region was copied. In the next one the writer may have changed the source. */
  #visit = -1;
  /** Bytes of the region that were given out. */
  #given = 0;
  /** Bytes that the next region has at least, if the source has as many. */
  #regionBytes = 0;

  /** @param source the memory of the ring, or the one in which a record that wraps is joined */
  constructor(source: DataView<ArrayBufferLike>) {
    this.#source = source;
  }

  /**
   * Returns a copy of `size` bytes of the source from `base` on. The caller has checked that they are there.
   * @param visit a number that changes whenever bytes of the source may have changed
   */
  copy(base: number, size: number, visit: number): Uint8Array {
    if (size <= SHORT_BYTES || size > LONGEST_SHARED_BYTES) return copyOf(this.#source, base, size);
    if (visit !== this.#visit || base < this.#next || base + size > this.#end) {
      this.#copyRegion(base, size, visit);
    }
    this.#next = base + size;
    this.#given += size;
    return new Uint8Array(this.#memory, base - this.#start, size);
  }

  #copyRegion(base: number, size: number, visit: number): void {
    // Most of a region was given out: the next one may be larger.
    const isUsed = this.#given * 2 >= this.#end - this.#start;
    this.#regionBytes = isUsed
      ? Math.min(LARGEST_REGION_BYTES, Math.max(size, this.#regionBytes * 2))
      : Math.max(size, this.#regionBytes >> 2);
    const { buffer, byteOffset, byteLength } = this.#source;
    const length = Math.min(this.#regionBytes, byteLength - base);
    const bytes = Buffer.allocUnsafeSlow(length);
    bytes.set(new Uint8Array(buffer, byteOffset + base, length));
    markAsUntransferable(bytes.buffer);
    this.#memory = bytes.buffer;
    this.#start = base;
    this.#end = base + length;
    this.#visit = visit;
    this.#given = 0;
  }
}

let mark: typeof import('node:worker_threads').markAsUntransferable | undefined;

/** So that nobody who transfers the memory of one copy takes the others with it. */
function markAsUntransferable(memory: ArrayBuffer): void {
  // Loaded here, because most visitors copy no payload.
  mark ??= (require('node:worker_threads') as typeof import('node:worker_threads')).markAsUntransferable;
  mark(memory);
}
