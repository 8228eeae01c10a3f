/** Text where each character takes one column: nearly all text. It needs no width table. */
const ASCII = /^[ -~]*$/;

/** Combining marks. They take no column. */
const MARKS = /[\p{Mn}\p{Me}]/gu;

let stringWidth: ((text: string) => number) | undefined;

/** The width of a text in columns of a terminal: two for a wide character or an emoji, none for a combining mark. */
export function textWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  // Loaded only when it is needed, so that its tables do not delay the first sample.
  stringWidth ??= require('string-width') as typeof import('string-width');
  return stringWidth(text.replace(MARKS, ''));
}

/** The text, cut to at most `columns` columns. A cut text ends with `…`. */
export function cutToWidth(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  let kept = '';
  let width = 0;
  for (const character of text) {
    width += textWidth(character);
    if (width > columns - 1) break;
    kept += character;
  }
  return `${kept}…`;
}
