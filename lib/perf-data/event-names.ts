import {
  PERF_TYPE_BREAKPOINT,
  PERF_TYPE_HARDWARE,
  PERF_TYPE_HW_CACHE,
  PERF_TYPE_RAW,
  PERF_TYPE_SOFTWARE,
  PERF_TYPE_TRACEPOINT,
  type PerfEventAttr,
} from '../abi/perf-event';

/** perf's names of the software events, by PERF_COUNT_SW_*. */
const SOFTWARE_NAMES = [
  'cpu-clock',
  'task-clock',
  'page-faults',
  'context-switches',
  'cpu-migrations',
  'minor-faults',
  'major-faults',
  'alignment-faults',
  'emulation-faults',
  'dummy',
  'bpf-output',
  'cgroup-switches',
];

/** perf's names of the hardware events, by PERF_COUNT_HW_*. */
const HARDWARE_NAMES = [
  'cycles',
  'instructions',
  'cache-references',
  'cache-misses',
  'branches',
  'branch-misses',
  'bus-cycles',
  'stalled-cycles-frontend',
  'stalled-cycles-backend',
  'ref-cycles',
];

/** A name for an event whose file has none. */
export function eventName({ type, config }: PerfEventAttr): string {
  const index = Number(config);
  switch (type) {
    case PERF_TYPE_SOFTWARE:
      return SOFTWARE_NAMES[index] ?? `software:${config}`;
    case PERF_TYPE_HARDWARE:
      return HARDWARE_NAMES[index] ?? `hardware:${config}`;
    case PERF_TYPE_TRACEPOINT:
      return `tracepoint:${config}`;
    case PERF_TYPE_HW_CACHE:
      return `cache:0x${config.toString(16)}`;
    case PERF_TYPE_RAW:
      return `raw:0x${config.toString(16)}`;
    case PERF_TYPE_BREAKPOINT:
      return 'breakpoint';
    default:
      return `pmu-${type}:0x${config.toString(16)}`;
  }
}
