import {
  type Condition,
  prepareQuery,
  type QueryGroup,
  type SampleLayout,
  type SampleQuery,
} from '../../index';

/** What is counted: the fields that make a group, and the fields that are added up and shown as histograms. */
export interface TallyFields {
  readonly by: string;
  readonly sum: readonly string[];
  readonly hist: readonly string[];
  /** Samples that do not meet it are not counted. */
  readonly where?: Condition;
}

/** The samples that have one key. */
export interface TallyRow {
  /** Undefined for the samples of all keys that found no room in the table. */
  readonly key: unknown;
  /** Samples since the start. */
  readonly count: number;
  /** Samples a second, since the last look or since the start. */
  readonly perSecond: number;
  /** Since the start, in the order of {@link TallyFields.sum}. */
  readonly sums: readonly (number | bigint)[];
}

export interface Histogram {
  readonly field: string;
  /** Bucket 0 counts values below 1, bucket b values from 2^(b-1) to below 2^b. */
  readonly buckets: readonly number[];
}

/** All counts at one moment. */
export interface TallyView {
  readonly rows: readonly TallyRow[];
  /** Samples since the start, whatever their key. */
  readonly count: number;
  readonly perSecond: number;
  /** Samples that are too short for the fields: they are in no row. */
  readonly short: number;
  /** Over all rows. */
  readonly histograms: readonly Histogram[];
}

/** The counts at an earlier moment. */
interface Look {
  /** Milliseconds. */
  readonly at: number;
  readonly count: number;
  readonly counts: ReadonlyMap<unknown, number>;
}

const NOTHING: Look = { at: 0, count: 0, counts: new Map() };

/** Keys with a row of their own; samples of further keys share one. */
const MOST_KEYS = 16_384;

type Group = QueryGroup<
  unknown,
  Readonly<Record<string, number | bigint>>,
  Readonly<Record<string, number[]>>
>;

/** Counts samples by key in native code, a batch at a time, and says at each look how fast the counts grow. */
export class Tally {
  /** The visitor of the samples. */
  readonly query: SampleQuery;
  readonly fields: TallyFields;
  #start: Look = NOTHING;
  #before: Look = NOTHING;

  /** @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for a field that does not exist or does not fit its use */
  constructor(layout: SampleLayout, fields: TallyFields) {
    const { by, sum, hist, where } = fields;
    this.query = prepareQuery(layout, {
      groupBy: by,
      maxGroups: MOST_KEYS,
      sum,
      histogram: hist,
      ...(where === undefined ? {} : { where }),
    });
    this.fields = fields;
  }

  /** Rates are counted from now on. @param now milliseconds */
  begin(now: number): void {
    this.#start = { ...NOTHING, at: now };
    this.#before = this.#start;
  }

  /** The counts so far, and the rates since the last call. @param now milliseconds */
  look(now: number): TallyView {
    return this.#since(this.#before, now);
  }

  /** The counts so far, and the rates since the start. @param now milliseconds */
  total(now: number): TallyView {
    return this.#since(this.#start, now);
  }

  #since(before: Look, now: number): TallyView {
    const groups = this.query.groups() as unknown as readonly Group[];
    const seconds = (now - before.at) / 1000;
    const rate = (count: number, earlier: number) => (seconds > 0 ? (count - earlier) / seconds : 0);
    const counts = new Map(groups.map(({ key, count }) => [comparable(key), count]));
    const rows = groups.map(({ key, count, sums }) => ({
      key,
      count,
      perSecond: rate(count, before.counts.get(comparable(key)) ?? 0),
      sums: this.fields.sum.map((field) => sums[field] ?? 0),
    }));
    const count = this.query.matched;
    const view: TallyView = {
      rows,
      count,
      perSecond: rate(count, before.count),
      short: this.query.short,
      histograms: this.fields.hist.map((field) => ({ field, buckets: addedUp(groups, field) })),
    };
    this.#before = { at: now, count, counts };
    return view;
  }
}

/** Bytes are compared by their content. */
function comparable(key: unknown): unknown {
  return key instanceof Uint8Array ? key.join() : key;
}

function addedUp(groups: readonly Group[], field: string): number[] {
  const total: number[] = [];
  for (const { histograms } of groups) {
    histograms[field]?.forEach((count, bucket) => {
      total[bucket] = (total[bucket] ?? 0) + count;
    });
  }
  return total;
}
