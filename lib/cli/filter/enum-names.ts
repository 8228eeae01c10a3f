import type { SampleField, SampleLayout } from '../../index';
import type { Expression } from './cel';
import { NotSupported } from './closure';

/**
 * Enum fields are read as the names of their values. Replaces numbers that are compared with an enum field by the names,
 * so that both ways to write a value work.
 * @throws NotSupported for enums that are compared by < or >
 */
export function withEnumNames(node: Expression, layout: SampleLayout): Expression {
  const inner = (one: Expression): Expression => withEnumNames(one, layout);
  switch (node.op) {
    case '==':
    case '!=':
    case 'in': {
      const [one, other] = node.args;
      const names = enumOf(one, layout) ?? enumOf(other, layout);
      const args =
        names === undefined ? [inner(one), inner(other)] : [named(one, names), named(other, names)];
      return replaced(node, args);
    }
    case '<':
    case '<=':
    case '>':
    case '>=':
      if (node.args.some((one) => enumOf(one, layout) !== undefined)) {
        throw new NotSupported('enums have no order: compare them by ==, != or in');
      }
      return node;
    case '&&':
    case '||':
    case '?:':
      return replaced(node, node.args.map(inner));
    case '!_':
      return replaced(node, inner(node.args));
    default:
      return node;
  }
}

function replaced(node: Expression, args: unknown): Expression {
  return { op: node.op, args, start: node.start, end: node.end, pos: node.pos } as Expression;
}

function named(node: Expression, names: ReadonlyMap<bigint, string>): Expression {
  if (node.op === 'list')
    return replaced(
      node,
      node.args.map((element) => named(element, names)),
    );
  if (node.op !== 'value' || typeof node.args !== 'bigint') return node;
  const name = names.get(node.args);
  return name === undefined ? node : replaced(node, name);
}

/** The names of an enum field's values, if the node is one. */
function enumOf(node: Expression, layout: SampleLayout): ReadonlyMap<bigint, string> | undefined {
  const values = fieldOf(node, layout)?.values;
  if (values === undefined) return undefined;
  return new Map(Object.entries(values).map(([name, value]) => [BigInt(value), name]));
}

function fieldOf(node: Expression, layout: SampleLayout): SampleField | undefined {
  if (node.op === 'id') return layout.fields.find(({ name }) => name === node.args);
  if (node.op !== '.') return undefined;
  const [object, name] = node.args;
  const outer = object.op === 'id' && object.args === 'event' ? layout : fieldOf(object, layout)?.layout;
  return outer?.fields.find((field) => field.name === name);
}
