/** Whether this process may make code from strings. If it may not, loops are not copied. */
export const MAKES_CODE_FROM_STRINGS = ((): boolean => {
  try {
    new Function('');
    return true;
  } catch {
    return false;
  }
})();

/** Calls a function that can't make code from strings. */
export function withoutCodeFromStrings<Result>(call: () => Result): Result {
  const made = globalThis.Function;
  globalThis.Function = (() => {
    throw new EvalError('code from strings is forbidden');
  }) as unknown as FunctionConstructor;
  try {
    return call();
  } finally {
    globalThis.Function = made;
  }
}
