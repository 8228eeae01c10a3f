import type { BpfMapHandle, NativeAddon } from '../addon/contract';
import { isErrno } from '../abi/errno';
import { bpfError } from './bpf-error';

/** A key and its value, each in a separate array. */
export type MapEntry = readonly [key: Uint8Array, value: Uint8Array];

/** Entries that one system call reads, at first. */
const FIRST_BATCH = 256;

/** Entries that one system call sets. */
const UPDATE_BATCH = 1024;

/** The kernel reads whole buckets of a hash map. No bucket needs more space than this many entries. */
const LARGEST_BATCH = 1 << 20;

/** What is needed to read a map. */
export interface MapShape {
  readonly keySize: number;
  /** Bytes of a value; for a per-CPU map of the values of all CPUs. */
  readonly valueBytes: number;
  /** For messages. */
  readonly title: string;
}

/** All entries; in batches when the kernel supports that for the type of the map. */
export function* mapEntries(
  native: NativeAddon,
  handle: () => BpfMapHandle,
  shape: MapShape,
): Generator<MapEntry> {
  const { keySize, valueBytes, title } = shape;
  const position = new Uint8Array(Math.max(keySize, 4));
  let room = FIRST_BATCH;
  for (let isFirst = true; ; ) {
    const keys = new Uint8Array(room * keySize);
    const values = new Uint8Array(room * valueBytes);
    const batch = native.bpfMapReadBatch(handle(), position, isFirst, keys, values);
    if (isErrno(batch, 'ENOSPC') && room < LARGEST_BATCH) {
      room *= 4;
      continue;
    }
    // This kernel has no batches for this type of map.
    if (isFirst && ['EINVAL', 'ENOTSUPP'].some((name) => isErrno(batch, name))) {
      yield* entriesOneByOne(native, handle, shape);
      return;
    }
    if (typeof batch === 'number') {
      throw bpfError(batch, 'bpf(BPF_MAP_LOOKUP_BATCH)', `reading the entries of map ${title}`);
    }
    for (let index = 0; index < batch.count; index++) {
      yield [
        keys.slice(index * keySize, (index + 1) * keySize),
        values.slice(index * valueBytes, (index + 1) * valueBytes),
      ];
    }
    if (batch.isLast) return;
    isFirst = false;
  }
}

/**
 * Sets entries in batches.
 * @returns false when some are not set, because the kernel has no batches for this type of map or refused one: then set
 *   all of them one by one, which says why
 */
export function updateInBatches(
  native: NativeAddon,
  handle: BpfMapHandle,
  entries: readonly MapEntry[],
): boolean {
  for (let from = 0; from < entries.length; from += UPDATE_BATCH) {
    const batch = entries.slice(from, from + UPDATE_BATCH);
    const keys = Buffer.concat(batch.map(([key]) => key));
    const values = Buffer.concat(batch.map(([, value]) => value));
    if (native.bpfMapUpdateBatch(handle, keys, values) !== 0) return false;
  }
  return true;
}

function* entriesOneByOne(
  native: NativeAddon,
  handle: () => BpfMapHandle,
  { keySize, valueBytes, title }: MapShape,
): Generator<MapEntry> {
  let key = new Uint8Array(0);
  for (;;) {
    const next = new Uint8Array(keySize);
    const answer = native.bpfMapNextKey(handle(), key, next);
    if (isErrno(answer, 'ENOENT')) return;
    if (answer !== 0) {
      throw bpfError(answer, 'bpf(BPF_MAP_GET_NEXT_KEY)', `reading the keys of map ${title}`, {
        ENOTSUPP: 'maps of this type cannot be read',
      });
    }
    key = next;
    const value = new Uint8Array(valueBytes);
    const found = native.bpfMapLookup(handle(), key, value);
    // The key has been deleted since.
    if (isErrno(found, 'ENOENT')) continue;
    if (found !== 0) {
      throw bpfError(found, 'bpf(BPF_MAP_LOOKUP_ELEM)', `looking up a key of map ${title}`, {
        ENOTSUPP: 'maps of this type cannot be read',
      });
    }
    yield [key.slice(), value];
  }
}
