import { type Metric, metricsOf } from '../../../lib/delivery/metrics';
import { accountOf, metricsOfAccounts } from '../../support/accounts';

const valuesOf = (metrics: readonly Metric[], name: string): readonly number[] | undefined =>
  metrics.find((metric) => metric.name === name)?.samples.map(({ value }) => value);

describe('the metrics of a reader', () => {
  it('are the numbers of its accounts, with one sample per CPU', () => {
    const metrics = metricsOfAccounts([accountOf(0, 5), accountOf(12, 6)]);
    expect(valuesOf(metrics, 'perfring_received_samples')).toEqual([5, 6]);
    expect(valuesOf(metrics, 'perfring_received_bytes')).toEqual([320, 384]);
    expect(valuesOf(metrics, 'perfring_ring_capacity_bytes')).toEqual([4096, 4096]);
    expect(metrics.every(({ samples }) => samples.length === 2)).toBe(true);
  });

  it('leave out what is not counted', () => {
    const metrics = metricsOf([{ labels: {}, counts: { received: 3, lost: undefined } }], {});
    expect(metrics.map(({ name, samples }) => [name, samples])).toEqual([
      ['perfring_received_samples', [{ labels: {}, value: 3 }]],
    ]);
  });

  it('have as unit the end of their name', () => {
    for (const { name, unit } of metricsOfAccounts([accountOf(0, 5)])) {
      expect(unit).toBe(name.endsWith('_bytes') ? 'bytes' : undefined);
    }
  });

  it('adds labels of the caller to every sample', () => {
    const labelled = metricsOfAccounts([accountOf(0, 5)], { reader: 'exec' });
    for (const { samples } of labelled) expect(samples[0]?.labels).toEqual({ reader: 'exec', cpu: '0' });
  });

  it.each<[Record<string, string>, RegExp]>([
    [{ cpu: '1' }, /labels must not contain cpu/],
    [{ 'a b': '1' }, /"a b" is not a label name/],
    [{ reader: 1 as unknown as string }, /label reader must be a string, got 1/],
  ])('refuses the labels %j', (labels, message) => {
    expect(() => metricsOfAccounts([accountOf(0, 5)], labels)).toThrow(
      expect.objectContaining({ code: 'ERR_PERF_INVALID_ARGUMENT', message: expect.stringMatching(message) }),
    );
  });
});
