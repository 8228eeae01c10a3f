import type { MappedRingHandle, NativeAddon, PerfEventHandle } from '../addon/contract';
import {
  encodePerfEventAttr,
  PERF_COUNT_SW_BPF_OUTPUT,
  PERF_SAMPLE_RAW,
  PERF_TYPE_SOFTWARE,
} from '../abi/perf-event';
import { attachBuiltin } from '../bpf/attach-builtin';
import { PerfEventArray } from '../bpf/perf-event-array';
import { DEFAULT_BUILTIN } from '../bpf/programs';
import { onlineCpus } from '../host/cpu-list';
import { failedCall } from '../host/failed-call';

/** The default size of a ring in `perfring collect`, in bytes. A test compares it with the reader's default. */
const DEFAULT_RING_BYTES = 512 * 1024;

/**
 * The number of data pages of each ring in the trial. By default it is that of `perfring collect`, because the limit of
 * locked memory may allow smaller rings but not these.
 */
export function trialPages(native: NativeAddon, asked?: number): number {
  return asked ?? Math.max(1, DEFAULT_RING_BYTES / native.pageSize());
}

/** The result of one step of the trial; `not tried` when an earlier step that it needs failed. */
export type Outcome = 'worked' | 'not tried' | { readonly failure: unknown };

/** The result of each step of the trial. */
export interface Trial {
  /** perf_event_open on every online CPU, twice, because a collection uses two events for each CPU. */
  readonly perfEvents: Outcome;
  /** A ring mapped for each CPU. */
  readonly rings: Outcome;
  /** A perf event array created, and its slots filled with the events. */
  readonly array: Outcome;
  /** The default built-in program loaded and attached. */
  readonly program: Outcome;
}

/**
 * Takes every step of a collection up to the first sample, and then closes everything.
 * @param dataPageCount data pages of each ring, a power of two; see {@link trialPages}
 */
export function tryCollection(native: NativeAddon, dataPageCount?: number): Trial {
  const events = new Map<number, PerfEventHandle>();
  const waking: PerfEventHandle[] = [];
  const rings: MappedRingHandle[] = [];
  let array: PerfEventArray | undefined;
  try {
    const perfEvents = attempt(() => {
      for (const cpu of onlineCpus()) {
        events.set(cpu, openEvent(native, cpu));
        waking.push(openEvent(native, cpu));
      }
    });
    const mapped = after(perfEvents, () => {
      const pages = trialPages(native, dataPageCount);
      for (const [cpu, event] of events) rings.push(mapRing(native, cpu, event, pages));
    });
    // This step is tried even without events, to find out whether bpf(2) works.
    const filled = attempt(() => {
      array = PerfEventArray.create({ name: 'perfring_trial' });
      for (const [cpu, event] of events) array.set(cpu, event);
    });
    const program = after(filled, () => {
      if (array !== undefined) attachBuiltin(DEFAULT_BUILTIN.name, array).close();
    });
    return { perfEvents, rings: mapped, array: filled, program };
  } finally {
    array?.close();
    for (const ring of rings) native.ringClose(ring);
    for (const event of [...waking, ...events.values()]) native.perfEventClose(event);
  }
}

function attempt(step: () => void): Outcome {
  try {
    step();
    return 'worked';
  } catch (failure) {
    return { failure };
  }
}

function after(before: Outcome, step: () => void): Outcome {
  return before === 'worked' ? attempt(step) : 'not tried';
}

function openEvent(native: NativeAddon, cpu: number): PerfEventHandle {
  const attr = encodePerfEventAttr({
    type: PERF_TYPE_SOFTWARE,
    config: PERF_COUNT_SW_BPF_OUTPUT,
    sample_type: PERF_SAMPLE_RAW,
    sample_period: 1,
    wakeup_events: 1,
  });
  const event = native.perfEventOpen(attr, -1, cpu, -1, 0);
  if (typeof event !== 'number') return event;
  throw failedCall(event, 'perf_event_open', `an event on CPU ${cpu}`, { needs: ['CAP_PERFMON'] });
}

function mapRing(
  native: NativeAddon,
  cpu: number,
  event: PerfEventHandle,
  dataPageCount: number,
): MappedRingHandle {
  const ring = native.ringMap(event, dataPageCount, true);
  if (typeof ring !== 'number') return ring;
  const advice = {
    EPERM: 'more than the limit of locked memory; use smaller rings, or run with CAP_IPC_LOCK',
  };
  throw failedCall(ring, 'mmap', `a ring of ${dataPageCount} data pages on CPU ${cpu}`, { advice });
}
