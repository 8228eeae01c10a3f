import { plainCopy, plainList, plainProperties } from '../input/plain-data';
import { named, shown } from '../input/shown';
import type { RecordPayload } from '../records/record';
import { checkedLayout } from './checked-layout';
import { type EnumStorage, holdsEnum, invalidLayout, parsedKind, SCALAR_SIZES } from './field-kind';
import { valueReader } from './field-reader';
import type { LayoutValues, SampleLayout } from './sample-layout';

/** The number that tells the type of a sample: its kind and its place, the same in all samples. */
export interface UnionTag {
  readonly kind: EnumStorage;
  /** Offset from the start of the payload, bytes. */
  readonly offset: number;
}

/** One type of samples. */
export interface UnionCase {
  readonly name: string;
  /** Value of the tag in samples of this type. */
  readonly value: number | bigint;
  readonly layout: SampleLayout;
}

declare const decoded: unique symbol;

/**
 * Layout of a stream with several types of samples. A number at the same place in each sample tells its type. Plain,
 * frozen data.
 * @typeParam Values type of the objects that {@link decoderFor} returns
 */
export interface UnionLayout<Values> {
  readonly tag: UnionTag;
  readonly cases: readonly UnionCase[];
  /** Exists for the compiler only; no object has this property. */
  readonly [decoded]?: Values;
}

/** A sample whose type is not a case of the union: its tag, and a copy of its payload with the kernel's padding. */
export interface UnknownEvent {
  readonly type: undefined;
  readonly tag: number | bigint;
  readonly bytes: Uint8Array;
}

/** The cases of a union, by the name of the type. */
export interface UnionCases {
  readonly [name: string]: { readonly value: number | bigint; readonly layout: SampleLayout<unknown> };
}

/** The decoded values of a union's samples: their fields, and the name of their type in `type`. */
export type UnionValues<Cases extends UnionCases> =
  | {
      [Name in keyof Cases]: { readonly type: Name } & Omit<LayoutValues<Cases[Name]['layout']>, 'type'>;
    }[keyof Cases]
  | UnknownEvent;

/**
 * Combines several layouts for a stream with several types of samples. Decoded samples and views have the name of their
 * type in `type`, for use in a `switch`. For a sample of an unknown type, `type` is undefined, and `tag` and `bytes`
 * are given.
 *
 * ```ts
 * const union = defineUnion(
 *   { kind: 'u32', offset: 0 },
 *   { exec: { value: 1, layout: exec }, exit: { value: 2, layout: exit } },
 * );
 * const view = viewFor(union);
 * reader.drain((record) => {
 *   const event = view(record);
 *   if (event?.type === 'exec') console.log(event.comm);
 * });
 * ```
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT
 */
export function defineUnion<const Cases extends UnionCases>(
  tag: UnionTag,
  cases: Cases,
): UnionLayout<UnionValues<Cases>> {
  const given = plainCopy(cases, 'cases', 'ERR_PERF_INVALID_ARGUMENT') as UnionCases;
  const list = Object.entries(given).map(([name, one]) => {
    const fields = ['value', 'layout'] as const;
    return { name, ...plainProperties(one, fields, 'ERR_PERF_INVALID_ARGUMENT', `case ${named(name)}`) };
  });
  return checkedUnion({ tag, cases: list as readonly UnionCase[] }) as UnionLayout<UnionValues<Cases>>;
}

export function isUnion(layout: unknown): layout is UnionLayout<unknown> {
  if (typeof layout !== 'object' || layout === null) return false;
  const given = plainProperties(
    layout as { cases?: unknown },
    ['cases'],
    'ERR_PERF_INVALID_ARGUMENT',
    'layout',
  );
  return given.cases !== undefined;
}

const MOST_CASES = 65_536;

/**
 * Checks a union that may come from a file or another thread, and returns a frozen copy.
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT
 */
export function checkedUnion(union: UnionLayout<unknown>): UnionLayout<unknown> {
  const code = 'ERR_PERF_INVALID_ARGUMENT';
  const plain = plainProperties(union, ['tag', 'cases'], code, 'union');
  const { kind, offset } = plainProperties(plain.tag, ['kind', 'offset'], code, 'tag');
  const parsed = typeof kind === 'string' ? parsedKind(kind) : undefined;
  const isInteger = parsed !== undefined && kind in SCALAR_SIZES && holdsEnum(parsed);
  if (!isInteger || !Number.isInteger(offset) || offset < 0) {
    throw invalidLayout(
      `a tag needs an integer kind such as u32 and an offset, got ${shown(kind)} at ${shown(offset)}`,
    );
  }
  const { elementBytes } = parsed;
  const seen = new Set<number | bigint>();
  const cases = plainList(plain.cases, 'union.cases', MOST_CASES).map((given): UnionCase => {
    const { name, value, layout } = plainProperties(given, ['name', 'value', 'layout'], code, 'a case');
    if (typeof name !== 'string' || name === '') throw invalidLayout('a case of a union needs a name');
    if (typeof value !== 'bigint' && !Number.isInteger(value)) {
      throw invalidLayout(`the value of case ${named(name)} must be a whole number, got ${shown(value)}`);
    }
    const bits = tagBits(value, elementBytes);
    if (seen.has(bits))
      throw invalidLayout(`case ${named(name)} has the same value as another case, ${value}`);
    seen.add(bits);
    return Object.freeze({ name, value: bits, layout: checkedLayout(layout) });
  });
  if (cases.length === 0) throw invalidLayout('a union needs at least one case');
  return Object.freeze({ tag: Object.freeze({ kind, offset }), cases: Object.freeze(cases) });
}

/** A tag's value as raw bits, like those of enums: a number, or a bigint for a tag of 8 bytes. */
function tagBits(value: number | bigint, bytes: number): number | bigint {
  const bits = BigInt.asUintN(bytes * 8, BigInt(value));
  return bytes === 8 ? bits : Number(bits);
}

/** Makes a function that reads a sample's tag as raw bits; it returns `undefined` when the sample is too short. */
export function tagReader({
  tag,
}: UnionLayout<unknown>): (record: RecordPayload) => number | bigint | undefined {
  const { kind, offset } = tag;
  const size = SCALAR_SIZES[kind];
  // Read as unsigned, like the values of the cases: -1 is 0xffffffff.
  const unsigned = kind.replace('i', 'u') as EnumStorage;
  const read = valueReader({ name: 'type', kind: unsigned, offset, size });
  return (record) => (record.size < offset + size ? undefined : (read(record, offset) as number | bigint));
}
