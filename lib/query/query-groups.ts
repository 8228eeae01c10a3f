import { PerfRingError } from '../errors';
import { shown } from '../input/shown';
import type { NamedField } from './query-field';
import type { GroupPlan } from './query-program';

/** Buckets of a histogram: one for values below 1, and one for each power of two of 64 bits. */
const HISTOGRAM_BUCKETS = 65;

/** The samples that have one key, counted and added up. */
export interface QueryGroup<Key, Sums, Histograms> {
  /**
   * The value of the field in `groupBy`. `undefined` for all samples together in a query without `groupBy`, and for
   * samples whose key found no free group, see {@link QueryOptions.maxGroups}.
   */
  readonly key: Key | undefined;
  /** Number of samples. */
  readonly count: number;
  /** By field name: a bigint, exact, for 64-bit integers; a number for other fields, exact up to 2^53 for integers. */
  readonly sums: Sums;
  /**
   * By field name, how many values were in each of 65 buckets. Bucket 0 is for values below 1, bucket b for values from
   * 2^(b-1) to below 2^b.
   */
  readonly histograms: Histograms;
}

/** The most words of a table: 1 GiB. */
const MOST_TABLE_WORDS = 2 ** 27;

/**
 * The memory that native code counts into: one word for the number of groups, the slots of a hash table, and one group
 * for samples whose key has no slot. A group consists of its count, its key (one word; two for text and bytes), two
 * words for each sum, and the buckets of its histograms.
 */
export class GroupTable {
  readonly words: BigUint64Array;
  readonly #plan: GroupPlan;
  readonly #fields: readonly NamedField[];
  readonly #groupWords: number;
  readonly #keyWords: number;

  /** @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for a table that is too large */
  constructor(plan: GroupPlan, fields: readonly NamedField[]) {
    this.#plan = plan;
    this.#fields = fields;
    const { key, slots, sums, histograms } = plan;
    this.#keyWords = key !== undefined && isText(fields[key] as NamedField) ? 2 : 1;
    this.#groupWords = 1 + this.#keyWords + 2 * sums.length + HISTOGRAM_BUCKETS * histograms.length;
    const hasTable = slots + sums.length + histograms.length > 0;
    const words = hasTable ? 1 + (slots + 1) * this.#groupWords : 0;
    if (words > MOST_TABLE_WORDS) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_ARGUMENT',
        `${shown(plan.maxGroups)} groups of ${this.#groupWords * 8} bytes need more than a table can have, ${MOST_TABLE_WORDS * 8} bytes: take a smaller maxGroups`,
      );
    }
    this.words = new BigUint64Array(words);
  }

  clear(): void {
    this.words.fill(0n);
  }

  /** The groups, most samples first. The group for keys without a slot is last, if it has samples. */
  groups(matched: number): QueryGroup<unknown, object, object>[] {
    const { key, slots } = this.#plan;
    if (this.words.length === 0) return [{ key: undefined, count: matched, sums: {}, histograms: {} }];
    if (key === undefined) return [this.#group(0, undefined)];
    const groups: QueryGroup<unknown, object, object>[] = [];
    for (let slot = 0; slot < slots; slot++) {
      const at = 1 + slot * this.#groupWords;
      if (this.#word(at) === 0n) continue;
      const high = this.#keyWords === 2 ? this.#word(at + 2) : 0n;
      groups.push(this.#group(slot, (this.#fields[key] as NamedField).fromWords(this.#word(at + 1), high)));
    }
    groups.sort((one, other) => other.count - one.count);
    const rest = this.#group(slots, undefined);
    return rest.count > 0 ? [...groups, rest] : groups;
  }

  #group(slot: number, key: unknown): QueryGroup<unknown, object, object> {
    const { sums, histograms } = this.#plan;
    const start = 1 + slot * this.#groupWords;
    let at = start + 1 + this.#keyWords;
    const sumOf = (index: number): [string, number | bigint] => {
      const field = this.#fields[index] as NamedField;
      at += 2;
      return [field.name, this.#sum(at - 2, field)];
    };
    const histogramOf = (index: number): [string, readonly number[]] => {
      const field = this.#fields[index] as NamedField;
      at += HISTOGRAM_BUCKETS;
      return [field.name, Array.from(this.words.subarray(at - HISTOGRAM_BUCKETS, at), Number)];
    };
    return {
      key,
      count: Number(this.#word(start)),
      sums: Object.fromEntries(sums.map(sumOf)),
      histograms: Object.fromEntries(histograms.map(histogramOf)),
    };
  }

  /** A sum takes two words: the 128 bits of an integer, or a double in the first word. */
  #sum(at: number, field: NamedField): number | bigint {
    if (field.element === 'f32' || field.element === 'f64')
      return new Float64Array(this.words.buffer)[at] as number;
    const sum = BigInt.asIntN(128, (this.#word(at + 1) << 64n) | this.#word(at));
    return field.size === 8 ? sum : Number(sum);
  }

  #word(at: number): bigint {
    return this.words[at] as bigint;
  }
}

function isText({ nativeKind }: NamedField): boolean {
  return nativeKind === 'char' || nativeKind === 'bytes';
}
