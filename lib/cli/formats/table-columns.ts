import type { FieldValue, RingRecord, SampleField, SampleLayout, UnionLayout } from '../../index';
import { visibleText } from '../visible-text';
import { hexOf, jsonValue } from './field-value';

/** One column of the table. Numbers are aligned right, text left. */
export interface Column {
  readonly title: string;
  readonly width: number;
  readonly isText: boolean;
  /** A list of numbers, as text. */
  readonly isNumbers?: boolean;
  /** Only for the last column: its text may be longer than `width`; the terminal wraps it. */
  readonly isOpen?: boolean;
  value(record: RingRecord, fields: Readonly<Record<string, FieldValue>>): string;
}

/**
 * Columns for the fields of a layout. Those of nested structs are called `peer.port`.
 * @param without names of fields that get no column
 */
export function fieldColumns(layout: SampleLayout<unknown>, without: ReadonlySet<string>): Column[] {
  const fields = tellingFields(layout, without);
  const columns = columnsOf({ ...layout, fields }, '', (values) => values);
  // Only the last column has no limit: text without one would move the columns after it.
  return columns.map((column, index) =>
    column.isOpen !== true || index === columns.length - 1
      ? column
      : { ...column, isOpen: false, width: Math.max(column.width, LONG_TEXT_WIDTH) },
  );
}

/**
 * Columns for the samples of several built-in programs: the name of the thread, that of the program, and the fields
 * that differ, with their names.
 */
export function unionColumns({ cases }: UnionLayout<unknown>, without: ReadonlySet<string>): Column[] {
  const width = Math.max('program'.length, ...cases.map(({ name }) => name.length));
  const known = new Set([...without, 'comm']);
  const fieldsOf = new Map(cases.map(({ name, layout }) => [name, tellingFields(layout, known)]));
  return [
    { title: 'comm', width: TEXT_WIDTH, isText: true, value: (_record, { comm }) => shown(comm) },
    { title: 'program', width, isText: true, value: (_record, { program }) => shown(program) },
    {
      title: 'fields',
      width: LONG_TEXT_WIDTH,
      isText: true,
      isOpen: true,
      value: (_record, { program, ...values }) =>
        (fieldsOf.get(String(program)) ?? []).map(({ name }) => `${name}=${shown(values[name])}`).join(' '),
    },
  ];
}

/** The fields to show: not the name of the only program, and no length of another field. */
function tellingFields({ fields }: SampleLayout<unknown>, without: ReadonlySet<string>): SampleField[] {
  const [, length] = /\[(\w+)\]$/.exec(fields.at(-1)?.kind ?? '') ?? [];
  return fields.filter(({ name, values }) => {
    if (without.has(name) || name === length) return false;
    return name !== 'program' || Object.keys(values ?? {}).length !== 1;
  });
}

type Fields = Readonly<Record<string, FieldValue>>;

/** @param inside returns the struct that has the fields; undefined for a sample that is too short */
function columnsOf(
  { fields }: SampleLayout<unknown>,
  prefix: string,
  inside: (fields: Fields) => Fields | undefined,
): Column[] {
  return fields.flatMap((field) => {
    const { name, kind, layout } = field;
    if (kind !== 'struct' || layout === undefined) return [fieldColumn(field, prefix, inside)];
    return columnsOf(layout, `${prefix}${name}.`, (values) => inside(values)?.[name] as Fields | undefined);
  });
}

function fieldColumn(
  field: SampleField,
  prefix: string,
  inside: (fields: Fields) => Fields | undefined,
): Column {
  const { isText, width, isOpen, isNumbers } = shapeOf(field);
  const { name } = field;
  const title = visibleText(`${prefix}${name}`);
  return {
    title,
    width: Math.max(title.length, width),
    isText,
    isOpen,
    isNumbers: isNumbers ?? false,
    value: (_record, fields) => shown(inside(fields)?.[name]),
  };
}

/** Widths of kinds that decode to text. */
const TEXT_WIDTHS: Readonly<Record<string, number>> = { ipv4: 15, ipv6: 24, ip: 24, mac: 17, ptr: 18 };
/** A NUL-terminated string of 16 bytes, such as comm, has at most 15 characters. */
const TEXT_WIDTH = 15;
const LONG_TEXT_WIDTH = 32;

function shapeOf({
  kind,
  size,
  values,
}: SampleField): Pick<Column, 'isText' | 'width' | 'isNumbers'> & { isOpen: boolean } {
  if (/^(?:char|bytes)\[/.test(kind)) {
    const isOpen = size > 16 || size === 0;
    return { isText: true, width: Math.min(size - 1, TEXT_WIDTH), isOpen };
  }
  if (kind.includes('[')) return { isText: true, isNumbers: true, width: LONG_TEXT_WIDTH, isOpen: true };
  if (values !== undefined) {
    const longest = Math.max(...Object.keys(values).map((name) => name.length));
    return { isText: true, width: Math.min(longest, LONG_TEXT_WIDTH), isOpen: false };
  }
  const width = TEXT_WIDTHS[kind];
  if (width !== undefined) return { isText: true, width, isOpen: false };
  return { isText: false, width: size > 4 ? 12 : 6, isOpen: false };
}

function shown(value: FieldValue | undefined): string {
  if (value === undefined) return '-';
  if (typeof value === 'string') return visibleText(value);
  if (value instanceof Uint8Array) return hexOf(value);
  return typeof value === 'object' ? visibleText(jsonValue(value)) : String(value);
}
