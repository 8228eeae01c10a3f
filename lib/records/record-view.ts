import { PERF_RECORD_SAMPLE, PERF_SAMPLE_WEIGHT_STRUCT } from '../abi/perf-event';
import { RecordBytes } from './record-bytes';
import {
  ABSENT,
  type FieldPlace,
  type RecordFormat,
  type SampleField,
  type SampleIdField,
} from './record-format';
import {
  type DataSource,
  decodeDataSource,
  decodeWeightStruct,
  type RecordFields,
  type WeightStruct,
} from './sample-fields';
import {
  auxBytes,
  type BranchStack,
  bitCount,
  branchStackBytes,
  callchainBytes,
  decodeAux,
  decodeBranchStack,
  decodeCallchain,
  decodeRaw,
  decodeRead,
  decodeRegisters,
  decodeUserStack,
  groupReadBytes,
  type ReadValues,
  type Registers,
  rawBytes,
  registersBytes,
  type UserStack,
  userStackBytes,
} from './variable-fields';

/** Records of this type and above are made by user space, as in perf.data files, and have no struct sample_id. */
export const FIRST_USER_TYPE = 64;

/**
 * Reads the fields of one record of a given format from any memory. It decodes a field at each read and caches nothing:
 * the bytes may change between two reads.
 */
export class RecordView extends RecordBytes implements RecordFields {
  readonly format: RecordFormat;
  readonly #userRegisters: number;
  readonly #interruptRegisters: number;

  constructor(format: RecordFormat) {
    super();
    this.format = format;
    this.#userRegisters = bitCount(format.userRegistersMask);
    this.#interruptRegisters = bitCount(format.interruptRegistersMask);
  }

  /** Offset of the end of the record's own struct, where struct sample_id begins, bytes. */
  get bodyEnd(): number {
    return this.byteLength - (this.type < FIRST_USER_TYPE ? this.format.sampleIdBytes : 0);
  }

  /** Offset of the end of a sample's last field, bytes. Equals the record's size unless the record is damaged. */
  get fieldsEnd(): number {
    const { fixedBytes, variableFields } = this.format;
    return fixedBytes + this.#variableBytes(0, variableFields.length, 0);
  }

  get time(): bigint | undefined {
    return this.#u64('time');
  }

  get pid(): number | undefined {
    const offset = this.offsetOf('tid');
    return offset === ABSENT ? undefined : this.i32(offset);
  }

  get tid(): number | undefined {
    const offset = this.offsetOf('tid');
    return offset === ABSENT ? undefined : this.i32(offset + 4);
  }

  get sampleCpu(): number | undefined {
    const offset = this.offsetOf('cpu');
    return offset === ABSENT ? undefined : this.u32(offset);
  }

  get id(): bigint | undefined {
    return this.#u64('id') ?? this.identifier;
  }

  get streamId(): bigint | undefined {
    return this.#u64('streamId');
  }

  get identifier(): bigint | undefined {
    return this.#u64('identifier');
  }

  get ip(): bigint | undefined {
    return this.#u64('ip');
  }

  get addr(): bigint | undefined {
    return this.#u64('addr');
  }

  get period(): bigint | undefined {
    return this.#u64('period');
  }

  readValues(): ReadValues | undefined {
    const offset = this.offsetOf('read');
    return offset === ABSENT ? undefined : decodeRead(this, offset, this.format);
  }

  callchain(): BigUint64Array | undefined {
    const offset = this.offsetOf('callchain');
    return offset === ABSENT ? undefined : decodeCallchain(this, offset);
  }

  /** PERF_SAMPLE_RAW: a copy, with the kernel's padding (length modulo 8 is 4). */
  raw(): Uint8Array | undefined {
    const offset = this.offsetOf('raw');
    return offset === ABSENT ? undefined : decodeRaw(this, offset);
  }

  branchStack(): BranchStack | undefined {
    const offset = this.offsetOf('branchStack');
    if (offset === ABSENT) return undefined;
    const place = this.format.places.branchStack as FieldPlace;
    return decodeBranchStack(this, offset, this.format, (length) => this.#fits(place, offset, length));
  }

  userRegisters(): Registers | undefined {
    const offset = this.offsetOf('userRegisters');
    return offset === ABSENT ? undefined : decodeRegisters(this, offset, this.format.userRegistersMask);
  }

  userStack(): UserStack | undefined {
    const offset = this.offsetOf('userStack');
    return offset === ABSENT ? undefined : decodeUserStack(this, offset);
  }

  get weight(): bigint | undefined {
    return this.#u64('weight');
  }

  weightStruct(): WeightStruct | undefined {
    if ((this.format.sampleType & PERF_SAMPLE_WEIGHT_STRUCT) === 0) return undefined;
    const { weight } = this;
    return weight === undefined ? undefined : decodeWeightStruct(weight);
  }

  dataSource(): DataSource | undefined {
    const value = this.#u64('dataSource');
    return value === undefined ? undefined : decodeDataSource(value);
  }

  get transaction(): bigint | undefined {
    return this.#u64('transaction');
  }

  interruptRegisters(): Registers | undefined {
    const offset = this.offsetOf('interruptRegisters');
    return offset === ABSENT ? undefined : decodeRegisters(this, offset, this.format.interruptRegistersMask);
  }

  get physicalAddress(): bigint | undefined {
    return this.#u64('physicalAddress');
  }

  get cgroup(): bigint | undefined {
    return this.#u64('cgroup');
  }

  get dataPageSize(): bigint | undefined {
    return this.#u64('dataPageSize');
  }

  get codePageSize(): bigint | undefined {
    return this.#u64('codePageSize');
  }

  aux(): Uint8Array | undefined {
    const offset = this.offsetOf('aux');
    return offset === ABSENT ? undefined : decodeAux(this, offset);
  }

  /**
   * Offset of a field, bytes; ABSENT when the record does not have it.
   * @throws PerfRingError ERR_PERF_RECORD_DAMAGED
   */
  offsetOf(field: SampleField): number {
    const { type, format } = this;
    if (type !== PERF_RECORD_SAMPLE) {
      const back = type < FIRST_USER_TYPE && isSampleIdField(format, field) ? format.fromEnd[field] : ABSENT;
      return back === ABSENT ? ABSENT : this.byteLength - back;
    }
    const place = format.places[field];
    if (place === undefined) return ABSENT;
    return place.offset + this.#variableBytes(0, place.variableBefore, 0);
  }

  /**
   * Adds to `before` the bytes of the variable fields with index `first` up to, but not including, `end`.
   * @param before bytes of the variable fields before `first`
   */
  #variableBytes(first: number, end: number, before: number): number {
    let bytes = before;
    for (let index = first; index < end; index++) {
      const place = this.format.variableFields[index] as FieldPlace;
      const offset = place.offset + bytes;
      const length = this.#bytesOf(place, offset);
      this.need(offset, length);
      bytes += length;
    }
    return bytes;
  }

  #bytesOf(place: FieldPlace, offset: number): number {
    switch (place.field) {
      case 'read':
        return groupReadBytes(this, offset, this.format);
      case 'callchain':
        return callchainBytes(this, offset);
      case 'raw':
        return rawBytes(this, offset);
      case 'branchStack':
        return branchStackBytes(this, offset, this.format, (length) => this.#fits(place, offset, length));
      case 'userRegisters':
        return registersBytes(this, offset, this.#userRegisters);
      case 'userStack':
        return userStackBytes(this, offset);
      case 'interruptRegisters':
        return registersBytes(this, offset, this.#interruptRegisters);
      default:
        return auxBytes(this, offset);
    }
  }

  /** Whether the last field ends at the record's end if the field at `offset` has `length` bytes. */
  #fits(place: FieldPlace, offset: number, length: number): boolean {
    const { fixedBytes, variableFields } = this.format;
    const before = offset - place.offset + length;
    try {
      const all = this.#variableBytes(place.variableBefore + 1, variableFields.length, before);
      return fixedBytes + all === this.byteLength;
    } catch {
      return false;
    }
  }

  #u64(field: SampleField): bigint | undefined {
    const offset = this.offsetOf(field);
    return offset === ABSENT ? undefined : this.u64(offset);
  }
}

function isSampleIdField(format: RecordFormat, field: SampleField): field is SampleIdField {
  return Object.hasOwn(format.fromEnd, field);
}
