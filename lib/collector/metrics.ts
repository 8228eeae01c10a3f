import { PerfRingError } from '../errors';
import { checkString, plainCopy, plainList, plainOptions } from '../input/plain-data';
import { shown } from '../input/shown';
import type { Accounts, CpuAccounts, ReaderStats } from './accounts';

/** One metric family, as an exporter takes it: OpenMetrics' words. */
export interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly unit?: 'bytes';
  readonly samples: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];
}

/** More families, or samples of one, than any scrape takes. */
const MOST = 1_000_000;

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

/** The counts of a reader as metric families, one sample a CPU. */
export function metricsOf(stats: ReaderStats): Metric[] {
  return FAMILIES.map(({ value, ...family }) => ({
    ...family,
    samples: stats.cpus.map((cpu) => ({ labels: { cpu: String(cpu.cpu) }, value: value(cpu) })),
  }));
}

/**
 * The text of an exposition, to be served as `application/openmetrics-text; version=1.0.0`.
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for what are no metrics
 * @see https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
 */
export function formatOpenMetrics(metrics: readonly Metric[]): string {
  const lines: string[] = [];
  for (const { name, type, help, unit, samples } of plainList(metrics, 'metrics', MOST).map(checkedFamily)) {
    lines.push(`# TYPE ${name} ${type}`);
    if (unit !== undefined) lines.push(`# UNIT ${name} ${unit}`);
    lines.push(`# HELP ${name} ${help}`);
    const suffix = type === 'counter' ? '_total' : '';
    for (const { labels, value } of samples) {
      const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
      lines.push(`${name}${suffix}{${pairs.join(',')}} ${value}`);
    }
  }
  lines.push('# EOF');
  return `${lines.join('\n')}\n`;
}

function checkedFamily(metric: Metric): Metric {
  const plain = plainOptions(
    metric,
    ['name', 'type', 'help', 'unit', 'samples'],
    'ERR_PERF_INVALID_ARGUMENT',
    'a metric',
  );
  for (const name of ['name', 'type', 'help'] as const) checkString(plain[name], `${name} of a metric`);
  if (plain.unit !== undefined) checkString(plain.unit, 'unit of a metric');
  return { ...plain, samples: plainList(plain.samples, 'samples of a metric', MOST).map(checkedSample) };
}

function checkedSample(sample: Metric['samples'][number]): Metric['samples'][number] {
  const { labels, value } = plainOptions(
    sample,
    ['labels', 'value'],
    'ERR_PERF_INVALID_ARGUMENT',
    'a sample',
  );
  const plain = plainCopy(labels, 'labels of a sample', 'ERR_PERF_INVALID_ARGUMENT');
  for (const [name, text] of Object.entries(plain)) checkString(text, `label ${name}`);
  if (typeof value === 'number') return { labels: plain, value };
  throw new PerfRingError(
    'ERR_PERF_INVALID_ARGUMENT',
    `value of a sample must be a number, got ${shown(value)}`,
  );
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
