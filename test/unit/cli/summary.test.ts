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

const FASTER = expect.stringMatching(/--order cpu and --format raw .* --cpus, --pid and --syscall/);

describe('notes', () => {
  it('are none when nothing is wrong', () => {
    expect(notes(statsWith([{ received: 5 }]))).toEqual([]);
  });

  it('advise the ring size with which nothing would have been lost anywhere', () => {
    const stats = statsWith([
      { lost: 1000, advisedBytes: 524_288 },
      { lost: 234, advisedBytes: 2 ** 20 },
    ]);
    expect(notes(stats)).toEqual([
      '1,234 samples were lost from full rings: --buffer-bytes 1M would have avoided it',
      FASTER,
    ]);
  });

  it('advise no impossible ring size, but what helps', () => {
    const stats = statsWith([
      { lost: 5, advisedBytes: 0 },
      { lost: 3, advisedBytes: 2 ** 20 },
    ]);
    expect(notes(stats)).toEqual([
      '8 samples were lost from full rings: no possible ring size would have avoided it',
      FASTER,
    ]);
  });

  it('name a ring that is too small for a sample, and no other', () => {
    const stats = statsWith([
      { lost: 3, ringTooSmall: true, capacityBytes: 4096, advisedBytes: 131_072 },
      { lost: 2, capacityBytes: 4096, advisedBytes: 8192 },
    ]);
    expect(notes(stats)).toEqual([
      'samples larger than half a ring of 4K were lost: use --buffer-bytes 128K',
      '2 samples were lost from full rings: --buffer-bytes 8K would have avoided it',
      FASTER,
    ]);
    const without = statsWith([{ lost: 3, ringTooSmall: true, capacityBytes: 4096 }]);
    expect(notes(without)).toEqual([expect.stringMatching(/half a ring of 4K .* no possible ring size/)]);
  });

  it('tell of samples late, too large, and of corrupt rings', () => {
    expect(notes(statsWith([{ late: 2, truncated: 3, corrupt: 1 }]))).toHaveLength(3);
  });
});
