import type { SampleLayout } from '../../lib/layout/sample-layout';

/** Decodes a payload by a layout: integers of up to 32 bits to numbers, others to bigints; text up to its first NUL. */
export function decode(layout: SampleLayout, payload: Uint8Array): Record<string, number | bigint | string> {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const read = ({ kind, offset, size }: SampleLayout['fields'][number]): number | bigint | string => {
    if (kind === 'u64') return view.getBigUint64(offset, true);
    if (kind === 'u32') return view.getUint32(offset, true);
    if (kind === 'i32') return view.getInt32(offset, true);
    const bytes = Buffer.from(payload.subarray(offset, offset + size));
    const end = bytes.indexOf(0);
    return bytes.toString('latin1', 0, end < 0 ? size : end);
  };
  return Object.fromEntries(layout.fields.map((field) => [field.name, read(field)]));
}
