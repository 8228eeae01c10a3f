import { BAD_ARGUMENT, type NativeAddon, QUERY_STATE } from '../addon/contract';
import { addon } from '../addon/load';
import { PerfRingError } from '../errors';
import { plainOptions } from '../input/plain-data';
import { named } from '../input/shown';
import { checkedLayout } from '../layout/checked-layout';
import type { SampleLayout } from '../layout/sample-layout';
import type { BulkVisitor, takesSamples } from '../records/bulk-visitor';
import { becomeBulkVisitor } from '../ring/bulk-scan';
import type { RecordCursor } from '../ring/record-cursor';
import { SCAN_STOPPED, type ScanState } from '../ring/record-scan';
import { GroupTable, type QueryGroup } from './query-groups';
import { planOf, type PlanWithArrays, type QueryFieldName, type QueryOptions, rowsOf } from './query-plan';
import { queryProgram } from './query-program';

const OPTIONS = ['where', 'columns', 'groupBy', 'maxGroups', 'sum', 'histogram'] as const;
/** More rows than a ring has records; a small integer for V8. */
const MOST_ROWS = 2 ** 30 - 1;

/** The type of the value of a field. For a field of the layout it is the type that its decoder returns. */
export type QueryValue<Values, Name> = Name extends keyof Values
  ? Values[Name]
  : number | bigint | boolean | string | Uint8Array;

/** Sums by field name, of the type of the values of the field. */
export type QuerySums<Values, Name extends string> = {
  readonly [Field in Name]: QueryValue<Values, Field> extends number
    ? number
    : QueryValue<Values, Field> extends bigint
      ? bigint
      : number | bigint;
};

/** Histograms by field name. */
export type QueryHistograms<Name extends string> = { readonly [Field in Name]: readonly number[] };

/**
 * Prepares a query over the samples of a layout. Use it in place of a visitor of samples: {@link PerfMapReader.drain},
 * {@link RecordBatch.forEach} and {@link PerfRing.visit} run it over the samples that they would visit, in native code,
 * a batch at a time.
 *
 * ```ts
 * const layout = defineLayout([{ name: 'pid', kind: 'u32' }, { name: 'bytes', kind: 'u32' }]);
 * const writes = prepareQuery(layout, { where: ['bytes', '>=', 4096], groupBy: 'pid', sum: ['bytes'] });
 * reader.drain(writes);
 * for (const { key, count, sums } of writes.groups()) console.log(key, count, sums.bytes);
 * ```
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for an invalid layout or condition, a field that does not exist or
 *   whose kind does not fit its use, an array of the wrong type; ERR_PERF_ADDON_MISSING
 */
export function prepareQuery<
  Values,
  const Key extends QueryFieldName<Values> = never,
  const Sum extends QueryFieldName<Values> = never,
  const Histogram extends QueryFieldName<Values> = never,
>(
  layout: SampleLayout<Values>,
  options: QueryOptions<Values, Key, Sum, Histogram>,
): SampleQuery<QueryValue<Values, Key>, QuerySums<Values, Sum>, QueryHistograms<Histogram>> {
  const checked = checkedLayout(layout);
  const plain = plainOptions(options, OPTIONS, 'ERR_PERF_INVALID_ARGUMENT') as QueryOptions<unknown>;
  return new SampleQuery(MAKING, checked, plain, addon());
}

/** Only this module makes queries. */
const MAKING = Symbol('making');

/** A prepared query, and its results so far. */
export class SampleQuery<Key = unknown, Sums = unknown, Histograms = unknown> implements BulkVisitor {
  declare readonly [takesSamples]: true;
  /** The most rows that the columns can hold; 0 without columns. */
  readonly rowCapacity: number;
  readonly #native: NativeAddon;
  readonly #plan: PlanWithArrays;
  readonly #table: GroupTable;
  /** By cursor, because the places of fields depend on the ring. */
  readonly #programs = new WeakMap<RecordCursor, BigUint64Array>();
  readonly #state = new Int32Array(Object.keys(QUERY_STATE).length);
  readonly #hashMultiplier = randomWord();
  #rows = 0;
  #samples = 0;
  #matched = 0;
  #short = 0;

  /** @internal */
  constructor(making: symbol, layout: SampleLayout, options: QueryOptions<unknown>, native: NativeAddon) {
    if (making !== MAKING) throw invalid('queries are made by prepareQuery()');
    const plan = planOf(layout, options);
    const { columns } = plan;
    this.#native = native;
    this.#plan = plan;
    this.#table = new GroupTable(plan.groups, plan.fields);
    this.rowCapacity = columns.length === 0 ? 0 : Math.min(MOST_ROWS, ...columns.map(rowsOf));
    becomeBulkVisitor(this, {
      take: (cursor, state, limit) => this.#take(cursor, state, limit),
      leaveOut: () => {
        this.#samples++;
        this.#short++;
      },
    });
    Object.freeze(this);
  }

  /**
   * Rows in the columns: the elements up to there are valid. When there are {@link rowCapacity} rows, a visit stops
   * before the next sample: process the rows, then call {@link clearRows}.
   */
  get rows(): number {
    return this.#rows;
  }

  /** Samples that the query has processed. */
  get samples(): number {
    return this.#samples;
  }

  /** Processed samples that met `where`. */
  get matched(): number {
    return this.#matched;
  }

  /** Processed samples that are too short for a field in the query: they are in no row and no group. */
  get short(): number {
    return this.#short;
  }

  /**
   * The groups: one without `groupBy`; else one for each key, most samples first, and last, if there are any, one with
   * the key `undefined` for samples whose key found no free group.
   */
  groups(): QueryGroup<Key, Sums, Histograms>[] {
    return this.#table.groups(this.#matched) as QueryGroup<Key, Sums, Histograms>[];
  }

  /** Empties the columns. Groups and counts stay. */
  clearRows(): void {
    this.#rows = 0;
  }

  /** Resets the query: no rows, no groups, all counts 0. */
  clear(): void {
    this.#rows = 0;
    this.#samples = 0;
    this.#matched = 0;
    this.#short = 0;
    this.#table.clear();
  }

  #take(cursor: RecordCursor, scan: ScanState, limit: number): void {
    const state = this.#state;
    state[QUERY_STATE.position] = scan.position;
    state[QUERY_STATE.left] = scan.left;
    state[QUERY_STATE.samples] = limit;
    state[QUERY_STATE.rows] = this.#rows;
    state[QUERY_STATE.rowCapacity] = this.rowCapacity;
    const program = this.#programFor(cursor);
    const arrays = this.#plan.columns.map(({ array }) => array);
    const result = this.#native.queryRun(program, cursor.view, state, this.#table.words, ...arrays);
    if (result === BAD_ARGUMENT) throw this.#refused(cursor);
    const samples = state[QUERY_STATE.samples] as number;
    this.#rows = state[QUERY_STATE.rows] as number;
    this.#samples += samples;
    this.#matched += state[QUERY_STATE.matched] as number;
    this.#short += state[QUERY_STATE.short] as number;
    scan.position = state[QUERY_STATE.position] as number;
    scan.left = state[QUERY_STATE.left] as number;
    scan.records = samples;
    const isFull = this.#plan.columns.length > 0 && this.#rows >= this.rowCapacity;
    // When the last row was filled by the last sample of the limit, the limit has ended the visit.
    if (isFull && scan.left > 0 && samples < limit) scan.outcome = SCAN_STOPPED;
  }

  #programFor(cursor: RecordCursor): BigUint64Array {
    const known = this.#programs.get(cursor);
    if (known !== undefined) return known;
    const program = queryProgram(this.#plan, cursor, this.#hashMultiplier);
    this.#programs.set(cursor, program);
    return program;
  }

  /** The error when native code refuses the arguments: only the caller's memory can be the reason. */
  #refused(cursor: RecordCursor): PerfRingError {
    cursor.checkAttached();
    const gone = this.#plan.columns.find((column) => rowsOf(column) < this.rowCapacity);
    return invalid(
      gone === undefined
        ? 'a column lies in the memory of a ring that the kernel writes: give an array of its own memory'
        : `the array of column ${named(gone.name)} was detached, or has shrunk: keep it as long as the query`,
    );
  }
}

/** A random factor for hashing keys, so that a program that chooses the keys cannot make them collide. */
function randomWord(): bigint {
  const half = (): bigint => BigInt(Math.floor(Math.random() * 2 ** 32));
  return (half() << 32n) | half();
}

function invalid(message: string): PerfRingError {
  return new PerfRingError('ERR_PERF_INVALID_ARGUMENT', message);
}
