import fc from 'fast-check';
import { decoderFor } from '../../../lib/layout/sample-decoder';
import { defineLayout, type SampleField, type SampleLayout } from '../../../lib/layout/sample-layout';
import { SCALAR_SIZES, type ScalarKind } from '../../../lib/layout/field-kind';
import type { Condition } from '../../../lib/query/condition';
import type { ColumnArray } from '../../../lib/query/query-plan';
import { prepareQuery, type SampleQuery } from '../../../lib/query/sample-query';
import type { PerfRing } from '../../../lib/ring/perf-ring';
import type { RecordPayload, RingRecord } from '../../../lib/records/record';
import { propertyRuns } from '../../support/property-runs';
import { codeOf } from '../../support/ring-errors';
import { RingFixture } from '../../support/ring-fixture';
import { lostBytes, recordBytes, sampleBytes } from '../../support/ring-records';

/** Compares queries with a visitor that decodes each record and evaluates the query in JavaScript. */

const CAPACITY = 2048;
/** Without the kinds that decode to text. */
const SCALARS = (Object.keys(SCALAR_SIZES) as ScalarKind[]).filter(
  (kind) => !['ipv4', 'ipv6', 'ip', 'mac', 'ptr'].includes(kind),
);
const COMPARISONS = ['==', '!=', '<', '<=', '>', '>='] as const;

type Value = number | bigint | boolean | string;
type Values = { readonly [name: string]: Value };
type Layout = SampleLayout<Values>;

const layouts = fc
  .array(fc.constantFrom(...SCALARS, 'u32', 'u64', 'char[5]', 'char[16]'), { minLength: 1, maxLength: 5 })
  .map((kinds) => defineLayout(kinds.map((kind, i) => ({ name: `f${i}`, kind }) as never)) as Layout);

/** Bytes of a few values, so that keys repeat and comparisons are true, and bytes of any value. */
const payloads = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.array(fc.constantFrom(0, 0, 0, 1, 2, 0xff), { minLength: 20, maxLength: 60, size: 'max' }),
  },
  { weight: 1, arbitrary: fc.array(fc.nat(255), { minLength: 1, maxLength: 60, size: 'max' }) },
);

/** Runs of samples of one size, so that both loops of the walk are used. */
const runs = fc
  .tuple(payloads, fc.nat(20))
  .map(([bytes, more]) =>
    Array.from({ length: more + 1 }, (_, i) =>
      sampleBytes(Uint8Array.from(bytes, (byte, at) => (at === i ? byte ^ 1 : byte))),
    ),
  );
const others = fc.oneof(
  fc.constant([lostBytes(1n, 3n)]),
  fc.nat(5).map((n) => [recordBytes(3, new Uint8Array(n * 8))]),
);
const records = fc
  .array(fc.oneof({ weight: 6, arbitrary: runs }, { weight: 1, arbitrary: others }), {
    maxLength: 24,
    size: 'max',
  })
  .map((lists) => {
    let room = CAPACITY;
    return lists.flat().filter(({ length }) => {
      if (length > room) return false;
      room -= length;
      return true;
    });
  });

/** A condition before its values are chosen: the numbers of a field and a record, or a combination of conditions. */
type Tree =
  | { leaf: readonly [field: number, comparison: (typeof COMPARISONS)[number], record: number] }
  | { and: Tree[] }
  | { or: Tree[] }
  | { not: Tree };
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.tuple(fc.nat(4), fc.constantFrom(...COMPARISONS), fc.nat(200)).map((leaf) => ({ leaf })),
    fc.array(tie('tree'), { minLength: 1, maxLength: 3 }).map((and) => ({ and })),
    fc.array(tie('tree'), { minLength: 1, maxLength: 3 }).map((or) => ({ or })),
    tie('tree').map((not) => ({ not })),
  ),
}));

const scenarios = fc.record({
  layout: layouts,
  records,
  position: fc.nat(CAPACITY / 8 - 1).map((word) => word * 8),
  tree: fc.option(tree, { nil: undefined }),
  groupBy: fc.option(fc.nat(4), { nil: undefined }),
  maxGroups: fc.integer({ min: 1, max: 40 }),
  limit: fc.constantFrom(1, 3, 100_000),
  asDouble: fc.boolean(),
  mutations: fc.array(fc.record({ at: fc.nat(CAPACITY - 1), value: fc.nat(255) }), { maxLength: 2 }),
});

const endOf = ({ fields }: Layout): number => Math.max(...fields.map(({ offset, size }) => offset + size));
const isText = ({ kind }: SampleField): boolean => kind.startsWith('char');
const isFloat = ({ kind }: SampleField): boolean => kind.startsWith('f');
const isNumber = (field: SampleField): boolean => !isText(field) && field.kind !== 'bool';

/** The condition with values of samples, so that it is met or nearly met. */
function conditionOf(tree: Tree, layout: Layout, samples: readonly Values[]): Condition {
  if ('and' in tree) return { and: tree.and.map((one) => conditionOf(one, layout, samples)) };
  if ('or' in tree) return { or: tree.or.map((one) => conditionOf(one, layout, samples)) };
  if ('not' in tree) return { not: conditionOf(tree.not, layout, samples) };
  const [number, comparison, record] = tree.leaf;
  const field = layout.fields[number % layout.fields.length] as SampleField;
  const value = samples[record % samples.length]?.[field.name] ?? nothingOf(field);
  const isBroken = typeof value === 'string' && value.includes('\ufffd');
  const hasOrder = isNumber(field);
  return [field.name, hasOrder || comparison === '!=' ? comparison : '==', isBroken ? 'x' : value];
}

function nothingOf(field: SampleField): Value {
  if (isText(field)) return '';
  if (field.kind === 'bool') return false;
  return field.size === 8 && !isFloat(field) ? 0n : 0;
}

function meets(condition: Condition | undefined, values: Values): boolean {
  if (condition === undefined) return true;
  if ('and' in condition) return condition.and.every((one) => meets(one, values));
  if ('or' in condition) return condition.or.some((one) => meets(one, values));
  if ('not' in condition) return !meets(condition.not, values);
  const [name, comparison, constant] = condition as readonly [string, string, Value];
  const value = values[name] as Value;
  if (comparison === '==') return value === constant;
  if (comparison === '!=') return value !== constant;
  if (comparison === '<') return value < constant;
  if (comparison === '<=') return value <= constant;
  return comparison === '>' ? value > constant : value >= constant;
}

/** Visits in steps of `limit` records. @returns how the visits ended, and what is left */
function visitAll(
  ring: PerfRing,
  visitor: never,
  other: (record: RingRecord) => void,
  limit: number,
): unknown {
  const code = codeOf(() => {
    while (ring.visit(visitor, { other, limit }) === limit);
  });
  return [code, ring.bytesRemaining()];
}

const ARRAYS: Readonly<Record<string, new (length: number) => ColumnArray>> = {
  u8: Uint8Array,
  i8: Int8Array,
  u16: Uint16Array,
  i16: Int16Array,
  u32: Uint32Array,
  i32: Int32Array,
  u64: BigUint64Array,
  i64: BigInt64Array,
  ktime: BigInt64Array,
  f32: Float32Array,
  f64: Float64Array,
  bool: Uint8Array,
};
const ROWS = CAPACITY / 8;

function arrayFor(field: SampleField, asDouble: boolean): ColumnArray {
  if (isText(field)) return new Uint8Array(ROWS * field.size);
  if (asDouble && field.size === 8) return new Float64Array(ROWS);
  return new (ARRAYS[field.kind.replace(/be$/, '')] as new (length: number) => ColumnArray)(ROWS);
}

/** A value of a column, converted to that of a decoder. */
function cell(field: SampleField, array: ColumnArray, row: number): Value {
  if (isText(field)) {
    const bytes = Buffer.from((array as Uint8Array).subarray(row * field.size, (row + 1) * field.size));
    const end = bytes.indexOf(0);
    return bytes.toString('utf8', 0, end < 0 ? field.size : end);
  }
  const value = array[row] as number | bigint;
  return field.kind === 'bool' ? value !== 0 : value;
}

function bucketOf(value: number | bigint): number {
  if (!(value >= 1)) return 0;
  if (value === Number.POSITIVE_INFINITY) return 64;
  const whole = typeof value === 'bigint' ? value : BigInt(Math.trunc(value));
  return Math.min(64, whole.toString(2).length);
}

/** The expected group of a query for these samples. */
function groupOf(key: unknown, samples: readonly Values[], fields: readonly SampleField[]): object {
  const sums: Record<string, number | bigint> = {};
  const histograms: Record<string, number[]> = {};
  for (const field of fields) {
    const values = samples.map((values) => values[field.name] as number | bigint);
    const whole = (): bigint => values.reduce((sum: bigint, value) => sum + BigInt(value), 0n);
    const float = (): number => values.reduce((sum: number, value) => sum + (value as number), 0);
    sums[field.name] = isFloat(field) ? float() : field.size === 8 ? whole() : Number(whole());
    const buckets = new Array<number>(65).fill(0);
    for (const value of values) (buckets[bucketOf(value)] as number)++;
    histograms[field.name] = buckets;
  }
  return { key, count: samples.length, sums, histograms };
}

const byKey = (groups: readonly { key: unknown }[]): unknown[] =>
  [...groups].sort((one, other) => (String(one.key) < String(other.key) ? -1 : 1));

describe('a query', () => {
  it('finds what a plain visitor finds, and stops where it stops', () => {
    let met = 0;
    fc.assert(
      fc.property(
        scenarios,
        ({ layout, records, position, tree, groupBy, maxGroups, limit, asDouble, mutations }) => {
          const fixtures = [0, 1].map(() => {
            const made = new RingFixture({ position });
            made.publish(...records);
            for (const { at, value } of mutations) made.data[at] = value;
            made.ring.startReadBatch();
            return made;
          }) as [RingFixture, RingFixture];
          const decode = decoderFor(layout);
          const end = endOf(layout);
          const decoded: Values[] = [];
          let short = 0;
          const seen = (record: RecordPayload): void => {
            if (record.size < end) short++;
            else decoded.push(decode(record));
          };
          const otherTypes: number[][] = [[], []];
          const expected = visitAll(
            fixtures[0].ring,
            seen as never,
            (record) => (otherTypes[0] as number[]).push(record.type),
            limit,
          );

          const where = tree && conditionOf(tree, layout, decoded);
          const key = groupBy === undefined ? undefined : layout.fields[groupBy % layout.fields.length];
          // Not floats: equal ones can have different bits (0 and -0), and NaN is not equal to itself.
          const groupField = key === undefined || isFloat(key) ? undefined : key;
          const measured = layout.fields.filter(isNumber);
          const columns = Object.fromEntries(
            layout.fields.map((field) => [field.name, arrayFor(field, asDouble)]),
          );
          const names = measured.map(({ name }) => name);
          const query = prepareQuery(layout, {
            columns,
            sum: names,
            histogram: names,
            ...(where && { where }),
            ...(groupField && { groupBy: groupField.name, maxGroups }),
          }) as SampleQuery;
          const actual = visitAll(
            fixtures[1].ring,
            query as never,
            (record) => (otherTypes[1] as number[]).push(record.type),
            limit,
          );

          expect(actual).toEqual(expected);
          expect(otherTypes[1]).toEqual(otherTypes[0]);
          const matching = decoded.filter((values) => meets(where, values));
          met += matching.length;
          expect([query.samples, query.matched, query.short, query.rows]).toEqual([
            decoded.length + short,
            matching.length,
            short,
            matching.length,
          ]);
          for (const field of layout.fields) {
            const array = columns[field.name] as ColumnArray;
            const isRounded = asDouble && field.size === 8 && !isText(field);
            const wanted = matching.map((values) => values[field.name] as Value);
            expect(matching.map((_, row) => cell(field, array, row))).toEqual(
              isRounded ? wanted.map(Number) : wanted,
            );
          }
          if (groupField === undefined) {
            expect(query.groups()).toEqual([groupOf(undefined, matching, measured)]);
            return;
          }
          const groups = new Map<unknown, Values[]>();
          const rest: Values[] = [];
          for (const values of matching) {
            const value = values[groupField.name];
            const group = groups.get(value) ?? (groups.size < maxGroups ? [] : rest);
            group.push(values);
            if (group !== rest) groups.set(value, group);
          }
          const wanted = [...groups].map(([value, samples]) => groupOf(value, samples, measured));
          if (rest.length > 0) wanted.push(groupOf(undefined, rest, measured));
          // Different bytes that are not UTF-8 may decode to the same text.
          if ([...groups.keys()].some((value) => String(value).includes('\ufffd'))) return;
          expect(byKey(query.groups())).toEqual(byKey(wanted as { key: unknown }[]));
        },
      ),
      propertyRuns(400),
    );
    expect(met).toBeGreaterThan(1000);
  });
});
