import { PerfRingError } from '../errors';
import { checkString, plainCopy } from '../input/plain-data';
import { named } from '../input/shown';
import type { Accounts } from './accounts';

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

/** The counts of one ring, as far as its kind has them, and the labels of their samples. */
export interface CountedRing {
  readonly labels: Labels;
  readonly counts: { readonly [Name in CountName]?: number | undefined };
}

type CountName = keyof Accounts | 'shared' | 'capacityBytes';
type Family = Omit<Metric, 'samples'> & { readonly count: CountName };

function counter(name: string, count: CountName, help: string): Family {
  const family = { name: `perfring_${name}`, type: 'counter', help, count } as const;
  return name.endsWith('_bytes') ? { ...family, unit: 'bytes' } : family;
}

const FAMILIES: readonly Family[] = [
  counter('received_samples', 'received', 'Samples delivered.'),
  counter('received_bytes', 'bytes', 'Bytes of the records delivered.'),
  counter('lost_samples', 'lost', 'Samples the kernel could not write.'),
  counter('lost_side_band_records', 'lostOthers', 'Side-band records the kernel could not write.'),
  counter('late_samples', 'late', 'Samples delivered after a sample with a later time.'),
  counter('corrupt_rings', 'corrupt', 'Times a ring was skipped to its head because of an invalid header.'),
  counter(
    'truncated_samples',
    'truncated',
    'Samples skipped because a record header cannot hold their size (64 KiB or more).',
  ),
  counter('wakeups', 'wakeups', 'Times the reader was woken and its ring had records.'),
  counter('swaps', 'swaps', 'Times waking at each sample was turned off or on.'),
  counter('shared_map', 'shared', 'Times another reader of the map had taken records.'),
  {
    ...counter('ring_high_water_bytes', 'highWaterBytes', 'Most unread bytes seen in the ring at one time.'),
    type: 'gauge',
  },
  { ...counter('ring_capacity_bytes', 'capacityBytes', 'Size of the ring.'), type: 'gauge' },
];

/**
 * The counts of a reader as metric families, with one sample per ring. A family that the rings don't count is left out.
 * @param labels labels of every sample, besides those of its ring
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for invalid labels, or one that its ring has too
 */
export function metricsOf(rings: readonly CountedRing[], labels: Labels): Metric[] {
  const own = checkLabels(labels, 'labels');
  const taken = rings.flatMap((ring) => Object.keys(ring.labels)).find((name) => Object.hasOwn(own, name));
  if (taken !== undefined) throw invalid(`labels must not contain ${taken}: every sample already has it`);
  return FAMILIES.map(({ count, ...family }) => ({
    ...family,
    samples: rings.flatMap((ring) => {
      const value = ring.counts[count];
      return value === undefined ? [] : [{ labels: { ...own, ...ring.labels }, value }];
    }),
  })).filter(({ samples }) => samples.length > 0);
}

const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Returns a checked copy of labels. @throws PerfRingError ERR_PERF_INVALID_ARGUMENT */
export function checkLabels(labels: Labels, what: string): Labels {
  const plain = plainCopy(labels, what, 'ERR_PERF_INVALID_ARGUMENT');
  for (const [name, text] of Object.entries(plain)) {
    if (!LABEL_NAME.test(name))
      throw invalid(`"${named(name)}" is not a label name: use letters, digits and _`);
    if (name.startsWith('__')) throw invalid(`the label ${name} is reserved: names must not begin with __`);
    checkString(text, `label ${name}`);
  }
  return plain;
}

function invalid(message: string): PerfRingError {
  return new PerfRingError('ERR_PERF_INVALID_ARGUMENT', message);
}
