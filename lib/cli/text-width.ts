/** One column a character: nearly all text, which needs no table. */
const ASCII = /^[ -~]*$/;

/** Marks that share a column with the character before them. */
const MARKS = /[\p{Mn}\p{Me}]/gu;

let stringWidth: ((text: string) => number) | undefined;

/** How many columns of a terminal the text takes: two for a wide character or an emoji, none for a combining mark. */
export function textWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  // Loaded when it is needed, so that the first sample does not wait for its tables.
  stringWidth ??= require('string-width') as typeof import('string-width');
  return stringWidth(text.replace(MARKS, ''));
}

/** The beginning of the text in at most `columns` columns; what is cut off is shown as `…`. */
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
