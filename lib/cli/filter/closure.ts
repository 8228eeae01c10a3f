import type { Expression, RECORD_FIELDS } from './cel';

/** What a condition is evaluated on: the fields of an event, and what the kernel wrote beside it. */
export interface Scope {
  readonly event: Readonly<Record<string, unknown>>;
  readonly record: Readonly<Record<(typeof RECORD_FIELDS)[number], unknown>>;
}

type Evaluate = (scope: Scope) => unknown;

/** A part of CEL that filters don't have. */
export class NotSupported extends Error {}

/**
 * Compiles a checked expression to closures. Integers are numbers or bigints, as the fields are read, and both compare
 * with each other; arithmetic is done with bigints.
 * @throws NotSupported
 */
export function closureOf(node: Expression): Evaluate {
  switch (node.op) {
    case 'value':
      return constant(literal(node.args));
    case 'id':
      return variable(node.args);
    case '.': {
      const [object, name] = node.args;
      const evaluate = closureOf(object);
      return (scope) => (evaluate(scope) as Readonly<Record<string, unknown>>)[name];
    }
    case '[]': {
      const [list, index] = node.args.map(closureOf) as [Evaluate, Evaluate];
      return (scope) => (list(scope) as readonly unknown[])[Number(index(scope))];
    }
    case '!_': {
      const evaluate = closureOf(node.args);
      return (scope) => evaluate(scope) !== true;
    }
    case '-_': {
      const evaluate = closureOf(node.args);
      return (scope) => negative(evaluate(scope));
    }
    case '&&':
      return both(node.args);
    case '||':
      return either(node.args);
    case '?:': {
      const [condition, yes, no] = node.args.map(closureOf) as [Evaluate, Evaluate, Evaluate];
      return (scope) => (condition(scope) === true ? yes(scope) : no(scope));
    }
    case 'list': {
      const elements = node.args.map(closureOf);
      return (scope) => elements.map((element) => element(scope));
    }
    case 'in':
      return membership(node.args);
    case 'call':
      return call(node.args[0], undefined, node.args[1]);
    case 'rcall':
      return call(...node.args);
    default:
      return binary(node);
  }
}

function constant(value: unknown): Evaluate {
  return () => value;
}

/** Small integers are numbers, as fields of up to 32 bits are: numbers compare faster with each other. */
function literal(value: unknown): unknown {
  return typeof value === 'bigint' && BigInt.asIntN(53, value) === value ? Number(value) : value;
}

function variable(name: string): Evaluate {
  if (name === 'event') return (scope) => scope.event;
  return (scope) => (name in scope.event ? scope.event[name] : name === 'record' ? scope.record : undefined);
}

function both([one, other]: readonly [Expression, Expression]): Evaluate {
  const [left, right] = [closureOf(one), closureOf(other)];
  return (scope) => left(scope) === true && right(scope) === true;
}

function either([one, other]: readonly [Expression, Expression]): Evaluate {
  const [left, right] = [closureOf(one), closureOf(other)];
  return (scope) => left(scope) === true || right(scope) === true;
}

function membership([element, list]: readonly [Expression, Expression]): Evaluate {
  const [value, values] = [closureOf(element), closureOf(list)];
  return (scope) => {
    const wanted = value(scope);
    for (const one of values(scope) as Iterable<unknown>) if (areEqual(one, wanted)) return true;
    return false;
  };
}

function binary(node: Expression): Evaluate {
  const { op } = node;
  const args = node.args as readonly [Expression, Expression];
  const compare = COMPARISONS[op];
  const calculate = ARITHMETIC[op];
  if (compare === undefined && calculate === undefined) throw new NotSupported(`filters do not have ${op}`);
  const [left, right] = [closureOf(args[0]), closureOf(args[1])];
  if (compare !== undefined) return (scope) => compare(left(scope), right(scope));
  return (scope) => (calculate as Calculate)(left(scope), right(scope));
}

type Compare = (one: unknown, other: unknown) => boolean;
type Calculate = (one: unknown, other: unknown) => unknown;
type Ordered = number | bigint | string;

const COMPARISONS: Readonly<Record<string, Compare>> = {
  '==': areEqual,
  '!=': (one, other) => !areEqual(one, other),
  '<': (one, other) => (one as Ordered) < (other as Ordered),
  '<=': (one, other) => (one as Ordered) <= (other as Ordered),
  '>': (one, other) => (one as Ordered) > (other as Ordered),
  '>=': (one, other) => (one as Ordered) >= (other as Ordered),
};

const ARITHMETIC: Readonly<Record<string, Calculate>> = {
  '+': (one, other) =>
    typeof one === 'string'
      ? one + String(other)
      : exact(
          one,
          other,
          (a, b) => a + b,
          (a, b) => a + b,
        ),
  '-': (one, other) =>
    exact(
      one,
      other,
      (a, b) => a - b,
      (a, b) => a - b,
    ),
  '*': (one, other) =>
    exact(
      one,
      other,
      (a, b) => a * b,
      (a, b) => a * b,
    ),
  // A division by 0 is an error in CEL. A filter lets no event pass for it, and goes on.
  '/': (one, other) =>
    exact(
      one,
      other,
      (a, b) => (b === 0n ? undefined : a / b),
      (a, b) => a / b,
    ),
  '%': (one, other) =>
    exact(
      one,
      other,
      (a, b) => (b === 0n ? undefined : a % b),
      (a, b) => a % b,
    ),
};

function exact(
  one: unknown,
  other: unknown,
  integers: (one: bigint, other: bigint) => unknown,
  doubles: (one: number, other: number) => unknown,
): unknown {
  if (isInteger(one) && isInteger(other)) return integers(BigInt(one), BigInt(other));
  return doubles(Number(one), Number(other));
}

function isInteger(value: unknown): value is number | bigint {
  return typeof value === 'bigint' || Number.isInteger(value);
}

function negative(value: unknown): unknown {
  return typeof value === 'bigint' ? -value : -(value as number);
}

function areEqual(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one === 'bigint' || typeof other === 'bigint') {
    // biome-ignore lint/suspicious/noDoubleEquals: a number and a bigint of the same value are equal
    return isNumber(one) && isNumber(other) && one == other;
  }
  if (!(one instanceof Uint8Array && other instanceof Uint8Array)) return false;
  return Buffer.from(one.buffer, one.byteOffset, one.length).equals(other);
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

/** Methods of text. Each gets its arguments as text. */
const TEXT_METHODS: Readonly<Record<string, (text: string, argument: string) => unknown>> = {
  startsWith: (text, start) => text.startsWith(start),
  endsWith: (text, end) => text.endsWith(end),
  contains: (text, part) => text.includes(part),
};

function call(name: string, receiver: Expression | undefined, given: readonly Expression[]): Evaluate {
  const [first] = given;
  if (name === 'size') {
    const value = closureOf((receiver ?? first) as Expression);
    return (scope) => sizeOf(value(scope));
  }
  const method = TEXT_METHODS[name];
  if (receiver === undefined || first === undefined || (method === undefined && name !== 'matches')) {
    throw new NotSupported(`filters do not have the function ${name}()`);
  }
  const text = closureOf(receiver);
  if (method === undefined) return matches(text, first);
  const argument = closureOf(first);
  return (scope) => method(String(text(scope)), String(argument(scope)));
}

function sizeOf(value: unknown): number {
  return typeof value === 'string' ? [...value].length : ((value as ArrayLike<unknown>).length ?? 0);
}

/** The pattern is compiled once. @throws NotSupported for a pattern that is not a literal, or not valid */
function matches(text: Evaluate, pattern: Expression): Evaluate {
  if (pattern.op !== 'value' || typeof pattern.args !== 'string')
    throw new NotSupported('matches() takes a pattern in quotes');
  let expression: RegExp;
  try {
    expression = new RegExp(pattern.args, 'u');
  } catch (error) {
    throw new NotSupported((error as Error).message);
  }
  return (scope) => expression.test(String(text(scope)));
}
