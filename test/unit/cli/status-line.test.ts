import { StatusLine, statusText } from '../../../lib/cli/status-line';
import { statsWith } from './reader-stats';

describe('statusText', () => {
  it('has rate, bytes and all samples', () => {
    expect(statusText(statsWith([{ received: 12_345 }]), 1234, 65_536)).toBe(
      '1.23 k samples/s, 64 KiB/s, 12,345 in all, none lost',
    );
  });

  it('has losses, and the CPUs that have some', () => {
    const stats = statsWith([{ lost: 30 }, {}, {}, { lost: 1004 }]);
    expect(statusText(stats, 0, 0)).toBe(
      '0 samples/s, 0 B/s, 0 in all, lost 1,034 (cpu 0: 30, cpu 3: 1,004)',
    );
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

  it('makes room for what else is written, and comes back', () => {
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
    const shown = '\r\u001b[2K0 samples/s, 0 B/s, 0 in all, none lost';
    expect(written).toEqual([shown, '\r\u001b[2K', shown, '\r\u001b[2K']);
  });
});
