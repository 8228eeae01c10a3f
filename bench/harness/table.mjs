/** A Markdown table, its columns aligned so that it reads well on a terminal too. */
export function table(head, lines) {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...lines.map((line) => line[column].length)),
  );
  const row = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  return [row(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...lines.map(row)].join(
    '\n',
  );
}

/** `5.2 (5.1-5.4)`: median and the middle half of the rounds. */
export function spread(summary, digits) {
  if (summary === null) return '-';
  const { median, lowerQuartile, upperQuartile } = summary;
  return `${fixed(median, digits)} (${fixed(lowerQuartile, digits)}-${fixed(upperQuartile, digits)})`;
}

/** A number with a thousands separator and a given number of decimals. */
export function fixed(number, digits = 0) {
  if (!Number.isFinite(number)) return '-';
  return number.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function bytes(count) {
  return count >= 1 << 20 ? `${count / (1 << 20)} MiB` : `${count / 1024} KiB`;
}
