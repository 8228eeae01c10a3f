import { styleFor } from '../../../lib/cli/style';
import { notes, summaryText } from '../../../lib/cli/summary';
import { statsWith } from './reader-stats';

describe('summaryText', () => {
  it('is a row for each CPU, and their sum', async () => {
    const stats = statsWith([
      { received: 1234, bytes: 2048, highWaterBytes: 131_072 },
      { received: 10, bytes: 100, highWaterBytes: 1 },
    ]);
    expect((await summaryText(stats, styleFor({}))).split('\n')).toEqual([
      'cpu  received  lost    bytes   peak ring fill',
      '  0     1,234     0    2 KiB  50 % of 256 KiB',
      '  1        10     0    100 B   1 % of 256 KiB',
      'all     1,244     0  2.1 KiB',
      '',
    ]);
  });

  it('is one row on one CPU', async () => {
    expect((await summaryText(statsWith([{}]), styleFor({}))).trimEnd().split('\n')).toHaveLength(2);
  });
});

describe('notes', () => {
  it('are none where all is well', () => {
    expect(notes(statsWith([{ received: 5 }]))).toEqual([]);
  });

  it('advise the ring size with which nothing would have been lost anywhere', () => {
    const stats = statsWith([
      { lost: 1000, advisedBytes: 524_288 },
      { lost: 234, advisedBytes: 2 ** 20 },
    ]);
    expect(notes(stats)).toEqual(['1,234 samples were lost: with --buffer-bytes 1M none would have been']);
  });

  it('advise no ring larger than there can be', () => {
    expect(notes(statsWith([{ lost: 5, advisedBytes: 2 ** 32 }]))).toEqual([
      '5 samples were lost: they came faster than they were taken; sample less, or take --format raw, which costs least',
    ]);
  });

  it('name a ring that no sample fits into', () => {
    expect(notes(statsWith([{ lost: 3, ringTooSmall: true, advisedBytes: 131_072 }]))).toEqual([
      'samples came that do not fit even into an empty ring: use --buffer-bytes 128K',
    ]);
  });

  it('tell of samples late, too large, and of corrupt rings', () => {
    expect(notes(statsWith([{ late: 2, truncated: 3, corrupt: 1 }]))).toHaveLength(3);
  });
});
