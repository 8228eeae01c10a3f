/**
 * The payload of samples of {@link SampleProducer}, of which a reader can check every byte: the sequence number as a
 * little-endian u64, then bytes of a fixed pattern, from a place that depends on the sequence number. A sample shorter
 * than 8 bytes has only the first bytes of its number.
 */

/** The length of the pattern in bytes. Each sample is a part of it. */
export const PATTERN_BYTES = 128 * 1024;

/** The number of places in the pattern at which samples begin, 8 bytes apart. A power of two. */
export const PATTERN_PLACES = 512;

/** The longest payload that a producer writes. */
export const LARGEST_PAYLOAD_BYTES = PATTERN_BYTES - PATTERN_PLACES * 8;

/** Pseudo-random bytes (xorshift32 with a fixed seed), the same in every process. */
export const PATTERN: Uint8Array = (() => {
  const words = new Uint32Array(PATTERN_BYTES / 4);
  let state = 0x9e3779b9;
  for (let index = 0; index < words.length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state;
  }
  return new Uint8Array(words.buffer);
})();

/** The payload of a sample, as the producer wrote it. */
function expectedPayload(sequence: number, bytes: number): Uint8Array {
  const payload = new Uint8Array(Math.max(bytes, 8));
  const place = (sequence % PATTERN_PLACES) * 8;
  payload.set(PATTERN.subarray(place, place + bytes));
  new DataView(payload.buffer).setBigUint64(0, BigInt(sequence), true);
  return payload.subarray(0, bytes);
}

/** The sequence number of a payload of at least 8 bytes. */
export function sequenceOf(payload: Uint8Array): number {
  return Number(new DataView(payload.buffer, payload.byteOffset).getBigUint64(0, true));
}

/**
 * Whether a payload is what the producer wrote. It does not allocate the expected one.
 * @param payload at least `bytes` long: the kernel pads it, and the padding can hold anything
 */
export function isExpectedPayload(payload: Uint8Array, sequence: number, bytes: number): boolean {
  if (payload.length < bytes) return false;
  if (bytes < 8) return Buffer.compare(payload.subarray(0, bytes), expectedPayload(sequence, bytes)) === 0;
  const place = (sequence % PATTERN_PLACES) * 8;
  return (
    sequenceOf(payload) === sequence &&
    Buffer.compare(payload.subarray(8, bytes), PATTERN.subarray(place + 8, place + bytes)) === 0
  );
}
