/**
 * Up to this many bytes, copying word by word costs less than making the view that a copy by V8 needs: 15 ns less at
 * 12 bytes, 5 ns less at 52. (V8 keeps arrays up to this size in its own heap.)
 */
export const SHORT_BYTES = 64;

const staged = new DataView(new ArrayBuffer(SHORT_BYTES));
/** stages[n] is a view of the first n bytes of `staged`. */
const stages = Array.from(
  { length: SHORT_BYTES + 1 },
  (_, length) => new Uint8Array(staged.buffer, 0, length),
);

/**
 * The built-in set(): the target may be of a subclass that overrides it. Buffer.copy would read the target's length.
 */
const setFrom = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), 'set')
  ?.value as (this: Uint8Array, source: Uint8Array) => void;

/**
 * Copies bytes of a ring without running the caller's code. `target` may overlap the ring's memory.
 * @param target is filled; its memory must be attached unless `length` is 0
 * @param length bytes of `target`; the caller has checked that `source` has as many at `from`
 */
export function copyInto(
  target: Uint8Array,
  source: DataView<ArrayBufferLike>,
  from: number,
  length: number,
): void {
  if (length > 0) setFrom.call(target, part(source, from, length));
}

/** Returns a copy of the bytes in new memory. */
export function copyOf(source: DataView<ArrayBufferLike>, from: number, length: number): Uint8Array {
  const bytes = part(source, from, length);
  if (length <= SHORT_BYTES) return new Uint8Array(bytes);
  // Making a zeroed array and filling it costs less than new Uint8Array(bytes): 700 ns, not 900, at 4 KiB.
  const copy = new Uint8Array(length);
  setFrom.call(copy, bytes);
  return copy;
}

/** @returns a view of the bytes in `source`, or of a copy in `staged`, which is valid until the next call */
function part(source: DataView<ArrayBufferLike>, from: number, length: number): Uint8Array<ArrayBufferLike> {
  if (length > SHORT_BYTES) return new Uint8Array(source.buffer, source.byteOffset + from, length);
  const words = length & ~3;
  let at = 0;
  for (; at < words; at += 4) staged.setInt32(at, source.getInt32(from + at, true), true);
  for (; at < length; at++) staged.setUint8(at, source.getUint8(from + at));
  return stages[length] as Uint8Array;
}
