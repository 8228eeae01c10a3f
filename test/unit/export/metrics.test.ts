import { CpuAccount, statsOf } from '../../../lib/delivery/accounts';
import { metricsOf } from '../../../lib/export/metrics';
import { formatOpenMetrics } from '../../../lib/export/open-metrics';
import { noLoopCounts, RingCounters } from '../../../lib/records/record-ring';

const anySize = (): number => Number.POSITIVE_INFINITY;

function accountOf(cpu: number, received: number): CpuAccount {
  const account = new CpuAccount(cpu, 4096);
  const ring = new RingCounters();
  ring.samples = received;
  ring.consumedBytes = received * 64 + 8;
  ring.skippedBytes = 8;
  ring.sawBytes(640 * (cpu + 1));
  account.addRing(ring);
  account.lost = 3;
  return account;
}

describe('the accounts', () => {
  it('are summed over the CPUs, the high-water mark excepted, and in the order of their numbers', () => {
    const stats = statsOf([accountOf(7, 5), accountOf(2, 6)], anySize, noLoopCounts());
    expect(stats.cpus.map(({ cpu }) => cpu)).toEqual([2, 7]);
    expect(stats.total).toEqual({
      received: 11,
      bytes: 704,
      lost: 6,
      lostOthers: 0,
      late: 0,
      corrupt: 0,
      truncated: 0,
      wakeups: 0,
      swaps: 0,
      highWaterBytes: 5120,
    });
  });

  it('advise a power of two that would have taken what came', () => {
    const account = accountOf(0, 100);
    expect(account.snapshot(anySize).advisedBytes).toBe(8192);
    // Each record has 64 bytes.
    account.sawBacklog(1500);
    account.sawBacklog(700);
    expect(account.snapshot(anySize).advisedBytes).toBe(131_072);
    account.lost = 0;
    expect(account.snapshot(anySize).advisedBytes).toBe(0);
  });

  it('advise a ring that takes any sample where one did not fit', () => {
    const account = accountOf(0, 0);
    account.ringTooSmall = true;
    expect(account.snapshot(anySize).advisedBytes).toBe(131_072);
  });

  it('advise no size that cannot be had', () => {
    const account = accountOf(0, 100);
    account.sawBacklog(1500);
    expect(account.snapshot(() => 131_072).advisedBytes).toBe(131_072);
    expect(account.snapshot(() => 131_071).advisedBytes).toBe(0);
  });

  it('advise a size where only side-band records were lost', () => {
    const account = accountOf(0, 100);
    account.lost = 0;
    account.lostOthers = 1;
    expect(account.snapshot(anySize).advisedBytes).toBe(8192);
  });

  it('of no CPU are zeros', () => {
    expect(statsOf([], anySize, noLoopCounts()).total.highWaterBytes).toBe(0);
  });
});

describe('formatOpenMetrics', () => {
  const text = formatOpenMetrics(
    metricsOf(statsOf([accountOf(0, 5), accountOf(12, 6)], anySize, noLoopCounts())),
  );

  it('is what the specification says, line by line', () => {
    // https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md, its ABNF
    const name = '[a-zA-Z_:][a-zA-Z0-9_:]*';
    const label = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"';
    const line = new RegExp(
      `^(?:# TYPE ${name} (?:counter|gauge)|# UNIT ${name} ${name}|# HELP ${name} .+|${name}\\{${label}(?:,${label})*\\} \\d+|# EOF)$`,
    );
    expect(text.endsWith('# EOF\n')).toBe(true);
    for (const one of text.slice(0, -1).split('\n')) expect(one).toMatch(line);
  });

  it('describes each family once, before its samples, all of them together', () => {
    const families = text.split('# TYPE ').slice(1);
    for (const family of families) {
      const [first = '', ...rest] = family.split('\n').filter((line) => line !== '' && line !== '# EOF');
      const [name = '', type] = first.split(' ');
      const suffix = type === 'counter' ? '_total' : '';
      expect(name.endsWith('_total')).toBe(false);
      const unit = rest.find((line) => line.startsWith('# UNIT '));
      if (unit !== undefined) expect(name.endsWith(`_${unit.split(' ')[3]}`)).toBe(true);
      const samples = rest.filter((line) => !line.startsWith('#'));
      expect(samples.map((sample) => sample.split('{')[0])).toEqual([`${name}${suffix}`, `${name}${suffix}`]);
      expect(samples.map((sample) => /cpu="(\d+)"/.exec(sample)?.[1])).toEqual(['0', '12']);
    }
    expect(new Set(families.map((family) => family.split(' ')[0])).size).toBe(families.length);
  });

  it('says the numbers of the accounts', () => {
    expect(text).toContain('perfring_received_samples_total{cpu="0"} 5\n');
    expect(text).toContain('perfring_received_bytes_total{cpu="12"} 384\n');
    expect(text).toContain('perfring_ring_capacity_bytes{cpu="12"} 4096\n');
  });

  it('adds labels of the caller to every sample', () => {
    const labelled = metricsOf(
      statsOf([accountOf(0, 5)], () => 2 ** 30, noLoopCounts()),
      { reader: 'exec' },
    );
    for (const { samples } of labelled) expect(samples[0]?.labels).toEqual({ reader: 'exec', cpu: '0' });
  });

  it.each<[Record<string, string>, RegExp]>([
    [{ cpu: '1' }, /labels must have no cpu/],
    [{ 'a b': '1' }, /"a b" is no name of a label/],
    [{ reader: 1 as unknown as string }, /label reader must be a string, got 1/],
  ])('refuses the labels %j', (labels, message) => {
    expect(() =>
      metricsOf(
        statsOf([accountOf(0, 5)], () => 2 ** 30, noLoopCounts()),
        labels,
      ),
    ).toThrow(
      expect.objectContaining({ code: 'ERR_PERF_INVALID_ARGUMENT', message: expect.stringMatching(message) }),
    );
  });
});
