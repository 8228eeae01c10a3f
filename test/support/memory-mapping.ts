import { addon } from '../../lib/addon/load';
import type { NativeAddon } from '../../lib/addon/contract';
import type { RingGeometry } from '../../lib/ring/geometry';
import { MappedCursors } from '../../lib/storage/mapped-cursors';
import { fakeNative } from './fake-native';

/** How often each function of the addon was called, by its name. */
export type NativeCalls = Map<string, number>;

/**
 * The cursors of a mapped ring, on memory of the test in place of a mapping. They use Atomics, and for the rest the
 * addon's functions for rings in memory, which behave the same.
 */
export function mappedCursorsOver(geometry: RingGeometry, calls: NativeCalls = new Map()): MappedCursors {
  const { buffer, metadataOffset, pageSize, capacityBytes } = geometry;
  const real = addon();
  const metadata = new DataView(buffer, metadataOffset, pageSize);
  const counted = <Rest extends unknown[]>(name: keyof NativeAddon, native: (...rest: Rest) => number) => {
    return {
      [name]: (_ring: unknown, ...rest: Rest) => {
        calls.set(name, (calls.get(name) ?? 0) + 1);
        return native(...rest);
      },
    };
  };
  const native = fakeNative({
    ...counted('ringAvailable', () => real.cursorAvailable(metadata)),
    ...counted('ringReadOffset', () => real.cursorReadOffset(metadata, capacityBytes)),
    ...counted('ringConsume', (bytes: number) => real.cursorConsume(metadata, bytes)),
    ...counted('ringSkipToHead', () => real.cursorSkipToHead(metadata)),
  });
  // A SharedArrayBuffer stands for the mapping: both are memory that others write.
  return new MappedCursors(native, {} as never, buffer as ArrayBuffer, capacityBytes);
}
