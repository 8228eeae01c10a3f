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

/** The value of a field by its name; of the layout as its decoder has it. */
export type QueryValue<Values, Name> = Name extends keyof Values
  ? Values[Name]
  : number | bigint | boolean | string | Uint8Array;

/** Sums by name of the field, of the type that its values have. */
export type QuerySums<Values, Name extends string> = {
  readonly [Field in Name]: QueryValue<Values, Field> extends number
    ? number
    : QueryValue<Values, Field> extends bigint
      ? bigint
      : number | bigint;
};

/** Histograms by name of the field. */
export type QueryHistograms<Name extends string> = { readonly [Field in Name]: readonly number[] };

/**
 * Prepares a query over the samples of a layout. It stands where a visitor of samples does: {@link PerfMapReader.drain},
 * {@link RecordBatch.forEach} and {@link PerfRing.visit} run it over what they would visit, natively and a batch at once.
 *
 * ```ts
 * const layout = defineLayout([{ name: 'pid', kind: 'u32' }, { name: 'bytes', kind: 'u32' }]);
 * const writes = prepareQuery(layout, { where: ['bytes', '>=', 4096], groupBy: 'pid', sum: ['bytes'] });
 * reader.drain(writes);
 * for (const { key, count, sums } of writes.groups()) console.log(key, count, sums.bytes);
 * ```
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for what is no layout, a field that is not there or of no kind for its
 *   use, an array of another kind, a condition that makes no sense; ERR_PERF_ADDON_MISSING
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

/** A prepared query, and what it has found so far. */
export class SampleQuery<Key = unknown, Sums = unknown, Histograms = unknown> implements BulkVisitor {
  declare readonly [takesSamples]: true;
  /** Rows that the columns can hold; 0 without columns. */
  readonly rowCapacity: number;
  readonly #native: NativeAddon;
  readonly #plan: PlanWithArrays;
  readonly #table: GroupTable;
  /** By cursor: where fields lie is the ring's. */
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
   * Rows that the columns hold: elements up to there are valid. When they hold {@link rowCapacity}, a visit ends before the
   * next sample, as one that is stopped: process the rows, and {@link clearRows}.
   */
  get rows(): number {
    return this.#rows;
  }

  /** Samples that the query was run over. */
  get samples(): number {
    return this.#samples;
  }

  /** Those of them that met `where`. */
  get matched(): number {
    return this.#matched;
  }

  /** Those of them that are too short for a field that the query names: they are in no row and no group. */
  get short(): number {
    return this.#short;
  }

  /**
   * What was counted: without `groupBy` one group, with it one for each key, most samples first, and at last one with the
   * key `undefined` for samples whose keys found no group any more.
   */
  groups(): QueryGroup<Key, Sums, Histograms>[] {
    return this.#table.groups(this.#matched) as QueryGroup<Key, Sums, Histograms>[];
  }

  /** The columns are empty again. Groups and counts stay. */
  clearRows(): void {
    this.#rows = 0;
  }

  /** Everything is as it was prepared: no rows, no groups, all counts 0. */
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
    // What is left when the last row was filled by the last sample of the limit is for the next visit.
    if (isFull && scan.left > 0 && samples < limit) scan.outcome = SCAN_STOPPED;
  }

  #programFor(cursor: RecordCursor): BigUint64Array {
    const known = this.#programs.get(cursor);
    if (known !== undefined) return known;
    const program = queryProgram(this.#plan, cursor, this.#hashMultiplier);
    this.#programs.set(cursor, program);
    return program;
  }

  /** All arguments are ours and sound, but for memory of the caller's. */
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

/** Where keys go in the table is not for those to choose who choose the keys. */
function randomWord(): bigint {
  const half = (): bigint => BigInt(Math.floor(Math.random() * 2 ** 32));
  return (half() << 32n) | half();
}

function invalid(message: string): PerfRingError {
  return new PerfRingError('ERR_PERF_INVALID_ARGUMENT', message);
}
