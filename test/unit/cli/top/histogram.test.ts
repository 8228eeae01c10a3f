import { histogramLines } from '../../../../lib/cli/top/histogram';
import { textWidth } from '../../../../lib/cli/text-width';

const histogram = (...buckets: number[]) => ({ field: 'bytes', buckets });

describe('histogramLines', () => {
  it('draws a line for each power of two from the lowest value to the highest', () => {
    expect(histogramLines(histogram(0, 4, 0, 2, 1), 80, true)).toEqual([
      'bytes',
      `  [1]      4  ${'█'.repeat(60)}`,
      '  [2, 4)   0',
      `  [4, 8)   2  ${'█'.repeat(30)}`,
      `  [8, 16)  1  ${'█'.repeat(15)}`,
    ]);
  });

  it('draws a bar for each count, however small', () => {
    const lines = histogramLines(histogram(1_000_000, 1), 80, true);
    expect(lines[2]).toBe('  [1]          1  ▏');
    expect(histogramLines(histogram(1_000_000, 1), 80, false)[2]).toBe('  [1]          1  #');
  });

  it('names high powers with a unit of 1024', () => {
    const buckets = Array(65).fill(0);
    buckets[11] = 1;
    buckets[64] = 1;
    const lines = histogramLines(histogram(...buckets), 80, false);
    expect(lines[1]).toMatch(/^ {2}\[1K, 2K\) +1 {2}#/);
    expect(lines.at(-1)).toMatch(/^ {2}\[8E, 16E\) +1 {2}#/);
  });

  it('says when there are no values', () => {
    expect(histogramLines(histogram(), 80, true)).toEqual(['bytes: no values yet']);
    expect(histogramLines(histogram(0, 0), 80, true)).toEqual(['bytes: no values yet']);
  });

  it.each([10, 20, 40, 60, 200])('has no line wider than %d columns', (columns) => {
    const buckets = Array.from({ length: 65 }, (_, bucket) => bucket * 12345);
    for (const line of histogramLines(histogram(...buckets), columns, true)) {
      expect(textWidth(line)).toBeLessThanOrEqual(columns);
    }
  });
});
