/**
 * The text format of OpenMetrics.
 * @see https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
 */

import { PerfRingError } from '../errors';
import { checkString, plainList, plainProperties } from '../input/plain-data';
import { named, shown } from '../input/shown';
import { checkLabels, type Metric } from '../delivery/metrics';

/** The most families, or samples of one family: more than any scrape takes. */
const MOST = 1_000_000;

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

type Sample = Metric['samples'][number];

/** A family with the samples of all metrics that have its name. */
interface Family extends Omit<Metric, 'samples'> {
  /** Sample lines by sample name and sorted labels. */
  readonly lines: Map<string, string>;
}

/**
 * The text of an exposition. Serve it as `application/openmetrics-text; version=1.0.0`. Metrics with the same name,
 * such as those of two readers, are joined: their labels must differ, see {@link RecordReader.metrics}.
 *
 * ```ts
 * formatOpenMetrics([...execs.metrics({ reader: 'exec' }), ...calls.metrics({ reader: 'calls' })]);
 * ```
 *
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for values that are not metrics; names that OpenMetrics does not
 *   allow; a counter below 0 or NaN; metrics with one name but different types or units; two samples with the same name
 *   and labels
 */
export function formatOpenMetrics(metrics: readonly Metric[]): string {
  const lines: string[] = [];
  for (const { name, type, help, unit, lines: samples } of joined(metrics)) {
    lines.push(`# TYPE ${name} ${type}`);
    if (unit !== undefined) lines.push(`# UNIT ${name} ${unit}`);
    lines.push(`# HELP ${name} ${escaped(help)}`, ...samples.values());
  }
  lines.push('# EOF');
  return `${lines.join('\n')}\n`;
}

function joined(metrics: readonly Metric[]): Iterable<Family> {
  const families = new Map<string, Family>();
  const sampleNames = new Map<string, string>();
  for (const { samples, ...metric } of plainList(metrics, 'metrics', MOST).map(checkedMetric)) {
    const { name, type, unit } = metric;
    let family = families.get(name);
    if (family === undefined) {
      family = { ...metric, lines: new Map() };
      families.set(name, family);
    }
    if (family.type !== type || family.unit !== unit) {
      throw invalid(
        `metrics of the name ${name} must agree in type and unit, got ${family.type} ${family.unit ?? '-'} and ${type} ${unit ?? '-'}`,
      );
    }
    const sampleName = type === 'counter' ? `${name}_total` : name;
    const other = sampleNames.get(sampleName) ?? name;
    if (other !== name)
      throw invalid(`the metrics ${other} and ${name} both have samples named ${sampleName}`);
    sampleNames.set(sampleName, name);
    for (const sample of samples) addSample(family, sampleName, sample);
  }
  return families.values();
}

function addSample({ name, type, lines }: Family, sampleName: string, { labels, value }: Sample): void {
  if (type === 'counter' && !(value >= 0)) {
    throw invalid(`the counter ${name} must not be below 0 or NaN, got ${value}`);
  }
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
  const series = `${sampleName}{${[...pairs].sort().join(',')}}`;
  if (lines.has(series)) {
    throw invalid(
      `two samples are ${named(series)}; give each reader a label: reader.metrics({ reader: 'exec' })`,
    );
  }
  lines.set(series, `${sampleName}{${pairs.join(',')}} ${numberText(value)}`);
}

function numberText(value: number): string {
  return Math.abs(value) === Number.POSITIVE_INFINITY ? `${value > 0 ? '+' : '-'}Inf` : String(value);
}

function checkedMetric(metric: Metric): Metric {
  const plain = plainProperties(
    metric,
    ['name', 'type', 'help', 'unit', 'samples'],
    'ERR_PERF_INVALID_ARGUMENT',
    'a metric',
  );
  const { name, type, help, unit } = plain;
  checkString(name, 'name of a metric');
  if (!METRIC_NAME.test(name)) {
    throw invalid(`"${named(name)}" is not a metric name: use letters, digits, _ and :`);
  }
  if (type !== 'counter' && type !== 'gauge') {
    throw invalid(`type of the metric ${named(name)} must be 'counter' or 'gauge', got ${shown(type)}`);
  }
  if (type === 'counter' && name.endsWith('_total')) {
    throw invalid(`the counter ${named(name)} is named without _total, which its samples get`);
  }
  checkString(help, `help of the metric ${named(name)}`);
  if (unit !== undefined) checkString(unit, `unit of the metric ${named(name)}`);
  if (unit !== undefined && !name.endsWith(`_${unit}`)) {
    throw invalid(`the name of the metric ${named(name)} must end with its unit, _${named(unit)}`);
  }
  return { ...plain, samples: plainList(plain.samples, 'samples of a metric', MOST).map(checkedSample) };
}

function checkedSample(sample: Sample): Sample {
  const { labels, value } = plainProperties(
    sample,
    ['labels', 'value'],
    'ERR_PERF_INVALID_ARGUMENT',
    'a sample',
  );
  const plain = checkLabels(labels, 'labels of a sample');
  if (typeof value === 'number') return { labels: plain, value };
  throw invalid(`value of a sample must be a number, got ${shown(value)}`);
}

/** The `escaped-string` of the specification, for label values and help texts. */
function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function invalid(message: string): PerfRingError {
  return new PerfRingError('ERR_PERF_INVALID_ARGUMENT', message);
}
