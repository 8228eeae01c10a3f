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
 * The fields of a record, read at each access. A view is valid as long as its record: the same object is used for the
 * next record.
 */
export type EventView<Values> = Values & {
  /** A copy of all fields, valid as long as you keep it. */
  toObject(): Values;
  /** For `JSON.stringify`: bigints as text, bytes as hexadecimal text, other typed arrays as arrays. */
  toJSON(): unknown;
};

/** Makes views of records: call it with a record to get the record's view. */
export interface EventViews<Values> {
  /**
   * @returns the view of the record; `null` when the record is too short for the layout
   * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for a value that is not a record
   */
  (record: RecordPayload): EventView<Values> | null;
  /**
   * The views of many records, for example of a batch, one by one. Records that are too short are skipped and counted
   * in {@link unfit}.
   * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for a value that can't be iterated
   */
  each(records: Iterable<RecordPayload>): IterableIterator<EventView<Values>>;
  /** Number of records that were too short so far. */
  readonly unfit: number;
  /** Number of records so far whose type is not a case of the union; 0 for other layouts. */
  readonly unknown: number;
}

/**
 * Makes views for a layout: objects whose getters read a record in place. One object serves all records, so keep values
 * or the result of `toObject()`, not the view.
 *
 * ```ts
 * const view = viewFor(program.builtin.layout);
 * reader.drain((record) => {
 *   const event = view(record);
 *   if (event === null) console.warn('a sample that is too short:', record.bytes());
 *   else if (event.pid === 42) console.log(JSON.stringify(event));
 * });
 * ```
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for a value that is not a layout, and for fields named `toObject`,
 *   `toJSON` or `constructor`
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

/** Names of the view's own members. */
const OWN_NAMES: readonly string[] = ['toObject', 'toJSON', 'constructor'];

function viewable(layout: SampleLayout): SampleLayout {
  const taken = layout.fields.find(({ name }) => OWN_NAMES.includes(name));
  if (taken === undefined) return layout;
  throw invalidLayout(`a view can't have a field ${taken.name}: rename it in the layout`);
}

/** View of a record whose type is not a case of the union: its tag and a copy of its payload. */
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
