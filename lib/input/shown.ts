/** More of a string than this tells nobody more. */
const LONGEST = 120;

/** A caller's value for a message. None of its own code runs: `String(value)` would run it, and may throw. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(shortened(value));
  if (typeof value === 'bigint') return `${shortened(String(value))}n`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}

/** A caller's name of something for a message: a string as it is, anything else as {@link shown}. */
export function named(value: unknown): string {
  return typeof value === 'string' ? shortened(value) : shown(value);
}

function shortened(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
