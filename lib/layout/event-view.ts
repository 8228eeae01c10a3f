import { PerfRingError } from '../errors';
import { shown } from '../input/shown';
import type { RecordPayload } from '../records/record';
import { checkRecord } from '../records/record-check';
import { checkedLayout } from './checked-layout';
import { invalidLayout } from './field-kind';
import { jsonValue } from './json-value';
import type { FieldValue, SampleLayout } from './sample-layout';
import { checkedUnion, isUnion, tagReader, type UnionLayout } from './union-layout';
import { type Lender, lenderOf } from './view-lender';

/**
 * The fields of the record that the view stands on, read when they are asked for. A view is lent with its record: the same
 * object stands on the next one later.
 */
export type EventView<Values> = Values & {
  /** All fields, yours to keep. */
  toObject(): Values;
  /** What `JSON.stringify` writes: bigints as text, bytes as hexadecimal text, typed arrays as arrays. */
  toJSON(): unknown;
};

/** Lends the view of a record. */
export interface EventViews<Values> {
  /**
   * @returns `null` for a record that doesn't fit the layout: it is too short
   * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for what is no record
   */
  (record: RecordPayload): EventView<Values> | null;
  /**
   * The views of a batch's records, or of other records, one by one; those that don't fit are left out, and counted.
   * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for what has no records
   */
  each(records: Iterable<RecordPayload>): IterableIterator<EventView<Values>>;
  /** How many records didn't fit. */
  readonly unfit: number;
  /** Of a union: how many records had a type that is none of its cases. */
  readonly unknown: number;
}

/**
 * Views for a layout: a record in, an object out whose getters read the record in place. One object serves all records, so
 * take values out of it, or `toObject()`.
 *
 * ```ts
 * const view = viewFor(program.builtin.layout);
 * reader.drain((record) => {
 *   const event = view(record);
 *   if (event === null) console.warn('a sample that is too short:', record.bytes());
 *   else if (event.pid === 42) console.log(JSON.stringify(event));
 * });
 * ```
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for what is no layout, and for fields named `toObject`, `toJSON` or `constructor`
 */
export function viewFor<Values>(layout: SampleLayout<Values> | UnionLayout<Values>): EventViews<Values> {
  if (isUnion(layout)) return unionViews(layout) as EventViews<Values>;
  const { lend, unfit } = lenderOf(viewable(checkedLayout(layout)));
  return Object.defineProperties(lend, {
    each: { value: (records: Iterable<RecordPayload>) => viewsOf(records, lend) },
    unfit: { get: unfit },
    unknown: { value: 0 },
  }) as EventViews<Values>;
}

type Lend = (record: RecordPayload) => unknown;

function viewsOf(records: Iterable<RecordPayload>, lend: Lend): IterableIterator<unknown> {
  if (typeof records === 'object' && records !== null && Symbol.iterator in records) {
    return lentViews(records, lend);
  }
  throw new PerfRingError(
    'ERR_PERF_INVALID_ARGUMENT',
    `each() takes a batch, or other records in order, got ${shown(records)}`,
  );
}

function* lentViews(records: Iterable<RecordPayload>, lend: Lend): IterableIterator<unknown> {
  for (const record of records) {
    const view = lend(record);
    if (view !== null) yield view;
  }
}

/** Names that a view has itself. */
const OWN_NAMES: readonly string[] = ['toObject', 'toJSON', 'constructor'];

function viewable(layout: SampleLayout): SampleLayout {
  const taken = layout.fields.find(({ name }) => OWN_NAMES.includes(name));
  if (taken === undefined) return layout;
  throw invalidLayout(`a view can't have a field ${taken.name}: rename it in the layout`);
}

/** A record of a union whose type is none of its cases: as it lies. */
class UnknownView {
  readonly type = undefined;
  constructor(
    readonly tag: number | bigint,
    readonly bytes: Uint8Array,
  ) {
    Object.freeze(this);
  }

  toObject(): object {
    return { type: undefined, tag: this.tag, bytes: this.bytes };
  }

  toJSON(): unknown {
    return { tag: jsonValue(this.tag as FieldValue), bytes: jsonValue(this.bytes) };
  }
}

function unionViews(union: UnionLayout<unknown>): unknown {
  const checked = checkedUnion(union);
  const readTag = tagReader(checked);
  const lenders = new Map<number | bigint, Lender>(
    checked.cases.map(({ name, value, layout }) => [value, lenderOf(viewable(layout), name)]),
  );
  let short = 0;
  let unknown = 0;
  const lend: Lend = (record) => {
    checkRecord(record, 'a view');
    const tag = readTag(record);
    if (tag === undefined) {
      short++;
      return null;
    }
    const lender = lenders.get(tag);
    if (lender !== undefined) return lender.lend(record);
    unknown++;
    return new UnknownView(tag, record.bytes());
  };
  return Object.defineProperties(lend, {
    each: { value: (records: Iterable<RecordPayload>) => viewsOf(records, lend) },
    unfit: { get: () => [...lenders.values()].reduce((sum, lender) => sum + lender.unfit(), short) },
    unknown: { get: () => unknown },
  });
}
