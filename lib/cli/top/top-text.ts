import { formatCount, formatRate } from '../quantities';
import type { Style } from '../style';
import { cutToWidth, textWidth } from '../text-width';
import { visibleText } from '../visible-text';
import { histogramLines } from './histogram';
import type { TallyFields, TallyRow, TallyView } from './tally';
import type { Order } from './top-order';

/** How the page is drawn. */
export interface PageSettings {
  readonly fields: TallyFields;
  readonly order: Order;
  /** The width that no line exceeds. */
  readonly columns: number;
  /** The number of lines that the page may have; undefined for no limit. */
  readonly lines: number | undefined;
  /** The most rows of the table. */
  readonly mostRows: number;
  readonly style: Style;
  readonly unicode: boolean;
}

interface Column {
  readonly title: string;
  readonly isNumber: boolean;
  cell(row: TallyRow): string;
}

const GAP = '  ';
/** A key column is cut to that width, so that the numbers stay beside it. */
const WIDEST_KEY = 40;
/** The table has at least that many rows, even if the histograms are then cut. */
const LEAST_ROWS = 3;

/** The table of groups, sorted, and the histograms below it: what the terminal shows, and what is printed at the end. */
export function pageLines(view: TallyView, settings: PageSettings): string[] {
  const { columns, lines = Number.POSITIVE_INFINITY, unicode } = settings;
  const histograms = view.histograms.flatMap((histogram) => [
    '',
    ...histogramLines(histogram, columns, unicode),
  ]);
  // One line for the titles, and one for the number of rows that are not shown.
  const room = Math.max(LEAST_ROWS, lines - histograms.length - 2);
  return [...tableLines(view, settings, Math.min(settings.mostRows, room)), ...histograms].slice(0, lines);
}

function tableLines(
  view: TallyView,
  { fields, order, columns, style }: PageSettings,
  most: number,
): string[] {
  const rows = [...view.rows].sort(order.compare);
  const shown = rows.slice(0, most);
  const all = columnsFor(fields);
  const cells = shown.map((row) => all.map((column) => column.cell(row)));
  const widths = all.map(({ title }, index) =>
    Math.max(textWidth(title), ...cells.map((row) => textWidth(row[index] as string))),
  );
  // Number columns that don't fit are left out, the last first. The first column, the key, is always shown.
  let count = all.length;
  while (count > 1 && widthOf(widths.slice(0, count)) > columns) count--;
  const line = (texts: readonly string[], paint = (text: string, _column: Column) => text) =>
    texts
      .slice(0, count)
      .map((text, index) =>
        paint(padded(text, widths[index] as number, all[index] as Column), all[index] as Column),
      )
      .join(GAP);
  const titles = line(
    all.map(({ title }) => title),
    (text, { title }) => (title === order.name ? style.good(style.bold(text)) : style.bold(text)),
  );
  const rest = rows.length - shown.length;
  return [
    style.enabled ? titles : cutToWidth(titles.trimEnd(), columns),
    ...cells.map((row) => cutToWidth(line(row).trimEnd(), columns)),
    ...(rest > 0 ? [style.dim(cutToWidth(`… and ${formatCount(rest)} more`, columns))] : []),
  ];
}

function columnsFor({ by, sum }: TallyFields): Column[] {
  return [
    { title: by, isNumber: false, cell: ({ key }) => cutToWidth(keyText(key), WIDEST_KEY) },
    { title: 'count', isNumber: true, cell: ({ count }) => formatCount(count) },
    { title: 'per second', isNumber: true, cell: ({ perSecond }) => formatRate(perSecond) },
    ...sum.map((name, index) => ({
      title: `sum ${name}`,
      isNumber: true,
      cell: ({ sums }: TallyRow) => sumText(sums[index] ?? 0),
    })),
  ];
}

/** A key as text that is safe for a terminal. */
export function keyText(key: unknown): string {
  if (key === undefined) return '(others)';
  if (key instanceof Uint8Array) return Buffer.from(key).toString('hex');
  return visibleText(String(key)) || '(none)';
}

function sumText(sum: number | bigint): string {
  return typeof sum === 'number' && !Number.isInteger(sum)
    ? String(Number(sum.toPrecision(6)))
    : grouped(sum);
}

function grouped(sum: number | bigint): string {
  return String(sum).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

function widthOf(widths: readonly number[]): number {
  return widths.reduce((total, width) => total + width, 0) + GAP.length * (widths.length - 1);
}

function padded(text: string, width: number, { isNumber }: Column): string {
  const space = ' '.repeat(Math.max(0, width - textWidth(text)));
  return isNumber ? `${space}${text}` : `${text}${space}`;
}
