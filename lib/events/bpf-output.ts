import { PERF_COUNT_SW_DUMMY, type PerfEventAttr } from '../abi/perf-event';
import {
  acceptedAttributes,
  type CustomAttributes,
  type EventWakeup,
  type RefusedAttributes,
  ringAttr,
} from './attr';

const OF_A_PROCESS = 'the events of a reader belong to CPUs and not to a process';
const OF_A_COUNTER = 'no counter of the hardware is used';
const OF_A_PERIOD = 'each sample that a program writes is delivered';

/** What the readers of a perf event array refuse, beside what every ring refuses. */
const REFUSED: RefusedAttributes = {
  type: 'the reader sets it',
  config: 'the reader sets it',
  config1: 'events of bpf_perf_event_output have none',
  config2: 'events of bpf_perf_event_output have none',
  bp_type: 'events of bpf_perf_event_output have none',
  write_backward: 'open a FlightRecorder for rings that overwrite',
  disabled: 'nothing would enable the event, and each sample would be refused uncounted',
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
 * A copy of attributes for the events of a reader, whose samples all come from bpf_perf_event_output: only such as
 * neither blind the reader nor falsify its accounts.
 * @throws PerfRingError ERR_PERF_INVALID_OPTION with the attribute and the reason
 */
export function bpfOutputAttributes(given: CustomAttributes): CustomAttributes {
  return acceptedAttributes(given, REFUSED);
}

/** The perf_event_attr of an event for bpf_perf_event_output. @throws PerfRingError ERR_PERF_INVALID_OPTION */
export function bpfOutputAttr(wakeup: EventWakeup, attributes: CustomAttributes = {}): PerfEventAttr {
  return ringAttr(wakeup, bpfOutputAttributes(attributes));
}

/** Attributes for which the kernel writes records of other types than samples: side-band records. */
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
 * Attributes for two events that share a ring: one for samples, one for side-band records. The kernel counts lost
 * records by event, whatever their type: only records of an event of their own are counted apart.
 * @returns `sideBand` undefined where no such record was asked for
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
    // With the samples' sample_type and clock: the fields that sample_id_all adds are laid out by them.
    sideBand: { ...ringAttr('half-full', attributes), config: PERF_COUNT_SW_DUMMY },
  };
}
