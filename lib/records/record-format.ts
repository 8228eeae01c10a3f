import {
  HEADER_BYTES,
  PERF_FORMAT_GROUP,
  PERF_FORMAT_ID,
  PERF_FORMAT_LOST,
  PERF_FORMAT_TOTAL_TIME_ENABLED,
  PERF_FORMAT_TOTAL_TIME_RUNNING,
  PERF_SAMPLE_ADDR,
  PERF_SAMPLE_AUX,
  PERF_SAMPLE_BRANCH_COUNTERS,
  PERF_SAMPLE_BRANCH_STACK,
  PERF_SAMPLE_CALLCHAIN,
  PERF_SAMPLE_CGROUP,
  PERF_SAMPLE_CODE_PAGE_SIZE,
  PERF_SAMPLE_CPU,
  PERF_SAMPLE_DATA_PAGE_SIZE,
  PERF_SAMPLE_DATA_SRC,
  PERF_SAMPLE_ID,
  PERF_SAMPLE_IDENTIFIER,
  PERF_SAMPLE_IP,
  PERF_SAMPLE_PERIOD,
  PERF_SAMPLE_PHYS_ADDR,
  PERF_SAMPLE_RAW,
  PERF_SAMPLE_READ,
  PERF_SAMPLE_REGS_INTR,
  PERF_SAMPLE_REGS_USER,
  PERF_SAMPLE_STACK_USER,
  PERF_SAMPLE_STREAM_ID,
  PERF_SAMPLE_TID,
  PERF_SAMPLE_TIME,
  PERF_SAMPLE_TRANSACTION,
  PERF_SAMPLE_WEIGHT,
  PERF_SAMPLE_WEIGHT_STRUCT,
  type PerfEventAttr,
} from '../abi/perf-event';
import { PerfRingError } from '../errors';
import { plainProperties } from '../input/plain-data';
import { shown } from '../input/shown';
import { singleReadBytes } from './variable-fields';

/** In place of an offset: the record has no such field, or no fixed offset for it. */
export const ABSENT = -1;

/** The attributes of an event that determine the layout of its records. A whole `PerfEventAttr` can be passed. */
export type RecordFormatAttributes = Pick<
  Partial<PerfEventAttr>,
  | 'sample_type'
  | 'read_format'
  | 'branch_sample_type'
  | 'sample_regs_user'
  | 'sample_regs_intr'
  | 'sample_id_all'
>;

/** Bytes of a field of fixed size. (READ without PERF_FORMAT_GROUP has another fixed size.) */
const FIXED = 8;
/** Marks a field whose length depends on the record, see lib/records/variable-fields.ts. */
const VARIABLE = 0;

/**
 * The fields of a sample in the order in which perf_output_sample() writes them. AUX is the last one, although the
 * comment in the kernel's header file shows it before the page sizes and omits CGROUP.
 */
const SAMPLE_FIELDS = [
  ['identifier', PERF_SAMPLE_IDENTIFIER, FIXED],
  ['ip', PERF_SAMPLE_IP, FIXED],
  ['tid', PERF_SAMPLE_TID, FIXED],
  ['time', PERF_SAMPLE_TIME, FIXED],
  ['addr', PERF_SAMPLE_ADDR, FIXED],
  ['id', PERF_SAMPLE_ID, FIXED],
  ['streamId', PERF_SAMPLE_STREAM_ID, FIXED],
  ['cpu', PERF_SAMPLE_CPU, FIXED],
  ['period', PERF_SAMPLE_PERIOD, FIXED],
  ['read', PERF_SAMPLE_READ, VARIABLE],
  ['callchain', PERF_SAMPLE_CALLCHAIN, VARIABLE],
  ['raw', PERF_SAMPLE_RAW, VARIABLE],
  ['branchStack', PERF_SAMPLE_BRANCH_STACK, VARIABLE],
  ['userRegisters', PERF_SAMPLE_REGS_USER, VARIABLE],
  ['userStack', PERF_SAMPLE_STACK_USER, VARIABLE],
  ['weight', PERF_SAMPLE_WEIGHT | PERF_SAMPLE_WEIGHT_STRUCT, FIXED],
  ['dataSource', PERF_SAMPLE_DATA_SRC, FIXED],
  ['transaction', PERF_SAMPLE_TRANSACTION, FIXED],
  ['interruptRegisters', PERF_SAMPLE_REGS_INTR, VARIABLE],
  ['physicalAddress', PERF_SAMPLE_PHYS_ADDR, FIXED],
  ['cgroup', PERF_SAMPLE_CGROUP, FIXED],
  ['dataPageSize', PERF_SAMPLE_DATA_PAGE_SIZE, FIXED],
  ['codePageSize', PERF_SAMPLE_CODE_PAGE_SIZE, FIXED],
  ['aux', PERF_SAMPLE_AUX, VARIABLE],
] as const;

export type SampleField = (typeof SAMPLE_FIELDS)[number][0];

/**
 * The fields of struct sample_id in their order, 8 bytes each. With sample_id_all, records other than samples end with
 * this struct. The same bits of sample_type select these fields and those of samples.
 */
const SAMPLE_ID_FIELDS = [
  ['tid', PERF_SAMPLE_TID],
  ['time', PERF_SAMPLE_TIME],
  ['id', PERF_SAMPLE_ID],
  ['streamId', PERF_SAMPLE_STREAM_ID],
  ['cpu', PERF_SAMPLE_CPU],
  ['identifier', PERF_SAMPLE_IDENTIFIER],
] as const;

export type SampleIdField = (typeof SAMPLE_ID_FIELDS)[number][0];

/** Place of a field in a sample. @internal */
export interface FieldPlace {
  readonly field: SampleField;
  /** Offset from the record's start, bytes, without the lengths of the variable fields before this field. */
  readonly offset: number;
  /** Number of variable fields before this field: their lengths must be added to `offset`. */
  readonly variableBefore: number;
}

/**
 * Layout of the records of an event. {@link recordFormat} makes it from the attributes that the event was opened with.
 *
 * @see "struct { … } PERF_RECORD_SAMPLE" and "struct sample_id" in
 *   https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/perf_event.h
 */
export interface RecordFormat {
  /** attr.sample_type: PERF_SAMPLE_*. */
  readonly sampleType: number;
  /** attr.read_format: PERF_FORMAT_*. */
  readonly readFormat: number;
  /** attr.branch_sample_type: PERF_SAMPLE_BRANCH_*. */
  readonly branchSampleType: number;
  /** attr.sample_regs_user: one bit per register. */
  readonly userRegistersMask: bigint;
  /** attr.sample_regs_intr: one bit per register. */
  readonly interruptRegistersMask: bigint;
  /** attr.sample_id_all: whether records other than samples end with struct sample_id. */
  readonly sampleIdAll: boolean;
  /** @internal */
  readonly places: { readonly [Field in SampleField]: FieldPlace | undefined };
  /** Fields of variable length, in their order. @internal */
  readonly variableFields: readonly FieldPlace[];
  /** Offset of PERF_SAMPLE_TID in a sample, bytes; ABSENT without it. @internal */
  readonly tidOffset: number;
  /** Offset of PERF_SAMPLE_TIME in a sample, bytes; ABSENT without it. @internal */
  readonly timeOffset: number;
  /** Offset of `raw_size` in a sample, bytes; ABSENT without PERF_SAMPLE_RAW, or if not the same in all. @internal */
  readonly rawOffset: number;
  /** Bytes of all fields of fixed size, header included. @internal */
  readonly fixedBytes: number;
  /** Bytes from each field of struct sample_id to the record's end; ABSENT without the field. @internal */
  readonly fromEnd: { readonly [Field in SampleIdField]: number };
  /** Bytes of struct sample_id; 0 without sample_id_all. @internal */
  readonly sampleIdBytes: number;
}

const ALL_SAMPLE_BITS = SAMPLE_FIELDS.reduce((bits, [, bit]) => bits | bit, 0);
const ALL_READ_BITS =
  PERF_FORMAT_TOTAL_TIME_ENABLED |
  PERF_FORMAT_TOTAL_TIME_RUNNING |
  PERF_FORMAT_ID |
  PERF_FORMAT_GROUP |
  PERF_FORMAT_LOST;
/** All bits up to PERF_SAMPLE_BRANCH_COUNTERS, the highest known one. */
const ALL_BRANCH_BITS = PERF_SAMPLE_BRANCH_COUNTERS * 2 - 1;
const ALL_REGISTERS = 0xffff_ffff_ffff_ffffn;

const ATTRIBUTES = [
  'sample_type',
  'read_format',
  'branch_sample_type',
  'sample_regs_user',
  'sample_regs_intr',
  'sample_id_all',
] as const satisfies readonly (keyof RecordFormatAttributes)[];

const made = new WeakSet<object>();

/**
 * Makes the record format of an event.
 * @param attributes those the event was opened with; `sample_type` is PERF_SAMPLE_RAW by default
 * @throws PerfRingError ERR_PERF_INVALID_OPTION for a value that is not a set of bits, and for bits that this version
 *   does not know: after a field of unknown length, the offsets of all fields are unknown
 * @example
 * ```ts
 * const format = recordFormat({
 *   sample_type: kernel.PERF_SAMPLE_TIME | kernel.PERF_SAMPLE_CALLCHAIN,
 *   sample_id_all: true,
 * });
 * ```
 */
export function recordFormat(attributes: RecordFormatAttributes = {}): RecordFormat {
  const attr = plainProperties(attributes, ATTRIBUTES, 'ERR_PERF_INVALID_OPTION', 'attributes');
  const sampleType = bitsOf(attr, 'sample_type', ALL_SAMPLE_BITS, PERF_SAMPLE_RAW);
  const readFormat = bitsOf(attr, 'read_format', ALL_READ_BITS);
  const { places, variableFields, fixedBytes } = placeFields(sampleType, readFormat);
  const { sample_id_all: sampleIdAll = false } = attr;
  if (typeof sampleIdAll !== 'boolean') {
    throw new PerfRingError(
      'ERR_PERF_INVALID_OPTION',
      `sample_id_all must be true or false, got ${shown(sampleIdAll)}`,
    );
  }
  const { fromEnd, bytes } = placeSampleId(sampleIdAll ? sampleType : 0);
  const format = Object.freeze({
    sampleType,
    readFormat,
    branchSampleType: bitsOf(attr, 'branch_sample_type', ALL_BRANCH_BITS),
    userRegistersMask: wordOf(attr, 'sample_regs_user', ALL_REGISTERS),
    interruptRegistersMask: wordOf(attr, 'sample_regs_intr', ALL_REGISTERS),
    sampleIdAll,
    places,
    variableFields,
    tidOffset: fixedOffsetOf(places.tid),
    timeOffset: fixedOffsetOf(places.time),
    rawOffset: fixedOffsetOf(places.raw),
    fixedBytes,
    fromEnd,
    sampleIdBytes: bytes,
  });
  made.add(format);
  return format;
}

/** Whether {@link recordFormat} made the value. Other offsets could make a reader read outside its ring. */
export function isRecordFormat(value: unknown): value is RecordFormat {
  return typeof value === 'object' && value !== null && made.has(value);
}

function fixedOffsetOf(place: FieldPlace | undefined): number {
  return place === undefined || place.variableBefore > 0 ? ABSENT : place.offset;
}

type Places = { [Field in SampleField]: FieldPlace | undefined };

function placeFields(
  sampleType: number,
  readFormat: number,
): Pick<RecordFormat, 'places' | 'variableFields' | 'fixedBytes'> {
  const isGroup = (readFormat & PERF_FORMAT_GROUP) !== 0;
  const places = Object.fromEntries(SAMPLE_FIELDS.map(([field]) => [field, undefined])) as Places;
  const variableFields: FieldPlace[] = [];
  let offset = HEADER_BYTES;
  for (const [field, bit, size] of SAMPLE_FIELDS) {
    if ((sampleType & bit) === 0) continue;
    const place = Object.freeze({ field, offset, variableBefore: variableFields.length });
    places[field] = place;
    const bytes = field === 'read' && !isGroup ? singleReadBytes(readFormat) : size;
    if (bytes === VARIABLE) variableFields.push(place);
    else offset += bytes;
  }
  return { places: Object.freeze(places), variableFields: Object.freeze(variableFields), fixedBytes: offset };
}

function placeSampleId(sampleType: number): { fromEnd: RecordFormat['fromEnd']; bytes: number } {
  const fields = SAMPLE_ID_FIELDS.filter(([, bit]) => (sampleType & bit) !== 0);
  const bytes = fields.length * 8;
  const fromEnd = Object.fromEntries(SAMPLE_ID_FIELDS.map(([field]) => [field, ABSENT])) as {
    [Field in SampleIdField]: number;
  };
  fields.forEach(([field], index) => {
    fromEnd[field] = bytes - index * 8;
  });
  return { fromEnd: Object.freeze(fromEnd), bytes };
}

function wordOf(attr: RecordFormatAttributes, name: keyof RecordFormatAttributes, known: bigint): bigint {
  const value: unknown = attr[name] === undefined ? 0 : attr[name];
  const isWord = typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));
  if (!isWord || value < 0 || value > ALL_REGISTERS) {
    throw new PerfRingError('ERR_PERF_INVALID_OPTION', `${name} must be a set of bits, got ${shown(value)}`);
  }
  const unknown = BigInt(value) & ~known;
  if (unknown !== 0n) {
    throw new PerfRingError(
      'ERR_PERF_INVALID_OPTION',
      `${name} has bits that this version does not know: 0x${unknown.toString(16)}`,
    );
  }
  return BigInt(value);
}

function bitsOf(
  attr: RecordFormatAttributes,
  name: keyof RecordFormatAttributes,
  known: number,
  otherwise = 0,
): number {
  return attr[name] === undefined ? otherwise : Number(wordOf(attr, name, BigInt(known)));
}
