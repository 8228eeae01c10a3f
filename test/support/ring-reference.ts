/** A simple reader of rings, with which tests compare the one in lib/ring. */

export interface ReferenceRecord {
  readonly type: number;
  readonly misc: number;
  readonly payload: Uint8Array;
}

export interface ReferenceResult {
  readonly records: readonly ReferenceRecord[];
  /** Bytes before the first invalid header; -1 when all are valid. */
  readonly faultAt: number;
}

/** Parses the bytes from data_tail to data_head, joined to one piece. Samples have only PERF_SAMPLE_RAW. */
export function parseRing(published: Uint8Array): ReferenceResult {
  const view = new DataView(published.buffer, published.byteOffset, published.byteLength);
  const records: ReferenceRecord[] = [];
  let at = 0;
  while (at < published.length) {
    const type = view.getUint32(at, true);
    const misc = view.getUint16(at + 4, true);
    const size = view.getUint16(at + 6, true);
    if (size < 8 || size % 8 !== 0 || size > published.length - at) return { records, faultAt: at };
    let payload = published.subarray(at + 8, at + size);
    if (type === 9) {
      if (size < 16) return { records, faultAt: at };
      const rawSize = view.getUint32(at + 8, true);
      if (rawSize > size - 12) return { records, faultAt: at };
      payload = published.subarray(at + 12, at + 12 + rawSize);
    }
    records.push({ type, misc, payload });
    at += size;
  }
  return { records, faultAt: -1 };
}
