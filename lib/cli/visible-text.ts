/**
 * Characters that control a terminal or make text look like other text: C0 and C1 controls, DEL, line and paragraph
 * separators, bidirectional controls, zero-width and invisible characters, variation selectors, tag characters and lone
 * surrogates. Also the backslash, so that escapes are unambiguous.
 */
const NOT_PLAIN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
  /[\p{Variation_Selector}\\\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e0fff}\p{Surrogate}]|\u034f/gu;

/** Text without such characters: nearly all text. */
const PLAIN = /^[ -[\]-~]*$/;

const NAMED: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * Makes text of a sample safe for a terminal. The names of commands and files in samples come from any user and may
 * contain escape sequences. Each such character is replaced by an escape: `\x1b`, `\u202e`, `\\`.
 */
export function visibleText(text: string): string {
  return PLAIN.test(text) ? text : text.replace(NOT_PLAIN, escapeOf);
}

/**
 * A JSON string that is safe for a terminal. JSON.stringify() escapes only characters below U+0020; the other control
 * characters are escaped here. A parser reads the same text.
 */
export function jsonText(text: string): string {
  const json = JSON.stringify(text);
  return PLAIN.test(text) ? json : json.replace(BEYOND_JSON, (char) => `\\u${hex(char, 4)}`);
}

const BEYOND_JSON = /[\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

function escapeOf(char: string): string {
  const named = NAMED[char];
  if (named !== undefined) return named;
  const code = char.codePointAt(0) as number;
  if (code <= 0xff) return `\\x${hex(char, 2)}`;
  return code <= 0xffff ? `\\u${hex(char, 4)}` : `\\u{${hex(char, 0)}}`;
}

function hex(char: string, digits: number): string {
  return (char.codePointAt(0) as number).toString(16).padStart(digits, '0');
}
