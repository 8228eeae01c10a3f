import { defineLayout, type FieldDefinition, type FieldType, type SampleLayout } from '../index';

/** A member of a C struct. */
export interface Member {
  /** Empty for an anonymous struct or union, whose members belong to the struct around it. */
  readonly name: string;
  readonly kind: FieldType;
}

/** Places the members as a C compiler does. Members of anonymous structs become fields of this struct. */
export function placed(members: readonly Member[], isUnion: boolean, packed: boolean): FieldDefinition[] {
  const fields: FieldDefinition[] = [];
  /** End of the members so far, in bits. */
  let end = 0;
  for (const { name, kind } of members) {
    const { alignment, fields: parts } = defineLayout([{ name: name || '_', kind }]);
    const [part] = parts as readonly [Field];
    const bits = bitSizeOf(kind);
    const unit = alignment * 8;
    const begin = isUnion ? 0 : packed ? roundUp(end, bits === undefined ? 8 : 1) : end;
    // System V ABI: a bitfield never spans two storage units of its type.
    const fits = bits !== undefined && (packed || (begin % unit) + bits <= unit);
    const at = fits || packed ? begin : roundUp(begin, unit);
    end = Math.max(end, at + (bits ?? part.size * 8));
    const offset = Math.floor(at / 8);
    if (name !== '') {
      fields.push({ name, kind, offset, ...(bits === undefined ? {} : { bitOffset: at % 8 }) });
    } else if (part.layout !== undefined) {
      for (const inner of part.layout.fields) {
        fields.push({ ...definitionOf(inner), offset: offset + inner.offset });
      }
    }
  }
  return fields;
}

/** End of the last field, bytes. */
export function membersEnd(fields: readonly FieldDefinition[]): number {
  return Math.max(...defineLayout(fields).fields.map(({ offset, size }) => offset + size));
}

type Field = SampleLayout['fields'][number];

function bitSizeOf(kind: FieldType): number | undefined {
  const text = typeof kind === 'string' ? kind : 'as' in kind ? (kind.as ?? '') : '';
  const bits = /:(\d+)$/.exec(text)?.[1];
  return bits === undefined ? undefined : Number(bits);
}

/** The definition of a field of a layout, to place it elsewhere. */
function definitionOf({ name, kind, layout, values, bitOffset }: Field): FieldDefinition {
  const count = /^struct\[(\d+)\]$/.exec(kind)?.[1];
  const structs = layout === undefined || count === undefined ? layout : [layout, Number(count)];
  const type = structs ?? (values === undefined ? kind : { enum: values, as: kind });
  return { name, kind: type as FieldType, ...(bitOffset === undefined ? {} : { bitOffset }) };
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
