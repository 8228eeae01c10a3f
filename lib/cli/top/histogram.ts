import { formatCount } from '../quantities';
import { cutToWidth } from '../text-width';
import type { Histogram } from './tally';

const BAR = '█';
/** Eighths of a character, from none to seven. Where the terminal has no Unicode a bar consists of `#`. */
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
/** A bar is at least that long, however narrow the terminal is. */
const LEAST_BAR = 8;
const LONGEST_BAR = 60;

/**
 * Draws a histogram: the title, then a line for each power of two between the lowest and the highest value, with its
 * count and a bar.
 * @param columns the width that no line exceeds
 * @param unicode whether the terminal shows block characters
 */
export function histogramLines({ field, buckets }: Histogram, columns: number, unicode: boolean): string[] {
  const first = buckets.findIndex((count) => count > 0);
  if (first < 0) return [cutToWidth(`${field}: no values yet`, columns)];
  const last = buckets.reduce((found, count, bucket) => (count > 0 ? bucket : found), first);
  const shown = buckets.slice(first, last + 1).map((count, index) => ({
    range: rangeOf(first + index),
    text: formatCount(count),
    count,
  }));
  const rangeWidth = Math.max(...shown.map(({ range }) => range.length));
  const countWidth = Math.max(...shown.map(({ text }) => text.length));
  const room = columns - rangeWidth - countWidth - 6;
  const longest = Math.min(LONGEST_BAR, Math.max(LEAST_BAR, room));
  const most = Math.max(...shown.map(({ count }) => count));
  return [
    field,
    ...shown.map(({ range, text, count }) =>
      `  ${range.padEnd(rangeWidth)}  ${text.padStart(countWidth)}  ${bar((count / most) * longest, unicode)}`.trimEnd(),
    ),
  ].map((line) => cutToWidth(line, columns));
}

/** `[0]`, `[1]`, `[2, 4)`, `[1K, 2K)`: powers of 1024 are written with K, M, G, … */
function rangeOf(bucket: number): string {
  if (bucket < 2) return `[${bucket}]`;
  return `[${powerOfTwo(bucket - 1)}, ${powerOfTwo(bucket)})`;
}

const UNITS = ['', 'K', 'M', 'G', 'T', 'P', 'E'];

function powerOfTwo(exponent: number): string {
  return `${2 ** (exponent % 10)}${UNITS[Math.floor(exponent / 10)]}`;
}

function bar(length: number, unicode: boolean): string {
  if (!unicode) return '#'.repeat(Math.max(length > 0 ? 1 : 0, Math.round(length)));
  const eighths = Math.max(length > 0 ? 1 : 0, Math.round(length * 8));
  return BAR.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8];
}
