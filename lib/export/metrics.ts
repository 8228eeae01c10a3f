import { PerfRingError } from '../errors';
import type { Accounts, CpuAccounts, ReaderStats } from '../delivery/accounts';
import { checkLabels } from './open-metrics';

/** Names and values of labels: `{ reader: 'exec' }`. */
export type Labels = Readonly<Record<string, string>>;

/** A metric family of OpenMetrics. The name of a counter is without `_total`, which its samples get. */
export interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly unit?: 'bytes';
  readonly samples: readonly { readonly labels: Labels; readonly value: number }[];
}

type Family = Omit<Metric, 'samples'> & { readonly value: (cpu: CpuAccounts) => number };

const counter = (name: string, field: keyof Accounts, help: string, unit?: 'bytes'): Family => ({
  name,
  type: 'counter',
  help,
  ...(unit === undefined ? {} : { unit }),
  value: (cpu) => cpu[field],
});

const FAMILIES: readonly Family[] = [
  counter('perfring_received_samples', 'received', 'Samples delivered.'),
  counter('perfring_received_bytes', 'bytes', 'Bytes of the records delivered.', 'bytes'),
  counter('perfring_lost_samples', 'lost', 'Samples the kernel could not write.'),
  counter('perfring_lost_side_band_records', 'lostOthers', 'Side-band records the kernel could not write.'),
  counter('perfring_late_samples', 'late', 'Samples delivered after one of a later time.'),
  counter('perfring_corrupt_rings', 'corrupt', 'Times a ring was skipped to its head for a corrupt header.'),
  counter('perfring_truncated_samples', 'truncated', 'Samples past the 64 KiB a record can say.'),
  counter('perfring_wakeups', 'wakeups', 'Times the reader was woken with records waiting.'),
  counter('perfring_swaps', 'swaps', 'Times the waking and the quiet event changed places.'),
  {
    name: 'perfring_ring_high_water_bytes',
    type: 'gauge',
    help: 'Most bytes seen lying unread in the ring.',
    unit: 'bytes',
    value: (cpu) => cpu.highWaterBytes,
  },
  {
    name: 'perfring_ring_capacity_bytes',
    type: 'gauge',
    help: 'Size of the ring.',
    unit: 'bytes',
    value: (cpu) => cpu.capacityBytes,
  },
];

/**
 * The counts of a reader as metric families, with one sample per CPU.
 * @param labels labels of every sample, besides `cpu`
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for invalid labels, or one named `cpu`
 */
export function metricsOf(stats: ReaderStats, labels: Labels = {}): Metric[] {
  const own = checkLabels(labels, 'labels');
  if (Object.hasOwn(own, 'cpu')) {
    throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', 'labels must have no cpu: every sample has one');
  }
  return FAMILIES.map(({ value, ...family }) => ({
    ...family,
    samples: stats.cpus.map((cpu) => ({ labels: { ...own, cpu: String(cpu.cpu) }, value: value(cpu) })),
  }));
}
