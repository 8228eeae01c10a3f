import type { BtfMap, FieldType, ObjectDescription, SampleField, SampleLayout } from '../index';
import { usageError } from './failure';
import { visibleText } from './visible-text';

/** Names that a module can't give to a constant, and those it gives itself. */
const TAKEN = [
  ...'break case catch class const continue debugger default delete do else enum export extends false finally for'.split(
    ' ',
  ),
  ...'function if import in instanceof new null return super switch this throw true try typeof var void while'.split(
    ' ',
  ),
  ...'with yield let static implements interface package private protected public await arguments eval'.split(
    ' ',
  ),
  ...'undefined NaN Infinity string number boolean bigint symbol object any never unknown type'.split(' '),
  ...'defineLayout LayoutValues ValuesOf FieldType SampleLayout TypedObject programs maps events globals'.split(
    ' ',
  ),
  ...'ProgramName MapName EventMapName Globals'.split(' '),
];

/** A module with the layouts themselves, or declarations of them for `import exec from './exec.bpf.o'`. */
export type ModuleForm = 'module' | 'declarations';

/**
 * A TypeScript module for an object: layouts, globals, and the names of maps and programs.
 * @param source how the object is called in the comment
 * @param types names of structs to write layouts of, beside those that the object names as its events
 * @throws CommandError (usage) for a type that the object doesn't have; PerfRingError for BTF that is damaged
 */
export function moduleText(
  object: ObjectDescription,
  source: string,
  types: readonly string[],
  form: ModuleForm = 'module',
): string {
  const writer = new ModuleWriter(object, form);
  const events = object.eventTypes.map(({ type, name, map }) => ({ map, name: writer.struct(type, name) }));
  for (const name of types) {
    const id = object.btf.find(name, 'struct') ?? object.btf.find(name, 'typedef');
    if (id === undefined) throw usageError(`${source} has no struct ${name}`);
    writer.struct(id, name);
  }
  const maps = object.maps.map((map) => [map.name, writer.map(map)] as const);
  const globals = object.globals.map(({ name, type }) => [name, writer.fieldType(type, name)] as const);
  const rings = events.flatMap(({ map, name }) => (map === undefined ? [] : [[map, name] as const]));
  const programs = object.programs.map(({ name, section }) => [name, JSON.stringify(section)] as const);
  const parts = {
    events: objectText(new Map(rings)),
    maps: objectText(new Map(maps)),
    globals: objectText(new Map(globals)),
    programs: objectText(new Map(programs)),
  };
  const shown = visibleText(source);
  return (form === 'module' ? moduleLines : declarationLines)(shown, writer.declarations, parts).join('\n');
}

/** Code of the four members of ObjectTypes. */
type Parts = Readonly<Record<'events' | 'maps' | 'globals' | 'programs', string>>;

function moduleLines(source: string, declarations: readonly string[], parts: Parts): string[] {
  return [
    `// Written by \`perfring gen ${source}\`: write it anew when the program changes, and don't edit it.`,
    `import { ${declarations.length > 0 ? 'defineLayout, ' : ''}type FieldType, ${declarations.length > 0 ? 'type LayoutValues, ' : ''}type ValuesOf } from 'perfring';`,
    ...declarations,
    '/** The layout of the events in each ring. */',
    `export const events = ${parts.events} as const;`,
    'export type EventMapName = keyof typeof events;',
    '',
    '/** Maps: BPF_MAP_TYPE_*, and what their keys and values are, where the object says it. */',
    `export const maps = ${parts.maps} as const;`,
    'export type MapName = keyof typeof maps;',
    '',
    '/** Global variables: what they are. */',
    `export const globals = ${parts.globals} as const satisfies Record<string, FieldType>;`,
    'export type Globals = ValuesOf<typeof globals>;',
    '',
    '/** Programs: the section of each, which says where it attaches. */',
    `export const programs = ${parts.programs} as const;`,
    'export type ProgramName = keyof typeof programs;',
    '',
  ];
}

function declarationLines(source: string, declarations: readonly string[], parts: Parts): string[] {
  return [
    `// Written by \`perfring gen --dts ${source}\`: write it anew when the program changes, and don't edit it.`,
    `import type { ${declarations.length > 0 ? 'SampleLayout, ' : ''}TypedObject${declarations.length > 0 ? ', ValuesOf' : ''} } from 'perfring';`,
    ...declarations,
    '',
    '/** The object and its types, for BpfObject.open. */',
    'declare const object: TypedObject<{',
    ...Object.entries(parts).map(([name, code]) => `  ${name}: ${code};`),
    '}>;',
    'export default object;',
    '',
  ];
}

class ModuleWriter {
  /** Constants and types of layouts, in an order in which each uses only those before. */
  readonly declarations: string[] = [];
  readonly #object: ObjectDescription;
  readonly #taken = new Set(TAKEN);
  /** What refers to each layout, by its text. */
  readonly #names = new Map<string, string>();

  readonly #form: ModuleForm;

  constructor(object: ObjectDescription, form: ModuleForm) {
    this.#object = object;
    this.#form = form;
  }

  /** Writes the layout of a struct, once. @returns its name in the module */
  struct(type: number, name: string): string {
    return this.#layout(this.#object.btf.layout(type), name);
  }

  /** A map, as an object literal. */
  map({ name, type, keyType, valueType }: BtfMap): string {
    const members = new Map<string, string>();
    if (type !== undefined) members.set('type', String(type));
    if (keyType !== undefined) members.set('key', this.fieldType(keyType, `${name}_key`));
    if (valueType !== undefined) members.set('value', this.fieldType(valueType, `${name}_value`));
    return objectText(members);
  }

  /** What a value of a type is as a field. @param name of its layout, if it needs one without a name of its own */
  fieldType(type: number, name: string): string {
    const { btf } = this.#object;
    const struct = btf.type(btf.resolve(type));
    const own = 'name' in struct && struct.name !== '' ? struct.name : name;
    return this.#typeText(btf.fieldType(type), own);
  }

  #typeText(type: FieldType, name: string): string {
    if (typeof type === 'string') return JSON.stringify(type);
    if ('enum' in type) return enumText(type.enum, type.as ?? 'u32');
    if ('fields' in type) return this.#layout(type, name);
    return `[${this.#layout(type[0], name)}, ${type[1]}]`;
  }

  #layout(layout: SampleLayout<unknown>, name: string): string {
    const fields = layout.fields.map((field) => `  ${this.#fieldText(field, name)},\n`);
    // Of a last field of any length the size follows from the fields.
    const size = /\[\D*\]$/.test(layout.fields.at(-1)?.kind ?? '') ? '' : `, ${layout.size}`;
    const text = `[\n${fields.join('')}]`;
    const known = this.#names.get(`${text}${size}`);
    if (known !== undefined) return known;
    const free = this.#free(name);
    const reference = this.#form === 'module' ? free : `SampleLayout<${free}>`;
    this.#names.set(`${text}${size}`, reference);
    this.declarations.push(
      '',
      ...(this.#form === 'module'
        ? [
            `export const ${free} = defineLayout(${text}${size});`,
            `export type ${free} = LayoutValues<typeof ${free}>;`,
          ]
        : [`export type ${free} = ValuesOf<${text}>;`]),
    );
    return reference;
  }

  #fieldText({ name, kind, offset, bitOffset, values, layout }: SampleField, struct: string): string {
    const count = /^struct\[(\d+)\]$/.exec(kind)?.[1];
    const nested = layout === undefined ? undefined : this.#layout(layout, `${struct}_${name}`);
    const written =
      values !== undefined
        ? enumText(values, kind)
        : nested === undefined
          ? JSON.stringify(kind)
          : count === undefined
            ? nested
            : `[${nested}, ${count}]`;
    const bits = bitOffset === undefined ? '' : `, bitOffset: ${bitOffset}`;
    return `{ name: ${JSON.stringify(name)}, kind: ${written}, offset: ${offset}${bits} }`;
  }

  /** A name that nothing else has. */
  #free(name: string): string {
    let free = /^[A-Za-z_$][\w$]*$/.test(name) ? name : `_${name.replace(/\W/g, '_')}`;
    while (this.#taken.has(free)) free += '_';
    this.#taken.add(free);
    return free;
  }
}

function enumText(values: Readonly<Record<string, number | bigint>>, as: string): string {
  const members = Object.entries(values).map(
    ([name, value]) => [name, typeof value === 'bigint' ? `${value}n` : String(value)] as const,
  );
  return `{ enum: ${objectText(new Map(members))}, as: ${JSON.stringify(as)} }`;
}

/** An object literal of members that are code. */
function objectText(members: ReadonlyMap<string, string>): string {
  if (members.size === 0) return '{}';
  return `{ ${[...members].map(([name, code]) => `${JSON.stringify(name)}: ${code}`).join(', ')} }`;
}
