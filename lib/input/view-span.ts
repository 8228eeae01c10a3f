import { types } from 'node:util';

/** The bytes of a view. */
export interface ViewSpan {
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  readonly byteOffset: number;
  readonly byteLength: number;
}

type Getter<Value> = (this: unknown) => Value;

/** The getter of the built-in class. A subclass or an own property of the object could return a wrong value. */
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

/** Like types.isUint8Array, for any realm and subclass. V8 inlines this; the native call would take 30 ns. */
export function isUint8Array(value: unknown): value is Uint8Array {
  return typedArrayTag.call(value) === 'Uint8Array';
}

/** `Uint8Array` of one, and so on; undefined for what is no typed array. */
export function typedArrayName(value: unknown): string | undefined {
  return typedArrayTag.call(value);
}

/** The length of a typed array in bytes; 0 when its memory was detached. */
export function byteLengthOf(array: ArrayBufferView): number {
  return typedArrayLength.call(array);
}

/** The span of a typed array. It runs no code of the caller. */
export function spanOfArray(array: ArrayBufferView): ViewSpan {
  return {
    buffer: typedArrayBuffer.call(array),
    byteOffset: typedArrayOffset.call(array),
    byteLength: typedArrayLength.call(array),
  };
}

/** `length` bytes of `array` from `offset` on, as a plain Uint8Array. The caller has checked the range. */
export function partOf(array: Uint8Array, offset: number, length: number): Uint8Array {
  const { buffer, byteOffset } = spanOfArray(array);
  return new Uint8Array(buffer, byteOffset + offset, length);
}

/** A copy as a plain Uint8Array, whatever class the caller's is of; empty when its memory was detached. */
export function ownCopy(array: Uint8Array): Uint8Array {
  const { buffer, byteOffset, byteLength } = spanOfArray(array);
  return byteLength === 0 ? new Uint8Array(0) : new Uint8Array(buffer, byteOffset, byteLength).slice();
}

/** The span of an ArrayBuffer, a SharedArrayBuffer or a view; undefined for anything else. */
export function spanOfMemory(memory: unknown): ViewSpan | undefined {
  if (types.isAnyArrayBuffer(memory)) {
    return { buffer: memory, byteOffset: 0, byteLength: bufferLength(memory) };
  }
  if (!ArrayBuffer.isView(memory)) return undefined;
  if (!types.isDataView(memory)) return spanOfArray(memory);
  // The getters of a detached DataView throw; those of a detached typed array return 0.
  const buffer = dataViewBuffer.call(memory);
  if (bufferLength(buffer) === 0) return { buffer, byteOffset: 0, byteLength: 0 };
  return { buffer, byteOffset: memory.byteOffset, byteLength: memory.byteLength };
}

/** The length of a buffer in bytes; 0 when it was detached. */
export function bufferLength(buffer: ArrayBuffer | SharedArrayBuffer): number {
  return types.isSharedArrayBuffer(buffer)
    ? sharedArrayBufferLength.call(buffer)
    : arrayBufferLength.call(buffer);
}
