import type { Metric } from '../../../lib/delivery/metrics';
import { formatOpenMetrics } from '../../../lib/export/open-metrics';
import { accountOf, metricsOfAccounts } from '../../support/accounts';

const GAUGE = { name: 'some', type: 'gauge', help: 'Some.', samples: [] } as const;
const COUNTER = { ...GAUGE, type: 'counter' } as const;
const sample = (value: number, labels: Record<string, string> = {}) => ({ labels, value });

describe('formatOpenMetrics', () => {
  const text = formatOpenMetrics(metricsOfAccounts([accountOf(0, 5), accountOf(12, 6)]));

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

  it('escapes what labels and help may hold', () => {
    const help = 'one\n# TYPE b counter\nb_total "1" \\';
    expect(formatOpenMetrics([{ ...GAUGE, help, samples: [sample(1, { path: 'a"b\\c\nd\r' })] }])).toBe(
      [
        '# TYPE some gauge',
        '# HELP some one\\n# TYPE b counter\\nb_total \\"1\\" \\\\',
        'some{path="a\\"b\\\\c\\nd\r"} 1',
        '# EOF',
        '',
      ].join('\n'),
    );
  });

  it('writes numbers that are not finite as the specification does', () => {
    const values = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 1.5];
    const samples = values.map((value, index) => sample(value, { index: String(index) }));
    expect(formatOpenMetrics([{ ...GAUGE, samples }]).match(/(?<=\} ).*/g)).toEqual([
      '+Inf',
      '-Inf',
      'NaN',
      '1.5',
    ]);
  });

  it('joins the metrics of two readers, each family once', () => {
    const metrics = (labels?: Record<string, string>): Metric[] =>
      metricsOfAccounts([accountOf(0, 5)], labels);
    const joined = formatOpenMetrics([...metrics({ reader: 'exec' }), ...metrics({ reader: 'calls' })]);
    const types = joined.match(/^# TYPE .*$/gm) ?? [];
    expect(types).toHaveLength(metrics().length);
    expect(new Set(types).size).toBe(types.length);
    expect(joined).toContain(
      'perfring_wakeups_total{reader="exec",cpu="0"} 0\nperfring_wakeups_total{reader="calls",cpu="0"} 0\n',
    );
    expect(() => formatOpenMetrics([...metrics(), ...metrics()])).toThrow(
      /two samples are perfring_received_samples_total\{cpu="0"\}; give each reader a label/,
    );
  });

  it.each<[string, readonly unknown[], RegExp]>([
    [
      'another type',
      [{ ...GAUGE, type: 'bogus' }],
      /type of the metric some must be 'counter' or 'gauge', got "bogus"/,
    ],
    ['a type from the prototype', [{ ...GAUGE, type: 'toString' }], /must be 'counter' or 'gauge'/],
    ['a name with a line end', [{ ...GAUGE, name: 'a\nb 1' }], /is not a metric name/],
    ['an empty name', [{ ...GAUGE, name: '' }], /is not a metric name/],
    ['a counter named _total', [{ ...COUNTER, name: 'some_total' }], /named without _total/],
    ['a unit that is not in the name', [{ ...GAUGE, unit: 'bytes' }], /must end with its unit, _bytes/],
    ['a label name', [{ ...GAUGE, samples: [sample(1, { 'x y"': '1' })] }], /is not a label name/],
    ['a reserved label', [{ ...GAUGE, samples: [sample(1, { __name__: 'up' })] }], /__name__ is reserved/],
    [
      'a value that is none',
      [{ ...GAUGE, samples: [sample('1' as unknown as number)] }],
      /must be a number, got "1"/,
    ],
    ['a counter below 0', [{ ...COUNTER, samples: [sample(-1)] }], /must not be below 0 or NaN, got -1/],
    ['a counter that is NaN', [{ ...COUNTER, samples: [sample(Number.NaN)] }], /got NaN/],
    ['two types', [GAUGE, COUNTER], /must agree in type and unit, got gauge - and counter -/],
    ['names that meet', [COUNTER, { ...GAUGE, name: 'some_total' }], /some and some_total both have samples/],
    [
      'labels in another order',
      [{ ...GAUGE, samples: [sample(1, { a: '1', b: '2' }), sample(1, { b: '2', a: '1' })] }],
      /two samples are some\{a="1",b="2"\}/,
    ],
  ])('refuses %s', (_what, metrics, message) => {
    expect(() => formatOpenMetrics(metrics as Metric[])).toThrow(
      expect.objectContaining({ code: 'ERR_PERF_INVALID_ARGUMENT', message: expect.stringMatching(message) }),
    );
  });
});
