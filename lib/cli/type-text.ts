import type { Btf, SampleField, SampleLayout } from '../index';
import { visibleText } from './visible-text';

const DEEPEST = 32;

/** A type as it is written in C: `struct key`, `__u64`, `char[16]`, `struct task_struct *`. */
export function typeText(btf: Btf, id: number, depth = 0): string {
  if (depth > DEEPEST) return '…';
  const type = btf.type(id);
  const inner = (next: number): string => typeText(btf, next, depth + 1);
  switch (type.kind) {
    case 'void':
      return 'void';
    case 'ptr':
      return `${inner(type.type)} *`;
    case 'array': {
      const counts = [type.count];
      let element = btf.type(btf.resolve(type.type));
      let last = type.type;
      while (element.kind === 'array' && counts.length < DEEPEST) {
        counts.push(element.count);
        last = element.type;
        element = btf.type(btf.resolve(last));
      }
      return `${inner(last)}${counts.map((count) => `[${count || ''}]`).join('')}`;
    }
    case 'const':
    case 'volatile':
    case 'restrict':
      return `${type.kind} ${inner(type.type)}`;
    case 'type_tag':
      return inner(type.type);
    case 'struct':
    case 'union':
    case 'enum':
      return `${type.kind} ${named(type.name)}`;
    case 'enum64':
      return `enum ${named(type.name)}`;
    case 'fwd':
      return `${type.isUnion ? 'union' : 'struct'} ${named(type.name)}`;
    case 'func_proto':
      return 'a function';
    default:
      return named(type.name);
  }
}

function named(name: string): string {
  return name === '' ? '{…}' : visibleText(name);
}

/** A row for each field: offset in bytes, name, kind. Those of nested structs are called `peer.port`. */
export function fieldRows({ fields }: SampleLayout<unknown>, prefix = '', from = 0): string[][] {
  return fields.flatMap((field) => {
    const { name, kind, offset, layout } = field;
    if (kind === 'struct' && layout !== undefined)
      return fieldRows(layout, `${prefix}${name}.`, from + offset);
    return [[`${from + offset}`, visibleText(`${prefix}${name}`), kindText(field)]];
  });
}

function kindText({ kind, values, bitOffset }: SampleField): string {
  const bits = bitOffset === undefined ? '' : ` at bit ${bitOffset}`;
  if (values === undefined) return `${kind}${bits}`;
  const names = Object.keys(values).map(visibleText);
  const shown = names.slice(0, MOST_NAMES).join(', ');
  return `${kind}${bits}: ${shown}${names.length > MOST_NAMES ? ', …' : ''}`;
}

/** Names of an enum that are shown. */
const MOST_NAMES = 8;
