import type { Condition } from '../../index';
import type { Expression } from './cel';

const MIRRORED = { '==': '==', '!=': '!=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' } as const;
type Comparison = keyof typeof MIRRORED;

/**
 * The expression as a condition of a query, which native code checks.
 * @returns undefined when a query can't check it: a call, arithmetic, or two fields compared with each other
 */
export function conditionOf(node: Expression): Condition | undefined {
  switch (node.op) {
    case '&&':
      return combined('and', node.args.map(conditionOf));
    case '||':
      return combined('or', node.args.map(conditionOf));
    case '!_': {
      const inner = conditionOf(node.args);
      return inner === undefined ? undefined : { not: inner };
    }
    case 'in':
      return membership(node.args);
    case '==':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
      return comparison(node.op, node.args);
    default: {
      const field = fieldOf(node);
      return field === undefined ? undefined : [field, '==', true];
    }
  }
}

function combined(how: 'and' | 'or', parts: readonly (Condition | undefined)[]): Condition | undefined {
  if (parts.includes(undefined)) return undefined;
  const known = parts as readonly Condition[];
  return how === 'and' ? { and: known } : { or: known };
}

function membership([element, list]: readonly [Expression, Expression]): Condition | undefined {
  const field = fieldOf(element);
  if (field === undefined || list.op !== 'list' || list.args.length === 0) return undefined;
  const values = list.args.map(literalOf);
  if (values.includes(undefined)) return undefined;
  return { or: (values as Value[]).map((value) => [field, '==', value]) };
}

function comparison(op: Comparison, [one, other]: readonly [Expression, Expression]): Condition | undefined {
  const [left, right] = [fieldOf(one), fieldOf(other)];
  const [first, second] = [literalOf(one), literalOf(other)];
  if (left !== undefined && second !== undefined) return [left, op, second];
  if (right !== undefined && first !== undefined) return [right, MIRRORED[op], first];
  return undefined;
}

/** `pid`, `event.pid`, `peer.port`, `record.cpu`: the name of a field as queries name it. */
function fieldOf(node: Expression): string | undefined {
  if (node.op === 'id') return node.args === 'event' ? '' : node.args;
  if (node.op !== '.') return undefined;
  const [object, name] = node.args;
  const outer = fieldOf(object);
  if (outer === undefined) return undefined;
  return outer === '' ? name : `${outer}.${name}`;
}

type Value = number | bigint | boolean | string | Uint8Array;

function literalOf(node: Expression): Value | undefined {
  if (node.op === '-_') {
    const value = literalOf(node.args);
    return typeof value === 'bigint' || typeof value === 'number' ? -value : undefined;
  }
  if (node.op !== 'value' || node.args === null) return undefined;
  const value = node.args;
  if (typeof value === 'object' && !(value instanceof Uint8Array)) return undefined;
  return value;
}
