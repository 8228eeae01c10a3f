/** Makes records as the kernel writes them, without code of lib/ring. */

export const SAMPLE = 9;
const LOST = 2;

/** A record: struct perf_event_header, then the body. The header's size is that of both, unless `size` is given. */
export function recordBytes(
  type: number,
  body: Uint8Array,
  header: { misc?: number; size?: number } = {},
): Uint8Array {
  const record = new Uint8Array(8 + body.length);
  const view = new DataView(record.buffer);
  view.setUint32(0, type, true);
  view.setUint16(4, header.misc ?? 0, true);
  view.setUint16(6, header.size ?? record.length, true);
  record.set(body, 8);
  return record;
}

/** The sample that the kernel writes for a payload of bpf_perf_event_output. `prefix`: the fields before raw_size. */
export function sampleBytes(payload: Uint8Array, prefix: Uint8Array = new Uint8Array(0)): Uint8Array {
  const rawSize = Math.ceil((payload.length + 4) / 8) * 8 - 4;
  const body = new Uint8Array(prefix.length + 4 + rawSize);
  body.set(prefix, 0);
  new DataView(body.buffer).setUint32(prefix.length, rawSize, true);
  body.set(payload, prefix.length + 4);
  return recordBytes(SAMPLE, body);
}

/** PERF_RECORD_LOST: u64 id, u64 lost. */
export function lostBytes(id: bigint, lost: bigint): Uint8Array {
  return recordBytes(LOST, words(id, lost));
}

/** The bytes of 64-bit words, little-endian. */
export function words(...values: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 8);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setBigUint64(i * 8, BigInt.asUintN(64, value), true);
  });
  return bytes;
}

/** `length` bytes, each different from its neighbours, and different for each seed. */
export function payloadOf(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (seed * 31 + i * 7 + 1) & 0xff);
}
