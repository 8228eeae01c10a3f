import { PERF_COUNT_SW_DUMMY, type PerfEventAttr } from '../abi/perf-event';
import {
  acceptedAttributes,
  type CustomAttributes,
  type EventWakeup,
  type RefusedAttributes,
  ringAttr,
} from './attr';

const OF_A_PROCESS = 'it is for events of a process, and the reader opens events of CPUs';
const OF_A_COUNTER = 'it is for hardware counters, and the reader uses none';
const OF_A_PERIOD = 'the reader delivers each sample that a program writes';

/** Attributes that the readers of a perf event array refuse, in addition to those that every ring refuses. */
const REFUSED: RefusedAttributes = {
  type: 'the reader sets it',
  config: 'the reader sets it',
  config1: 'events of bpf_perf_event_output have none',
  config2: 'events of bpf_perf_event_output have none',
  bp_type: 'events of bpf_perf_event_output have none',
  write_backward: 'open a FlightRecorder for rings that overwrite',
  disabled: 'the reader never enables events, so every sample would be dropped without being counted',
  enable_on_exec: OF_A_PROCESS,
  inherit: OF_A_PROCESS,
  inherit_stat: OF_A_PROCESS,
  inherit_thread: OF_A_PROCESS,
  pinned: OF_A_COUNTER,
  exclusive: OF_A_COUNTER,
  freq: OF_A_PERIOD,
  sample_freq: OF_A_PERIOD,
  sample_period: OF_A_PERIOD,
};

/**
 * A copy of attributes for the events of a reader, whose samples all come from bpf_perf_event_output. Attributes that
 * would lose samples or make the accounts wrong are refused.
 * @throws PerfRingError ERR_PERF_INVALID_OPTION with the attribute and the reason
 */
export function bpfOutputAttributes(given: CustomAttributes): CustomAttributes {
  return acceptedAttributes(given, REFUSED);
}

/** The perf_event_attr of an event for bpf_perf_event_output. @throws PerfRingError ERR_PERF_INVALID_OPTION */
export function bpfOutputAttr(wakeup: EventWakeup, attributes: CustomAttributes = {}): PerfEventAttr {
  return ringAttr(wakeup, bpfOutputAttributes(attributes));
}

/** Attributes that make the kernel write side-band records: records of other types than samples. */
export const SIDE_BAND_FLAGS = [
  'mmap',
  'comm',
  'inherit_stat',
  'task',
  'mmap_data',
  'mmap2',
  'context_switch',
  'namespaces',
  'ksymbol',
  'bpf_event',
  'aux_output',
  'cgroup',
  'text_poke',
] as const satisfies readonly (keyof PerfEventAttr)[];

/**
 * Attributes for two events that share a ring: one for samples, one for side-band records. The kernel keeps one count
 * of lost records for each event, whatever their type, so a second event is needed to count side-band records
 * separately.
 * @returns `sideBand` is undefined when no attribute asks for side-band records
 */
export function splitSideBand(attributes: CustomAttributes): {
  readonly samples: CustomAttributes;
  readonly sideBand: PerfEventAttr | undefined;
} {
  if (!SIDE_BAND_FLAGS.some((flag) => attributes[flag] === true)) {
    return { samples: attributes, sideBand: undefined };
  }
  const none = Object.fromEntries(SIDE_BAND_FLAGS.map((flag) => [flag, false]));
  return {
    samples: { ...attributes, ...none },
    // Same sample_type and clock as the samples: they decide the layout of the fields that sample_id_all adds.
    sideBand: { ...ringAttr('half-full', attributes), config: PERF_COUNT_SW_DUMMY },
  };
}
