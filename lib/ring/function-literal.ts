/** Most literals remembered: bounds the memory when a program generates code without end. */
const MOST_LITERALS = 64;

/** The source of a function expression. V8 shares feedback and inlining between all functions made from one literal. */
export interface FunctionLiteral {
  readonly source: string;
}

const byLength = new Map<number, FunctionLiteral[]>();
let count = 0;
/** The last literal found: a function made anew for each batch has the same literal each time. */
let last: FunctionLiteral | undefined;

/**
 * Returns the literal that a function was made from, found by comparing sources (0.1 µs). Undefined for values without
 * source (objects, bound functions), and for new literals after MOST_LITERALS.
 */
export function literalOf(value: object): FunctionLiteral | undefined {
  if (typeof value !== 'function') return undefined;
  const source: string = Function.prototype.toString.call(value);
  // Looked up by length and then compared: hashing long sources takes longer.
  if (last !== undefined && last.source.length === source.length && last.source === source) return last;
  const alike = byLength.get(source.length);
  let literal = alike?.find((one) => one.source === source);
  if (literal === undefined) {
    if (count === MOST_LITERALS || source.endsWith('{ [native code] }')) return undefined;
    literal = { source };
    count++;
    if (alike === undefined) byLength.set(source.length, [literal]);
    else alike.push(literal);
  }
  last = literal;
  return literal;
}
