/** So many are told apart, and no more: a program that makes code without end is not followed. */
const MOST_LITERALS = 64;

/** A piece of code that makes functions: for V8 these are alike, and what it has inlined of one it has inlined of all. */
export interface FunctionLiteral {
  readonly source: string;
}

const byLength = new Map<number, FunctionLiteral[]>();
let count = 0;
/** A function made anew for each batch asks for the same one each time. */
let last: FunctionLiteral | undefined;

/**
 * The literal that a function was made by, as far as its source tells; 0.1 µs. Undefined for what has no source (bound
 * functions), and when there are too many.
 */
export function literalOf(value: object): FunctionLiteral | undefined {
  if (typeof value !== 'function') return undefined;
  const source: string = Function.prototype.toString.call(value);
  // By length, and compared: sources are long, and a hash takes longer.
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
