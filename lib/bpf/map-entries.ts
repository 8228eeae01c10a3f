import type { BpfMapHandle, NativeAddon } from '../addon/contract';
import { isErrno } from '../abi/errno';
import { bpfError } from './bpf-error';

/** A key and its value, of arrays of their own. */
export type MapEntry = readonly [key: Uint8Array, value: Uint8Array];

/** Entries of one system call. */
const FIRST_BATCH = 256;

/** A hash map's bucket is read as a whole: with more than this no map comes along. */
const LARGEST_BATCH = 1 << 20;

/** What is read of a map. */
export interface MapShape {
  readonly keySize: number;
  /** Of all CPUs, for a per-CPU map. */
  readonly valueBytes: number;
  /** For messages. */
  readonly title: string;
}

/** All entries, in batches of the kernel's where it has them for this type of map. */
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
    // No batches of this type of map, or of this kernel.
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
    // It was deleted meanwhile.
    if (isErrno(found, 'ENOENT')) continue;
    if (found !== 0) {
      throw bpfError(found, 'bpf(BPF_MAP_LOOKUP_ELEM)', `looking up a key of map ${title}`, {
        ENOTSUPP: 'maps of this type cannot be read',
      });
    }
    yield [key.slice(), value];
  }
}
