import {
  formatBytes,
  formatCount,
  formatRate,
  formatSize,
  parseDuration,
  parseSize,
  parseWhole,
} from '../../../lib/cli/quantities';

describe('parseDuration', () => {
  it.each([
    ['5s', 5_000_000],
    ['500ms', 500_000],
    ['200us', 200],
    ['1.5s', 1_500_000],
    ['2m', 120_000_000],
    ['1h', 3_600_000_000],
    [' 1s ', 1_000_000],
  ])('takes %s as %d microseconds', (text, microseconds) => {
    expect(parseDuration(text, '--duration')).toBe(microseconds);
  });

  it.each([
    '',
    '5',
    's',
    '0s',
    '0.0001us',
    '-1s',
    '1e3s',
    '5 s',
    '5S',
    '1m30s',
    'Infinitys',
    `${'9'.repeat(40)}h`,
  ])('refuses "%s", and says how to write it', (text) => {
    expect(() => parseDuration(text, '--duration')).toThrow(
      /^--duration takes a time above 0 with its unit, like 5s, 500ms or 200us, got /,
    );
  });
});

describe('parseSize', () => {
  it.each([
    ['1', 1],
    ['65536', 65_536],
    ['64b', 64],
    ['256K', 262_144],
    ['256k', 262_144],
    ['256KiB', 262_144],
    ['256kb', 262_144],
    ['1.5M', 1_572_864],
    ['1G', 1_073_741_824],
  ])('takes %s as %d bytes', (text, bytes) => {
    expect(parseSize(text, '--memory')).toBe(bytes);
  });

  it.each(['', 'K', '0', '0K', '-1', '1.0001', '1T', '1KK', '0x100', '1e6', 'NaN', '9'.repeat(30)])(
    'refuses "%s", and says how to write it',
    (text) => {
      expect(() => parseSize(text, '--memory')).toThrow(
        /^--memory takes a number of bytes above 0, like 65536, 256K or 1M, got /,
      );
    },
  );
});

describe('parseWhole', () => {
  it('takes whole numbers between its bounds', () => {
    expect(parseWhole('1', '--count', 1)).toBe(1);
    expect(parseWhole('9007199254740991', '--count', 1)).toBe(Number.MAX_SAFE_INTEGER);
    expect(parseWhole('7', '--pid', 0, 7)).toBe(7);
  });

  it.each(['0', '-1', '1.5', '1e3', '', 'x', '0x10', '9007199254740993000'])('refuses "%s"', (text) => {
    expect(() => parseWhole(text, '--count', 1)).toThrow(/^--count takes a whole number, 1 or more, got /);
  });

  it('names both bounds where there are two', () => {
    expect(() => parseWhole('8', '--pid', 0, 7)).toThrow('--pid takes a whole number, from 0 to 7, got "8"');
  });
});

describe('what is shown of', () => {
  it.each([
    [0, '0'],
    [999, '999'],
    [1000, '1,000'],
    [1_234_567, '1,234,567'],
  ])('the count %d is %s', (count, text) => {
    expect(formatCount(count)).toBe(text);
  });

  it.each([
    [0, '0'],
    [0.4, '0'],
    [950, '950'],
    [999.6, '1 k'],
    [12_345, '12.3 k'],
    [999_999, '1 M'],
    [4_560_000, '4.56 M'],
    [7e12, '7000 G'],
  ])('the rate %d is %s', (rate, text) => {
    expect(formatRate(rate)).toBe(text);
  });

  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [1_048_000, '1023 KiB'],
    [1_048_575, '1 MiB'],
    [65_536, '64 KiB'],
    [1_310_720, '1.25 MiB'],
  ])('%d bytes is %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it('a size for an option is what the option takes', () => {
    for (const bytes of [1, 4097, 65_536, 2 ** 20, 3 * 2 ** 20, 2 ** 30]) {
      expect(parseSize(formatSize(bytes), '--memory')).toBe(bytes);
    }
    expect(formatSize(262_144)).toBe('256K');
  });
});
