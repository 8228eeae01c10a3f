import type { BtfMap } from '../btf/btf-maps';
import { describeObject } from '../btf/object-description';
import { PerfRingError } from '../errors';
import { plainProperties } from '../input/plain-data';
import { named, shown } from '../input/shown';
import type { BigIntKind, EnumKind, NumberKind, BigEndianNumberKind } from '../layout/field-kind';
import type { FieldType, SampleLayout, ValueOf } from '../layout/sample-layout';
import type { GlobalValue } from './global-value';
import { bytesOf, nameOf } from './object-source';

/** A map in {@link ObjectTypes}. */
export interface ObjectMapTypes {
  /** BPF_MAP_TYPE_* */
  readonly type?: number;
  readonly key?: FieldType;
  readonly value?: FieldType;
}

/** Names and types of an object: what a module of `perfring gen` exports. */
export interface ObjectTypes {
  /** Programs, and their sections. */
  readonly programs: { readonly [name: string]: string };
  readonly maps: { readonly [name: string]: ObjectMapTypes };
  /** Global variables. */
  readonly globals: { readonly [name: string]: FieldType };
  /** Ring buffers and perf event arrays, and the layouts of their events. */
  readonly events: { readonly [name: string]: SampleLayout<unknown> };
}

/**
 * An object with its types, for {@link BpfObject.open}: what `import exec from './exec.bpf.o'` returns with
 * `node --import perfring/register`.
 */
export interface TypedObject<Types extends ObjectTypes = ObjectTypes> {
  /** The file's name. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly types: Types;
}

/** Names of programs; string if the types are not known. */
export type ProgramOf<Types extends ObjectTypes> = keyof Types['programs'] & string;
/** Names of maps; string if the types are not known. */
export type MapOf<Types extends ObjectTypes> = keyof Types['maps'] & string;
/** Names of global variables; string if the types are not known. */
export type GlobalOf<Types extends ObjectTypes> = keyof Types['globals'] & string;

/** Values that `set` takes. */
export type GlobalsToSet<Types extends ObjectTypes> =
  string extends GlobalOf<Types>
    ? Readonly<Record<string, GlobalValue>>
    : { readonly [Name in GlobalOf<Types>]?: GlobalInput<Types['globals'][Name]> };

/** A value that `set` takes for a variable; bytes are always possible. */
export type GlobalInput<Kind> =
  | Uint8Array
  | (Kind extends EnumKind
      ? keyof Kind['enum'] | number | bigint
      : Kind extends BigIntKind
        ? bigint | number
        : GlobalAs<Kind>);

/** The value that `get` returns. */
export type GlobalAs<Kind> = FieldType extends Kind
  ? GlobalValue
  : Kind extends NumberKind | BigEndianNumberKind
    ? number
    : Kind extends BigIntKind
      ? bigint
      : Kind extends 'bool'
        ? boolean
        : Kind extends EnumKind
          ? number | bigint
          : Kind extends `char[${number}]`
            ? string
            : Uint8Array;

/** The type of a map's keys, for {@link TypedMap}. */
export type KeyOf<Types extends ObjectMapTypes> = FieldType extends Types['key']
  ? unknown
  : ValueOf<Types['key']>;
/** The type of a map's values; of a per-CPU map (BPF_MAP_TYPE_* 5, 6, 10) an array of them. */
export type ValueIn<Types extends ObjectMapTypes> = FieldType extends Types['value']
  ? unknown
  : Types extends { readonly type: 5 | 6 | 10 }
    ? readonly ValueOf<Types['value']>[]
    : ValueOf<Types['value']>;

/**
 * Reads an object with its types. The names are strings for the compiler: a module of `perfring gen`, or declarations of
 * `perfring gen --dts`, have them literally.
 *
 * ```ts
 * const object = BpfObject.open(readTypedObject('exec.bpf.o'));
 * ```
 * @param source the path of a `.bpf.o` file, or its bytes
 * @throws PerfRingError ERR_PERF_OBJECT_DAMAGED, ERR_PERF_BTF_DAMAGED; PerfSystemError for a file that can't be read
 */
export function readTypedObject(source: string | Uint8Array): TypedObject {
  const bytes = bytesOf(source);
  const { btf, programs, maps, globals } = describeObject(bytes);
  const events = maps.flatMap(({ name }) => {
    const [type, ...others] = btf.eventTypes(name);
    return type === undefined || others.length > 0 || !isNamed(btf.eventTypes(), name)
      ? []
      : [[name, btf.layout(type.type)] as const];
  });
  const mapTypes = ({ name, type, keyType, valueType }: BtfMap): [string, ObjectMapTypes] => [
    name,
    {
      ...(type === undefined ? {} : { type }),
      ...(keyType === undefined ? {} : { key: btf.fieldType(keyType) }),
      ...(valueType === undefined ? {} : { value: btf.fieldType(valueType) }),
    },
  ];
  return Object.freeze({
    name: nameOf(source),
    bytes,
    types: {
      programs: Object.fromEntries(programs.map(({ name, section }) => [name, section])),
      maps: Object.fromEntries(maps.map(mapTypes)),
      globals: Object.fromEntries(globals.map(({ name, type }) => [name, btf.fieldType(type)])),
      events: Object.fromEntries(events),
    },
  });
}

function isNamed(events: readonly { readonly map: string | undefined }[], map: string): boolean {
  return events.some((event) => event.map === map);
}

/** The parts of a {@link TypedObject}; undefined for a path or bytes. @throws PerfRingError ERR_PERF_INVALID_ARGUMENT */
export function typedObjectOf(source: unknown): TypedObject | undefined {
  if (typeof source !== 'object' || source === null || ArrayBuffer.isView(source)) return undefined;
  const code = 'ERR_PERF_INVALID_ARGUMENT';
  const given = plainProperties(source as TypedObject, ['name', 'bytes', 'types'], code, 'source');
  return given.bytes === undefined ? undefined : given;
}

/**
 * Checks that an object has the names of these types: a module of an older object is found here, and not at the first
 * use of a name.
 * @throws PerfRingError ERR_PERF_INVALID_OPTION
 */
export function checkTypes(
  types: ObjectTypes,
  object: {
    readonly programs: readonly string[];
    readonly maps: readonly string[];
    readonly globals: readonly string[];
  },
  name: string,
): void {
  const kinds = ['programs', 'maps', 'globals'] as const;
  const given = plainProperties(types, kinds, 'ERR_PERF_INVALID_OPTION', 'types');
  for (const kind of kinds) {
    const names = given[kind] as unknown;
    if (typeof names !== 'object' || names === null) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_OPTION',
        `types must be a module of perfring gen; its ${kind} are ${shown(names)}`,
      );
    }
    const missing = Object.keys(names).find((one) => !object[kind].includes(one));
    if (missing === undefined) continue;
    throw new PerfRingError(
      'ERR_PERF_INVALID_OPTION',
      `${named(name)} has no ${kind.slice(0, -1)} ${named(missing)}, which the types have: write them again by perfring gen`,
    );
  }
}
