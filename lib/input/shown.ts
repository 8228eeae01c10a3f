/** Longer strings are cut in messages. */
const LONGEST = 120;

/**
 * The text of a caller's value for a message. It runs no code of the caller; `String(value)` would, and it may throw.
 */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(shortened(value));
  if (typeof value === 'bigint') return `${shortened(String(value))}n`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}

/** A name from a caller for a message: a string without quotes, anything else as {@link shown}. */
export function named(value: unknown): string {
  return typeof value === 'string' ? shortened(value) : shown(value);
}

function shortened(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
