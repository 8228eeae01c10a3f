import { ratesBetween, StatusLine, statusText } from '../../../lib/cli/status-line';
import type { ReaderStats } from '../../../lib/index';
import { statsWith } from './reader-stats';

const WIDE = 200;

/** The status line after one second, in which everything was counted. */
const text = (stats: ReaderStats, columns = WIDE): string =>
  statusText(stats, ratesBetween(undefined, stats, 1), columns);

describe('ratesBetween', () => {
  it('is the increase for each second, in total and for each CPU', () => {
    const before = statsWith([{ received: 10, bytes: 1000 }, {}]);
    const now = statsWith([
      { received: 30, bytes: 1600 },
      { received: 8, bytes: 80 },
    ]);
    expect(ratesBetween(before, now, 2)).toEqual({
      total: { samplesPerSecond: 14, bytesPerSecond: 340 },
      cpus: [
        { cpu: 0, samplesPerSecond: 10, bytesPerSecond: 300 },
        { cpu: 1, samplesPerSecond: 4, bytesPerSecond: 40 },
      ],
    });
  });

  it('counts a new CPU from 0, and drops one that was removed', () => {
    const before = statsWith([{ cpu: 0, received: 500 }]);
    const now = statsWith([{ cpu: 5, received: 7 }]);
    expect(ratesBetween(before, now, 1).cpus).toEqual([{ cpu: 5, samplesPerSecond: 7, bytesPerSecond: 0 }]);
  });
});

describe('statusText', () => {
  it('has rate, bytes and all samples', () => {
    expect(text(statsWith([{ received: 12_345, bytes: 65_536 }]))).toBe(
      '12.3 k samples/s, 64 KiB/s, 12,345 in total, none lost',
    );
  });

  it('has the losses, in total and for each CPU with losses', () => {
    const stats = statsWith([{ lost: 30 }, {}, {}, { lost: 1004 }]);
    expect(text(stats)).toMatch(
      /^0 samples\/s, 0 B\/s, 0 in total, lost 1,034 \(cpu 0: 30, cpu 3: 1,004\) \|/,
    );
  });

  const TWO = statsWith([
    { received: 200, bytes: 2048 },
    { received: 1300, bytes: 13_312 },
  ]);

  it('has rate and bytes of each CPU where there is more than one', () => {
    expect(text(TWO)).toBe(
      '1.5 k samples/s, 15 KiB/s, 1,500 in total, none lost | cpu 0: 200/s, 2 KiB/s | cpu 1: 1.3 k/s, 13 KiB/s',
    );
  });

  it('shows the busiest CPUs when the terminal is too narrow for all, and is never wider than the terminal', () => {
    expect(text(TWO, 85)).toBe(
      '1.5 k samples/s, 15 KiB/s, 1,500 in total, none lost | cpu 1: 1.3 k/s, 13 KiB/s | …',
    );
    expect(text(TWO, 60)).toBe('1.5 k samples/s, 15 KiB/s, 1,500 in total, none lost | …');
    for (let columns = 0; columns < 120; columns++)
      expect(text(TWO, columns).length).toBeLessThanOrEqual(columns);
  });
});

describe('StatusLine', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  const lineOn = (columns: number) => {
    const written: string[] = [];
    const line = new StatusLine({ columns, write: (text) => written.push(text) }, () => statsWith([{}]));
    return { line, written };
  };

  it('redraws itself four times a second, no wider than the terminal', () => {
    const { line, written } = lineOn(20);
    line.start();
    jest.advanceTimersByTime(1000);
    line.stop();
    expect(written.slice(0, 4)).toEqual(Array(4).fill('\r\u001b[2K0 samples/s, 0 B/s,'));
    expect(written.slice(4)).toEqual(['\r\u001b[2K']);
    jest.advanceTimersByTime(1000);
    expect(written).toHaveLength(5);
  });

  it('is erased for other output, and restored after it', () => {
    const { line, written } = lineOn(80);
    line.start();
    line.erase();
    line.restore();
    expect(written).toEqual([]);
    jest.advanceTimersByTime(250);
    line.erase();
    line.erase();
    line.restore();
    line.stop();
    const shown = '\r\u001b[2K0 samples/s, 0 B/s, 0 in total, none lost';
    expect(written).toEqual([shown, '\r\u001b[2K', shown, '\r\u001b[2K']);
  });
});
