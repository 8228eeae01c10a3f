import {
  CLOCK_MONOTONIC,
  PERF_COUNT_SW_BPF_OUTPUT,
  PERF_FORMAT_TOTAL_TIME_ENABLED,
  PERF_SAMPLE_RAW,
  PERF_TYPE_SOFTWARE,
  type PerfEventAttr,
} from '../abi/perf-event';
import { PerfRingError } from '../errors';
import { plainCopy, plainOptions } from '../input/plain-data';
import { shown } from '../input/shown';

/** When the kernel wakes a reader that polls the event. */
export type EventWakeup =
  /** After every n samples; 1 wakes for each sample. */
  | { readonly everyEvents: number }
  /** When n bytes are unread; n must be less than the ring's size. */
  | { readonly everyBytes: number }
  /** When half the ring is full. */
  | 'half-full';

/**
 * Further attributes, under the kernel's names. `sample_type` is added to the bits that this library needs; the other
 * attributes replace the library's values.
 */
export type CustomAttributes = Partial<
  Omit<PerfEventAttr, 'wakeup_events' | 'wakeup_watermark' | 'watermark'>
>;

/** Attributes that an opener refuses -> why, and what to do. */
export type RefusedAttributes = Readonly<Partial<Record<keyof PerfEventAttr, string>>>;

/** Attributes that every ring of this library refuses, for every kind of event. */
const REFUSED_BY_RINGS: RefusedAttributes = {
  sigtrap: 'the kernel would kill this process by SIGTRAP at a sample',
  remove_on_exec: 'the kernel would remove the event at exec(2) without notice',
  aux_output: 'this library maps no AUX area',
  aux_watermark: 'this library maps no AUX area',
  watermark: 'use the option wakeup',
  wakeup_events: 'use the option wakeup',
  wakeup_watermark: 'use the option wakeup',
};

/**
 * A copy of the caller's attributes, after checking that none is in `refused`. A flag that is false is never refused.
 * @throws PerfRingError ERR_PERF_INVALID_OPTION with the attribute and the reason
 */
export function acceptedAttributes(given: CustomAttributes, refused: RefusedAttributes): CustomAttributes {
  const custom: Partial<PerfEventAttr> = plainCopy(given, 'attributes');
  for (const [name, reason] of Object.entries(refused)) {
    const value = custom[name as keyof PerfEventAttr];
    if (value === undefined || value === false) continue;
    throw new PerfRingError('ERR_PERF_INVALID_OPTION', `attributes.${name} is not accepted: ${reason}`);
  }
  return custom;
}

/**
 * Whether the event is the one that bpf_perf_event_output writes to. Then the payload of a sample is PERF_SAMPLE_RAW.
 */
function isBpfOutput({
  type = PERF_TYPE_SOFTWARE,
  config = PERF_COUNT_SW_BPF_OUTPUT,
}: CustomAttributes): boolean {
  return type === PERF_TYPE_SOFTWARE && Number(config) === PERF_COUNT_SW_BPF_OUTPUT;
}

/**
 * The perf_event_attr of an event that writes samples to a ring. Without `type` and `config` it is the event of
 * bpf_perf_event_output, whose samples have PERF_SAMPLE_RAW. Without `sample_period` and `sample_freq` the kernel
 * writes a sample for each event.
 * @throws PerfRingError ERR_PERF_INVALID_OPTION
 */
export function ringAttr(wakeup: EventWakeup, attributes: CustomAttributes = {}): PerfEventAttr {
  const custom = acceptedAttributes(attributes, REFUSED_BY_RINGS);
  return {
    type: PERF_TYPE_SOFTWARE,
    config: PERF_COUNT_SW_BPF_OUTPUT,
    ...(custom.sample_freq === undefined ? { sample_period: 1 } : {}),
    // So PERF_SAMPLE_TIME can be compared with bpf_ktime_get_ns().
    use_clockid: true,
    clockid: CLOCK_MONOTONIC,
    // So all other records have a time as well, by which they can be ordered.
    sample_id_all: true,
    ...custom,
    sample_type:
      (wordOf(custom.sample_type, 'sample_type') | (isBpfOutput(custom) ? PERF_SAMPLE_RAW : 0)) >>> 0,
    ...wakeupAttr(wakeup),
  };
}

/** Adds what {@link PerfEvent.readEnabledNanoseconds} needs to `read_format`. */
export function withTimeEnabled(attributes: CustomAttributes): CustomAttributes {
  const asked = wordOf(attributes.read_format, 'read_format');
  return { ...attributes, read_format: (asked | PERF_FORMAT_TOTAL_TIME_ENABLED) >>> 0 };
}

function wakeupAttr(wakeup: EventWakeup): Partial<PerfEventAttr> {
  // A watermark of 0 is the kernel's default: half the ring.
  if (wakeup === 'half-full') return { watermark: true, wakeup_watermark: 0 };
  const { everyBytes, everyEvents } = plainOptions<{ everyBytes?: number; everyEvents?: number }>(
    wakeup,
    ['everyBytes', 'everyEvents'],
    'ERR_PERF_INVALID_OPTION',
    'wakeup',
  );
  if (everyBytes !== undefined && everyEvents !== undefined) {
    throw new PerfRingError('ERR_PERF_INVALID_OPTION', 'wakeup takes everyEvents or everyBytes, not both');
  }
  if (everyBytes !== undefined) return { watermark: true, wakeup_watermark: everyBytes };
  if (everyEvents !== undefined) return { wakeup_events: everyEvents };
  throw new PerfRingError(
    'ERR_PERF_INVALID_OPTION',
    "wakeup must be 'half-full', { everyEvents: n } or { everyBytes: n }",
  );
}

/**
 * The value of an attribute that is a 32-bit set; 0 when it is not given. @throws PerfRingError ERR_PERF_INVALID_OPTION
 */
export function wordOf(value: number | bigint | undefined, name: string): number {
  if (value === undefined) return 0;
  if ((typeof value === 'number' && Number.isInteger(value)) || typeof value === 'bigint') {
    if (value >= 0 && value <= 0xffff_ffff) return Number(value);
  }
  throw new PerfRingError(
    'ERR_PERF_INVALID_OPTION',
    `attributes.${name} must be from 0 to 4294967295, got ${shown(value)}`,
  );
}
