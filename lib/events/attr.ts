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

/** When the kernel wakes a reader that polls. */
export type EventWakeup =
  /** After every so many samples; 1 wakes for each. */
  | { readonly everyEvents: number }
  /** When so many bytes lie unread; below the ring's size. */
  | { readonly everyBytes: number }
  /** Not before half the ring is full. */
  | 'half-full';

/** Attributes beside those this library sets; the kernel's names. `sample_type` adds to what is needed. */
export type CustomAttributes = Partial<
  Omit<PerfEventAttr, 'wakeup_events' | 'wakeup_watermark' | 'watermark'>
>;

/** Attributes that an opener refuses -> why, and what to do. */
export type RefusedAttributes = Readonly<Partial<Record<keyof PerfEventAttr, string>>>;

/** What no ring of this library takes, whatever its event. */
const REFUSED_BY_RINGS: RefusedAttributes = {
  sigtrap: 'the kernel would kill this process by SIGTRAP at a sample',
  remove_on_exec: 'the kernel would remove the event at exec(2), and nothing would tell',
  aux_output: 'this library maps no AUX area',
  aux_watermark: 'this library maps no AUX area',
  watermark: 'give the option wakeup',
  wakeup_events: 'give the option wakeup',
  wakeup_watermark: 'give the option wakeup',
};

/**
 * A copy of the caller's attributes, none of which is refused. A flag that is false is not refused.
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

/** Whether samples are what BPF programs pass to bpf_perf_event_output: their payload is PERF_SAMPLE_RAW. */
function isBpfOutput({
  type = PERF_TYPE_SOFTWARE,
  config = PERF_COUNT_SW_BPF_OUTPUT,
}: CustomAttributes): boolean {
  return type === PERF_TYPE_SOFTWARE && Number(config) === PERF_COUNT_SW_BPF_OUTPUT;
}

/**
 * The perf_event_attr of an event that samples into a ring. Without `type` and `config` it is that of
 * bpf_perf_event_output, whose samples have PERF_SAMPLE_RAW; without `sample_period` and `sample_freq` each event is a sample.
 * @throws PerfRingError ERR_PERF_INVALID_OPTION
 */
export function ringAttr(wakeup: EventWakeup, attributes: CustomAttributes = {}): PerfEventAttr {
  const custom = acceptedAttributes(attributes, REFUSED_BY_RINGS);
  return {
    type: PERF_TYPE_SOFTWARE,
    config: PERF_COUNT_SW_BPF_OUTPUT,
    ...(custom.sample_freq === undefined ? { sample_period: 1 } : {}),
    // Comparable with bpf_ktime_get_ns(), where PERF_SAMPLE_TIME is asked for.
    use_clockid: true,
    clockid: CLOCK_MONOTONIC,
    // So that other records have a time, too, by which a merge can order them.
    sample_id_all: true,
    ...custom,
    sample_type:
      (wordOf(custom.sample_type, 'sample_type') | (isBpfOutput(custom) ? PERF_SAMPLE_RAW : 0)) >>> 0,
    ...wakeupAttr(wakeup),
  };
}

/** For events that can be asked {@link PerfEvent.readEnabledNanoseconds}. */
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

/** An attribute that is a set of 32 bits; none when it is not given. */
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
