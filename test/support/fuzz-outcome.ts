/** Decides whether the outcome of a fuzzed call is allowed. */

/** Longer error messages are a finding. In characters. */
const LONGEST_MESSAGE = 4000;

/**
 * What is wrong with a thrown value. Undefined when it is allowed: an error with a `code`, also one that the caller
 * threw.
 * @param foreign whether `this` was not an object of the class, or a class was called as a function: then V8 throws a
 *   TypeError before the method runs
 */
export function wrongWith(thrown: unknown, foreign: boolean): string | undefined {
  if (typeof thrown !== 'object' || thrown === null) return `threw ${String(thrown)}`;
  const { code, message, name } = thrown as { code?: unknown; message?: unknown; name?: unknown };
  if (typeof code === 'string' && code !== '') {
    if (typeof message === 'string' && message.length > LONGEST_MESSAGE) {
      return `message of ${message.length} characters: ${message.slice(0, 200)}`;
    }
    // This library's codes are strings. Only those count: an AbortError of the platform has a number.
    return undefined;
  }
  if (foreign && name === 'TypeError') return undefined;
  return `no code: ${String((thrown as Error).stack ?? message)}`;
}
