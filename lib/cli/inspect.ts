import { statfsSync } from 'node:fs';
import { basename } from 'node:path';
import {
  attachmentBy,
  BpfMap,
  type Btf,
  type BtfMap,
  describeMap,
  describeObject,
  mapTypeName,
  programTypeName,
  type SampleLayout,
} from '../index';
import { chooseLayout } from './event-layout';
import { usageError } from './failure';
import { bytesOf, ringKind } from './object-source';
import { print } from './print';
import { titleOf } from './sample-source';
import { textWidth } from './text-width';
import { fieldRows, typeText } from './type-text';
import { visibleText } from './visible-text';

/** What the command line gives `perfring inspect`. */
export interface InspectArguments {
  readonly json?: true;
  /** Names of structs, with commas between. */
  readonly types?: string;
}

/** What is shown, and written as JSON. */
interface Inspection {
  readonly title: string;
  readonly programs: readonly {
    readonly name: string;
    readonly section?: string;
    readonly id?: number;
    readonly type?: string;
    /** What has to be given to attach it. */
    readonly needs?: 'target';
  }[];
  readonly maps: readonly {
    readonly name: string;
    readonly id?: number;
    readonly type: string;
    readonly maxEntries?: number;
    readonly key?: string;
    readonly value?: string;
    readonly isRing: boolean;
    /** Name of the struct of its samples. */
    readonly samples?: string;
    /** Why the struct is unknown. */
    readonly note?: string;
  }[];
  readonly globals: readonly { readonly name: string; readonly section: string; readonly type: string }[];
  readonly layouts: Readonly<Record<string, SampleLayout>>;
}

/**
 * Shows a BPF object, or a map by its pin or its id.
 * @throws CommandError, and the errors of the library
 */
export async function inspect(what: string, { json, types }: InspectArguments): Promise<void> {
  const names = types === undefined ? [] : types.split(',').map((name) => name.trim());
  const inspection = inspectionOf(what, names);
  const { title: _title, ...data } = inspection;
  await print(json === true ? `${JSON.stringify(data, jsonMember)}\n` : textOf(inspection));
}

/** 64-bit values of enums are text, as in ndjson. */
function jsonMember(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

function inspectionOf(what: string, types: readonly string[]): Inspection {
  if (/^\d+$/.test(what)) return mapInspection(BpfMap.openById(checkedId(what)), types);
  if (isPin(what)) return mapInspection(BpfMap.openPinned(what), types);
  return objectInspection(what, types);
}

function checkedId(text: string): number {
  const id = Number(text);
  if (id >= 1 && id <= 0xffff_ffff) return id;
  throw usageError(
    `a map's id is a number from 1 to 4294967295, got ${text}; list the maps: bpftool map list`,
  );
}

const BPF_FS_MAGIC = 0xcafe_4a11;

/** Whether a file lies in a bpf file system. */
function isPin(path: string): boolean {
  try {
    return statfsSync(path).type === BPF_FS_MAGIC;
  } catch {
    return false;
  }
}

function objectInspection(path: string, types: readonly string[]): Inspection {
  const name = basename(path);
  const { btf, programs, maps, globals } = describeObject(bytesOf(path));
  const layouts: Record<string, SampleLayout> = {};
  const described = maps.map((map) => {
    const isRing = ringKind(map) !== undefined;
    const known = { what: name, btf, eventTypes: btf.eventTypes(map.name) };
    const chosen = isRing ? chooseLayout({ type: undefined, file: undefined }, known) : undefined;
    if (chosen?.layout !== undefined) layouts[chosen.type ?? map.name] = chosen.layout;
    return {
      name: map.name,
      type: map.type === undefined ? 'unknown' : mapTypeName(map.type),
      ...(map.maxEntries === undefined ? {} : { maxEntries: map.maxEntries }),
      ...(isRing ? {} : keyAndValue(btf, map)),
      isRing,
      ...(chosen?.layout === undefined ? {} : { samples: chosen.type ?? map.name }),
      ...(chosen?.note === undefined ? {} : { note: chosen.note }),
    };
  });
  return {
    title: `${visibleText(name)}: a BPF object`,
    programs: programs.map(({ name: program, section }) => ({
      name: program,
      section,
      ...(attachmentBy(section) === 'target' ? { needs: 'target' as const } : {}),
    })),
    maps: described,
    globals: globals.map(({ name: global, section, type }) => ({
      name: global,
      section,
      type: typeText(btf, type),
    })),
    layouts: { ...layouts, ...named(btf, types) },
  };
}

function mapInspection(map: BpfMap, types: readonly string[]): Inspection {
  try {
    const { info } = map;
    const what = titleOf(map);
    const { btf, programs, keyType, valueType, eventTypes } = describeMap(map);
    const isRing = ringKind(info) !== undefined;
    const known = { what, btf, eventTypes };
    const chosen = isRing ? chooseLayout({ type: undefined, file: undefined }, known) : undefined;
    const samples = chosen?.layout === undefined ? undefined : (chosen.type ?? info.name);
    if (btf === undefined && types.length > 0)
      throw usageError(`${what} has no BTF, so it has no struct ${types[0]}`);
    return {
      title: what,
      programs: programs.map(({ id, name, type }) => ({ id, name, type: programTypeName(type) })),
      maps: [
        {
          name: info.name,
          id: info.id,
          type: mapTypeName(info.type),
          maxEntries: info.maxEntries,
          ...(btf === undefined ? {} : keyAndValue(btf, { keyType, valueType })),
          isRing,
          ...(samples === undefined ? {} : { samples }),
          ...(chosen?.note === undefined ? {} : { note: chosen.note }),
        },
      ],
      globals: [],
      layouts: {
        ...(samples === undefined || chosen?.layout === undefined ? {} : { [samples]: chosen.layout }),
        ...(btf === undefined ? {} : named(btf, types)),
      },
    };
  } finally {
    map.close();
  }
}

function keyAndValue(
  btf: Btf,
  { keyType, valueType }: Pick<BtfMap, 'keyType' | 'valueType'>,
): { key?: string; value?: string } {
  return {
    ...(keyType === undefined ? {} : { key: typeText(btf, keyType) }),
    ...(valueType === undefined ? {} : { value: typeText(btf, valueType) }),
  };
}

function named(btf: Btf, types: readonly string[]): Record<string, SampleLayout> {
  return Object.fromEntries(types.map((name) => [name, btf.layout(name)]));
}

function textOf({ title, programs, maps, globals, layouts }: Inspection): string {
  const parts = [
    `${title}\n`,
    section(
      'programs',
      programs.map(({ id, name, section: where, type, needs }) => [
        ...(id === undefined ? [] : [`${id}`]),
        visibleText(name),
        visibleText(where ?? type ?? ''),
        needs === undefined ? '' : `needs --attach ${visibleText(name)}=TARGET`,
      ]),
    ),
    section(
      'maps',
      maps.map(({ name, type, maxEntries, key, value, isRing, samples, note }) => [
        visibleText(name),
        type,
        maxEntries === undefined ? '' : `${maxEntries} ${type === 'ringbuf' ? 'bytes' : 'entries'}`,
        isRing
          ? `a ring${samples === undefined ? '' : ` of struct ${visibleText(samples)}`}`
          : key === undefined && value === undefined
            ? ''
            : `${key ?? '?'} -> ${value ?? '?'}`,
        note === undefined ? '' : note,
      ]),
    ),
    section(
      'globals',
      globals.map(({ name, section: where, type }) => [visibleText(name), where, type]),
    ),
    ...Object.entries(layouts).map(([name, layout]) =>
      section(`struct ${visibleText(name)}, ${layout.size} bytes`, fieldRows(layout)),
    ),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

/** A title, and rows whose columns are aligned. Empty without rows. */
function section(title: string, rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => textWidth(row[column] ?? ''))),
  );
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - textWidth(cell))))
      .join('  '),
  );
  return [title, ...lines.map((line) => `  ${line.trimEnd()}`)].map((line) => `${line}\n`).join('');
}
