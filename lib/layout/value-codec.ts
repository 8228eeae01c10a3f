import { OwnedRecord } from '../records/owned-record';
import { fieldWriter } from './field-writer';
import { decoderFor } from './sample-decoder';
import { defineLayout, type FieldType, type SampleField } from './sample-layout';

/** Converts one value to bytes and back. */
export interface ValueCodec<Value> {
  /** Bytes of a value. */
  readonly size: number;
  /** @param bytes at least `size` */
  decode(bytes: Uint8Array): Value;
  /**
   * @param name of the value, for messages
   * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for a value that the type does not have
   */
  encode(value: Value, name: string): Uint8Array;
}

/** The codec of a type of fixed size. */
export function codecOf<Value>(type: FieldType): ValueCodec<Value> {
  const layout = defineLayout([{ name: 'value', kind: type }]);
  const decode = decoderFor(layout) as (record: OwnedRecord) => { readonly value: Value };
  const field = layout.fields[0] as SampleField;
  const write = fieldWriter(field);
  const { size } = field;
  return {
    size,
    decode: (bytes) => decode(OwnedRecord.ofBytes(bytes)).value,
    encode: (value, name) => {
      const bytes = new Uint8Array(size);
      write(new DataView(bytes.buffer), 0, value, name);
      return bytes;
    },
  };
}
