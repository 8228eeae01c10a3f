import { styleFor } from '../../../../lib/cli/style';
import { textWidth } from '../../../../lib/cli/text-width';
import type { TallyView } from '../../../../lib/cli/top/tally';
import { ordersFor } from '../../../../lib/cli/top/top-order';
import { keyText, type PageSettings, pageLines } from '../../../../lib/cli/top/top-text';

const SETTINGS: PageSettings = {
  fields: { by: 'comm', sum: ['bytes'], hist: [] },
  order: ordersFor(['bytes'])[0] as PageSettings['order'],
  columns: 80,
  lines: undefined,
  mostRows: 20,
  style: styleFor({}),
  unicode: true,
};

const VIEW: TallyView = {
  rows: [
    { key: 'bash', count: 1_234, perSecond: 10, sums: [5_000_000n] },
    { key: 'node', count: 20, perSecond: 2_500, sums: [1.25] },
  ],
  count: 1_254,
  perSecond: 2_510,
  short: 0,
  histograms: [],
};

const manyRows = (count: number): TallyView => ({
  ...VIEW,
  rows: Array.from({ length: count }, (_, index) => ({
    key: `k${index}`,
    count: count - index,
    perSecond: 0,
    sums: [0],
  })),
});

describe('pageLines', () => {
  it('has a row for each key, sorted, with numbers to the right', () => {
    expect(pageLines(VIEW, SETTINGS)).toEqual([
      'comm  count  per second  sum bytes',
      'node     20       2.5 k       1.25',
      'bash  1,234          10  5,000,000',
    ]);
  });

  it('shows at most that many rows, and says how many there are besides', () => {
    const lines = pageLines(manyRows(23), SETTINGS);
    expect(lines).toHaveLength(22);
    expect(lines.at(-1)).toBe('… and 3 more');
  });

  it('fits the lines of a terminal, histograms included', () => {
    const histograms = [{ field: 'bytes', buckets: [1, 2, 3] }];
    const settings = { ...SETTINGS, lines: 12, mostRows: Number.POSITIVE_INFINITY };
    const lines = pageLines({ ...manyRows(100), histograms }, settings);
    expect(lines).toHaveLength(12);
    expect(lines[6]).toBe('… and 95 more');
    expect(lines.slice(7, 9)).toEqual(['', 'bytes']);
    expect(pageLines({ ...manyRows(100), histograms }, { ...settings, lines: 4 })).toHaveLength(4);
  });

  it.each([20, 60, 80, 200])('has no line wider than %d columns, whatever the keys', (columns) => {
    const keys = ['日本語'.repeat(30), 'e\u0301'.repeat(60), 'x'.repeat(300), '\u001b[31mred'];
    const rows = keys.map((key) => ({ key, count: 10 ** 12, perSecond: 1e9, sums: [2n ** 127n] }));
    for (const line of pageLines({ ...VIEW, rows }, { ...SETTINGS, columns })) {
      expect(textWidth(line)).toBeLessThanOrEqual(columns);
    }
  });

  it('leaves out columns that do not fit, the last one first', () => {
    expect(pageLines(VIEW, { ...SETTINGS, columns: 24 })[0]).toBe('comm  count  per second');
    expect(pageLines(VIEW, { ...SETTINGS, columns: 12 })[0]).toBe('comm  count');
  });
});

describe('keyText', () => {
  it.each([
    ['node', 'node'],
    ['', '(none)'],
    [undefined, '(others)'],
    [7, '7'],
    [2n ** 64n - 1n, '18446744073709551615'],
    [Uint8Array.of(0, 255), '00ff'],
    ['\u001b[31mred', '\\x1b[31mred'],
  ])('%p is shown as %s', (key, text) => expect(keyText(key)).toBe(text));
});
