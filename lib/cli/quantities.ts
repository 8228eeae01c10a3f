/** Parses and formats durations, sizes and counts. */

import { usageError } from './failure';

const MICROSECONDS: Readonly<Record<string, number>> = {
  us: 1,
  ms: 1e3,
  s: 1e6,
  m: 60e6,
  h: 3600e6,
};

const BYTES: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/**
 * @param text a number and its unit: `500ms`, `1.5s`, `200us`, `2m`, `1h`
 * @param option the option's name for the message: `--duration`
 * @returns microseconds, more than 0
 * @throws CommandError (usage)
 */
export function parseDuration(text: string, option: string): number {
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?)(us|ms|s|m|h)$/.exec(text.trim()) ?? [];
  const microseconds = Math.round(Number(digits) * (MICROSECONDS[unit] ?? Number.NaN));
  if (digits !== '' && microseconds >= 1 && microseconds <= Number.MAX_SAFE_INTEGER) return microseconds;
  throw usageError(`${option} takes a time above 0 with its unit, like 5s, 500ms or 200us, got "${text}"`);
}

/**
 * @param text `65536`, `256K`, `1M`, `1G`; also `256KiB` and `256kb`, which mean the same: 1K is 1024
 * @returns bytes, more than 0
 * @throws CommandError (usage)
 */
export function parseSize(text: string, option: string): number {
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?)(?:b|([kmg])(?:i?b)?)?$/i.exec(text.trim()) ?? [];
  const bytes = Number(digits) * (BYTES[unit.toLowerCase()] ?? Number.NaN);
  if (digits !== '' && Number.isSafeInteger(bytes) && bytes >= 1) return bytes;
  throw usageError(`${option} takes a number of bytes above 0, like 65536, 256K or 1M, got "${text}"`);
}

/**
 * @param text a whole number from `least` to `most`, decimal
 * @throws CommandError (usage)
 */
export function parseWhole(
  text: string,
  option: string,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  const number = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `from ${least} to ${most}`;
  throw usageError(`${option} takes a whole number, ${range}, got "${text}"`);
}

/** A count with commas: `1,234,567`. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** A rate with up to three digits and a unit: `950`, `12.3 k`, `4.56 M`. */
export function formatRate(perSecond: number): string {
  return scaled(perSecond, 1000, ['', ' k', ' M', ' G']);
}

/** A size with up to three digits and a unit: `512 B`, `64 KiB`, `1.25 MiB`. */
export function formatBytes(bytes: number): string {
  return scaled(bytes, 1024, [' B', ' KiB', ' MiB', ' GiB', ' TiB']);
}

/** An exact size in the form that options take: `256K`, `1M`, `4097`. */
export function formatSize(bytes: number): string {
  for (const [unit, factor] of [
    ['G', 2 ** 30],
    ['M', 2 ** 20],
    ['K', 2 ** 10],
  ] as const) {
    if (bytes >= factor && bytes % factor === 0) return `${bytes / factor}${unit}`;
  }
  return String(bytes);
}

function scaled(value: number, step: number, units: readonly string[]): string {
  let unit = 0;
  let rest = value;
  // A value that rounds up to one of the next unit is shown in that unit.
  while (rest >= step - 0.5 && unit < units.length - 1) {
    rest /= step;
    unit++;
  }
  return `${unit === 0 ? Math.round(rest) : threeDigits(rest)}${units[unit]}`;
}

/** Three significant digits: 1.234 -> `1.23`, 12.34 -> `12.3`, 123.4 -> `123`. Trailing zeros are left out. */
function threeDigits(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
