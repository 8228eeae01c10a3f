import { types } from 'node:util';

/** The bytes a view shows. */
export interface ViewSpan {
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  readonly byteOffset: number;
  readonly byteLength: number;
}

type Getter<Value> = (this: unknown) => Value;

/** By the getter of the class itself: a subclass, or a property of its own, may answer what it likes. */
function getterOf<Value>(prototype: object, name: PropertyKey): Getter<Value> {
  return Object.getOwnPropertyDescriptor(prototype, name)?.get as Getter<Value>;
}

const TYPED_ARRAY: object = Object.getPrototypeOf(Uint8Array.prototype);
const typedArrayBuffer = getterOf<ArrayBuffer | SharedArrayBuffer>(TYPED_ARRAY, 'buffer');
const typedArrayOffset = getterOf<number>(TYPED_ARRAY, 'byteOffset');
const typedArrayLength = getterOf<number>(TYPED_ARRAY, 'byteLength');
const typedArrayTag = getterOf<string | undefined>(TYPED_ARRAY, Symbol.toStringTag);
const dataViewBuffer = getterOf<ArrayBuffer | SharedArrayBuffer>(DataView.prototype, 'buffer');
const arrayBufferLength = getterOf<number>(ArrayBuffer.prototype, 'byteLength');
const sharedArrayBufferLength = getterOf<number>(SharedArrayBuffer.prototype, 'byteLength');

/** As types.isUint8Array, of any realm and class, but inlined by V8: a native call costs 30 ns. */
export function isUint8Array(value: unknown): value is Uint8Array {
  return typedArrayTag.call(value) === 'Uint8Array';
}

/** `Uint8Array` of one, and so on; undefined for what is no typed array. */
export function typedArrayName(value: unknown): string | undefined {
  return typedArrayTag.call(value);
}

/** Bytes of a typed array; 0 when its memory was detached. */
export function byteLengthOf(array: ArrayBufferView): number {
  return typedArrayLength.call(array);
}

/** The span of a typed array, without running a line of the caller's. */
export function spanOfArray(array: ArrayBufferView): ViewSpan {
  return {
    buffer: typedArrayBuffer.call(array),
    byteOffset: typedArrayOffset.call(array),
    byteLength: typedArrayLength.call(array),
  };
}

/** The first `length` bytes of `array` from `offset` on, as a plain Uint8Array; both are checked by the caller. */
export function partOf(array: Uint8Array, offset: number, length: number): Uint8Array {
  const { buffer, byteOffset } = spanOfArray(array);
  return new Uint8Array(buffer, byteOffset + offset, length);
}

/** A copy as a plain Uint8Array, whatever class the caller's is of; empty when its memory was detached. */
export function ownCopy(array: Uint8Array): Uint8Array {
  const { buffer, byteOffset, byteLength } = spanOfArray(array);
  return byteLength === 0 ? new Uint8Array(0) : new Uint8Array(buffer, byteOffset, byteLength).slice();
}

/** The span of memory of any kind; undefined when it is none. */
export function spanOfMemory(memory: unknown): ViewSpan | undefined {
  if (types.isAnyArrayBuffer(memory)) {
    return { buffer: memory, byteOffset: 0, byteLength: bufferLength(memory) };
  }
  if (!ArrayBuffer.isView(memory)) return undefined;
  if (!types.isDataView(memory)) return spanOfArray(memory);
  // The getters of a DataView throw when it is detached, those of a typed array answer 0.
  const buffer = dataViewBuffer.call(memory);
  if (bufferLength(buffer) === 0) return { buffer, byteOffset: 0, byteLength: 0 };
  return { buffer, byteOffset: memory.byteOffset, byteLength: memory.byteLength };
}

/** Bytes of a buffer; 0 when it was detached. */
export function bufferLength(buffer: ArrayBuffer | SharedArrayBuffer): number {
  return types.isSharedArrayBuffer(buffer)
    ? sharedArrayBufferLength.call(buffer)
    : arrayBufferLength.call(buffer);
}
