import { PerfRingError } from '../errors';
import { plainCopy, plainList } from '../input/plain-data';
import { named, shown } from '../input/shown';
import { byteLengthOf, typedArrayName } from '../input/view-span';
import type { SampleLayout } from '../layout/sample-layout';
import { type Condition, conditionSteps } from './condition';
import { fieldOf, type NamedField, type RecordFieldName } from './query-field';
import type { QueryPlan } from './query-program';

/** A field that a query can name: of the layout, of a struct in it (`outer.inner`), or of the record. */
export type QueryFieldName<Values> = (keyof Values & string) | RecordFieldName | `${string}.${string}`;

/** The array types of columns. */
export type ColumnArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array;

/** Options of {@link prepareQuery}. Without columns and measures a query counts samples. */
export interface QueryOptions<
  Values,
  Key extends QueryFieldName<Values> = QueryFieldName<Values>,
  Sum extends QueryFieldName<Values> = QueryFieldName<Values>,
  Histogram extends QueryFieldName<Values> = QueryFieldName<Values>,
> {
  /** Samples that do not meet this condition are left out, but count as read. */
  readonly where?: Condition<QueryFieldName<Values>>;
  /**
   * Your arrays, by field name: each sample that meets `where` fills a row. The type of an array depends on the field's
   * kind: `u32` goes into a Uint32Array; `char[N]`, `bytes[N]` and `bool` into a Uint8Array; `u32[N]` into a
   * Uint32Array, N elements per row. 64-bit integers go into a BigUint64Array or BigInt64Array, or, rounded above 2^53,
   * into a Float64Array. The shortest array limits the number of rows. Do not shrink or detach an array while the query
   * is used.
   */
  readonly columns?: { readonly [Name in QueryFieldName<Values>]?: ColumnArray };
  /** The field by whose value samples are grouped: a scalar, or text or bytes of at most 16 bytes. */
  readonly groupBy?: Key;
  /**
   * The most keys that get a group: 1 to 4,194,304; 1024 by default. Samples with further keys are counted together, in
   * one group whose key is `undefined`.
   */
  readonly maxGroups?: number;
  /** Numeric fields to add up in each group; at most 16. */
  readonly sum?: readonly Sum[];
  /** Numeric fields to count by power of two in each group; at most 16. */
  readonly histogram?: readonly Histogram[];
}

/** Limits of native/system/sample_query.h. */
const MOST_MEASURES = 16;
const MOST_COLUMNS = 64;
const MOST_FIELDS = 64;
const DEFAULT_GROUPS = 1024;
const MOST_GROUPS = 2 ** 22;

/** A plan, with the arrays of its columns. */
export interface PlanWithArrays extends QueryPlan {
  readonly columns: readonly Column[];
}

/** Checks options, whose properties were read once. @throws PerfRingError ERR_PERF_INVALID_ARGUMENT */
export function planOf(layout: SampleLayout, options: QueryOptions<unknown>): PlanWithArrays {
  const fields = new FieldList(layout);
  const { where } = options;
  const columns = columnsOf(options.columns, fields);
  const groups = groupsOf(options, fields);
  const condition = where === undefined ? [] : conditionSteps(where, (name) => fields.find(name));
  return { fields: fields.list, condition, columns, groups };
}

/** The caller's array for one field, and how it is filled. */
export interface Column {
  readonly name: string;
  readonly array: ColumnArray;
  readonly field: number;
  readonly asDouble: boolean;
  /** Elements per row. */
  readonly elements: number;
}

/** Rows that fit the array now. */
export function rowsOf({ array, elements }: Column): number {
  return Math.floor(byteLengthOf(array) / (elements * array.BYTES_PER_ELEMENT));
}

/** The fields that a query names, each once. */
class FieldList {
  readonly list: NamedField[] = [];
  readonly #layout: SampleLayout;

  constructor(layout: SampleLayout) {
    this.#layout = layout;
  }

  /** @throws PerfRingError ERR_PERF_INVALID_ARGUMENT */
  find(name: unknown): { readonly index: number; readonly field: NamedField } {
    const known = this.list.findIndex((field) => field.name === name);
    if (known >= 0) return { index: known, field: this.list[known] as NamedField };
    const field = fieldOf(this.#layout, name);
    if (this.list.length === MOST_FIELDS) throw invalid(`a query names at most ${MOST_FIELDS} fields`);
    return { index: this.list.push(field) - 1, field };
  }
}

const ARRAYS: Readonly<Record<string, string>> = {
  u8: 'Uint8Array',
  i8: 'Int8Array',
  u16: 'Uint16Array',
  i16: 'Int16Array',
  u32: 'Uint32Array',
  i32: 'Int32Array',
  u64: 'BigUint64Array',
  i64: 'BigInt64Array',
  f32: 'Float32Array',
  f64: 'Float64Array',
  bool: 'Uint8Array',
  char: 'Uint8Array',
  bytes: 'Uint8Array',
};

function columnsOf(given: QueryOptions<unknown>['columns'], fields: FieldList): Column[] {
  if (given === undefined) return [];
  const arrays = Object.entries(plainCopy(given, 'columns', 'ERR_PERF_INVALID_ARGUMENT'));
  if (arrays.length > MOST_COLUMNS) throw invalid(`a query has at most ${MOST_COLUMNS} columns`);
  return arrays.map(([name, array]) => {
    const { index, field } = fields.find(name);
    const { kind, element, elements, size } = field;
    const wanted = ARRAYS[element.replace(/be$/, '')] as string;
    const isWide = elements === 1 && size === 8 && field.hasOrder;
    const asDouble = isWide && element !== 'f64' && typedArrayName(array) === 'Float64Array';
    if (typedArrayName(array) !== wanted && !asDouble) {
      const or = isWide && element !== 'f64' ? ' or Float64Array' : '';
      throw invalid(
        `column ${named(name)} is of kind ${kind}: it needs a ${wanted}${or}, got ${shown(array)}`,
      );
    }
    const column = { name, array: array as ColumnArray, field: index, asDouble, elements };
    if (rowsOf(column) === 0) throw invalid(`the array of column ${named(name)} has no room for a row`);
    return column;
  });
}

function groupsOf(options: QueryOptions<unknown>, fields: FieldList): QueryPlan['groups'] {
  const { groupBy, maxGroups = DEFAULT_GROUPS, sum = [], histogram = [] } = options;
  const measures = (names: readonly string[], option: string): number[] =>
    plainList(names, option, MOST_MEASURES).map((name) => {
      const { index, field } = fields.find(name);
      if (!field.isNumber) {
        throw invalid(`${option} takes numbers, and field ${named(name)} is ${field.kind}`);
      }
      return index;
    });
  if (!Number.isInteger(maxGroups) || maxGroups < 1 || maxGroups > MOST_GROUPS) {
    throw invalid(`maxGroups must be 1 to ${MOST_GROUPS}, got ${shown(maxGroups)}`);
  }
  const sums = measures(sum, 'sum');
  const histograms = measures(histogram, 'histogram');
  if (groupBy === undefined) {
    if (options.maxGroups !== undefined) throw invalid('maxGroups needs groupBy');
    return { key: undefined, slots: 0, maxGroups: 0, sums, histograms };
  }
  const { index, field } = fields.find(groupBy);
  if (!field.isComparable) {
    throw invalid(
      `field ${named(groupBy)} is ${field.kind}: groupBy takes scalars, and at most 16 bytes of text`,
    );
  }
  // The table is at most half full, so that a search ends after a few slots.
  const slots = 2 ** Math.ceil(Math.log2(maxGroups * 2));
  return { key: index, slots, maxGroups, sums, histograms };
}

function invalid(message: string): PerfRingError {
  return new PerfRingError('ERR_PERF_INVALID_ARGUMENT', message);
}
