/** What a fuzzed call came to, and whether that may be. */

/** Errors past this length are no message for anybody. */
const LONGEST_MESSAGE = 4000;

/**
 * What is wrong with something that was thrown; undefined when it may be: an error with a `code`, the caller's own
 * included.
 * @param foreign the call was made on a `this` that is no object of the class, or a class was called as a function:
 *   V8's own TypeError is then the answer, before a line of the method runs
 */
export function wrongWith(thrown: unknown, foreign: boolean): string | undefined {
  if (typeof thrown !== 'object' || thrown === null) return `threw ${String(thrown)}`;
  const { code, message, name } = thrown as { code?: unknown; message?: unknown; name?: unknown };
  if (typeof code === 'string' && code !== '') {
    if (typeof message === 'string' && message.length > LONGEST_MESSAGE) {
      return `message of ${message.length} characters: ${message.slice(0, 200)}`;
    }
    // An AbortError of the platform has the old numeric code; strings are what this library promises.
    return undefined;
  }
  if (foreign && name === 'TypeError') return undefined;
  return `no code: ${String((thrown as Error).stack ?? message)}`;
}
