import { PERF_FORMAT_GROUP } from '../abi/perf-event';
import { ABSENT, type RecordFormat } from '../records/record-format';
import { groupReadSizes } from '../records/variable-fields';
import type { RecordCursor } from '../ring/record-cursor';
import type { ConditionStep } from './condition';
import type { NamedField } from './query-field';

/** A checked query. Fields are given by their index. */
export interface QueryPlan {
  readonly fields: readonly NamedField[];
  readonly condition: readonly ConditionStep[];
  readonly columns: readonly { readonly field: number; readonly asDouble: boolean }[];
  readonly groups: GroupPlan;
}

export interface GroupPlan {
  /** Index of the key field; undefined when all samples are one group. */
  readonly key: number | undefined;
  /** Slots of the hash table: a power of two; 0 when all samples are one group. */
  readonly slots: number;
  readonly maxGroups: number;
  readonly sums: readonly number[];
  readonly histograms: readonly number[];
}

/** In place of an offset that does not exist. */
const NOWHERE = 0xffff_ffff_ffff_ffffn;

/**
 * The words that native/system/sample_query_parse.cc reads.
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT when the ring's samples do not have all fields
 */
export function queryProgram(plan: QueryPlan, cursor: RecordCursor, hashMultiplier: bigint): BigUint64Array {
  const { fields, condition, columns, groups } = plan;
  const words: (number | bigint)[] = [
    ...formatWords(cursor.format),
    fields.length,
    ...fields.flatMap((field) => {
      const { source, offset } = field.placeIn(cursor);
      return [source, field.kindNumber, offset, field.size];
    }),
    condition.length,
    ...condition.flatMap(({ operation, field, comparison, isLast, value }) => [
      operation,
      field,
      comparison,
      isLast ? 1 : 0,
      ...value,
    ]),
    columns.length,
    ...columns.flatMap(({ field, asDouble }) => [field, asDouble ? 1 : 0]),
    hashMultiplier,
    groups.slots,
    groups.maxGroups,
    groups.key ?? 0,
    groups.sums.length,
    ...groups.sums,
    groups.histograms.length,
    ...groups.histograms,
  ];
  return BigUint64Array.from(words, BigInt);
}

/** The words of struct SampleFormat in native/system/sample_walk.h. */
function formatWords(format: RecordFormat): (number | bigint)[] {
  const { places, readFormat, fixedBytes } = format;
  const offset = (at: number): number | bigint => (at === ABSENT ? NOWHERE : at);
  const variable = (field: 'read' | 'callchain'): number => {
    const place = places[field];
    const isVariable = field === 'callchain' || (readFormat & PERF_FORMAT_GROUP) !== 0;
    return place !== undefined && isVariable ? place.offset : ABSENT;
  };
  const { headBytes, entryBytes } = groupReadSizes(readFormat);
  return [
    offset(places.raw?.offset ?? ABSENT),
    fixedBytes,
    offset(variable('read')),
    headBytes,
    entryBytes,
    offset(variable('callchain')),
  ];
}
