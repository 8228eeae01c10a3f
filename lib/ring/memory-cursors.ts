import { MMAP_PAGE_DATA_HEAD } from '../abi/perf-event';
import { BAD_ARGUMENT, type NativeAddon, type RingMetadata } from '../addon/contract';
import { addon, addonAvailable } from '../addon/load';
import type { RingGeometry } from './geometry';
import { cursorResult, headMovedBack, type ReaderCursors, type WriterCursors } from './ring-cursors';

/** The functions of the addon for positions in JavaScript memory. */
export type CursorHelpers = {
  [Name in
    | 'cursorAvailable'
    | 'cursorConsume'
    | 'cursorSkipToHead'
    | 'cursorFree'
    | 'cursorPublish']: NativeAddon[Name];
};

/** Indices of the low words of data_head and data_tail. */
const HEAD_LOW = 0;
const TAIL_LOW = 2;

/** Cursors of a ring in JavaScript memory, for its reader and its writer. */
export class MemoryCursors implements ReaderCursors, WriterCursors {
  readonly #helpers: CursorHelpers;
  readonly #metadata: DataView<ArrayBufferLike>;
  readonly #words: Int32Array<ArrayBufferLike>;
  readonly #capacityBytes: number;

  /** @param helpers the addon; where it is not built, {@link atomicsHelpers} */
  constructor(geometry: RingGeometry, helpers = addonAvailable() ? addon() : atomicsHelpers) {
    const { buffer, metadataOffset, pageSize, capacityBytes } = geometry;
    this.#helpers = helpers;
    this.#metadata = new DataView(buffer, metadataOffset, pageSize);
    this.#words = new Int32Array(buffer, metadataOffset + MMAP_PAGE_DATA_HEAD, 4);
    this.#capacityBytes = capacityBytes;
  }

  available(): number {
    return cursorResult(this.#helpers.cursorAvailable(this.#metadata));
  }

  readOffset(): number {
    return this.#offset(TAIL_LOW);
  }

  consume(bytes: number): void {
    if (this.#helpers.cursorConsume(this.#metadata, bytes) !== BAD_ARGUMENT) return;
    // Throws when the memory is gone. If it does not throw, `bytes` was more than data_head - data_tail.
    this.available();
    throw headMovedBack();
  }

  skipToHead(): number {
    return cursorResult(this.#helpers.cursorSkipToHead(this.#metadata));
  }

  free(): number {
    return cursorResult(this.#helpers.cursorFree(this.#metadata, this.#capacityBytes));
  }

  writeOffset(): number {
    return this.#offset(HEAD_LOW);
  }

  publish(bytes: number): void {
    cursorResult(this.#helpers.cursorPublish(this.#metadata, bytes));
  }

  /** A plain read: only the side that asks moves this position. */
  #offset(lowWord: number): number {
    const low = this.#words[lowWord];
    return low === undefined ? cursorResult(BAD_ARGUMENT) : low & (this.#capacityBytes - 1);
  }
}

const HEAD = 0;
const TAIL = 1;

/** data_head and data_tail; undefined when the memory was detached. */
function positionsOf(metadata: RingMetadata): BigUint64Array<ArrayBufferLike> | undefined {
  const { buffer } = metadata;
  if (buffer.byteLength === 0) return undefined;
  return new BigUint64Array(buffer, metadata.byteOffset + MMAP_PAGE_DATA_HEAD, 2);
}

/** data_head - data_tail, acquired: pairs with the store of the other side's position in {@link moveBy}. */
function distanceIn(positions: BigUint64Array<ArrayBufferLike>): bigint {
  return Atomics.load(positions, HEAD) - Atomics.load(positions, TAIL);
}

/** Release; pairs with the loads in {@link distanceIn}. */
function moveBy(positions: BigUint64Array<ArrayBufferLike>, position: number, bytes: bigint): void {
  Atomics.store(positions, position, Atomics.load(positions, position) + bytes);
}

/**
 * The helpers in plain TypeScript, for where the addon is not built: a recording replayed on another machine, a unit
 * test. Atomics are sequentially consistent, so stronger than needed. They make BigInts per batch, not per record.
 */
export const atomicsHelpers: CursorHelpers = {
  cursorAvailable(metadata) {
    const positions = positionsOf(metadata);
    return positions === undefined ? BAD_ARGUMENT : Number(BigInt.asIntN(64, distanceIn(positions)));
  },
  cursorConsume(metadata, bytes) {
    const positions = positionsOf(metadata);
    if (positions === undefined || BigInt.asUintN(64, distanceIn(positions)) < BigInt(bytes)) {
      return BAD_ARGUMENT;
    }
    moveBy(positions, TAIL, BigInt(bytes));
    return 0;
  },
  cursorSkipToHead(metadata) {
    const positions = positionsOf(metadata);
    if (positions === undefined) return BAD_ARGUMENT;
    const skipped = distanceIn(positions);
    moveBy(positions, TAIL, skipped);
    return Number(BigInt.asIntN(64, skipped));
  },
  cursorFree(metadata, capacityBytes) {
    const positions = positionsOf(metadata);
    if (positions === undefined) return BAD_ARGUMENT;
    return capacityBytes - Number(BigInt.asIntN(64, distanceIn(positions)));
  },
  cursorPublish(metadata, bytes) {
    const positions = positionsOf(metadata);
    if (positions === undefined) return BAD_ARGUMENT;
    moveBy(positions, HEAD, BigInt(bytes));
    return 0;
  },
};
