import { checkLimits, type TurnLimits } from '../delivery/limits';
import { PerfRingError } from '../errors';
import { plainOptions } from '../input/plain-data';
import { wholeNumber } from '../input/check-number';
import { shown } from '../input/shown';
import type { LostCounter } from './lost-counter';

/** Options of {@link RingBufferReader.open}. */
export interface RingBufferReaderOptions {
  /**
   * How the reader is woken when there are records.
   * - `'moderated'`: each record wakes at low rates; under load a timer wakes, see `latencyMicroseconds`. The default.
   *   Programs need no change; BPF_RB_NO_WAKEUP and BPF_RB_FORCE_WAKEUP keep their meaning.
   * - `{ everyEvents: 1 }`: each record wakes a reader that has caught up, as in libbpf.
   * - `'manual'`: nothing wakes; call {@link RingBufferReader.drain}.
   */
  readonly wakeup?: 'moderated' | 'manual' | { readonly everyEvents: 1 };
  /** For `wakeup: 'moderated'`: the longest time a record waits under load, 50 to 1,000,000; 1,000 by default. */
  readonly latencyMicroseconds?: number;
  /**
   * Where the program counts the records for which it found no space; without it {@link RingBufferStats.lost} is
   * undefined, because the map keeps no count. An array or per-CPU array whose first value is the count (Inspektor
   * Gadget's programs have one, named as the map of the events with `_lost_samples` at its end); or a function that
   * returns the count, for example of a variable: `() => object.get('lost')`. It is read by
   * {@link RingBufferReader.stats}, and not closed.
   */
  readonly lost?: LostCounter;
  /** Limits of each batch of asynchronous delivery. */
  readonly turn?: TurnLimits;
}

/** Options with all defaults filled in. */
export interface ResolvedRingBufferOptions {
  readonly isManual: boolean;
  /** Undefined when each record wakes. */
  readonly latencyMicroseconds: number | undefined;
  readonly limits: Required<TurnLimits>;
  readonly lost: LostCounter | undefined;
}

const DEFAULT_LATENCY_MICROSECONDS = 1000;

/** @throws PerfRingError ERR_PERF_INVALID_OPTION */
export function resolveRingBufferOptions(given: RingBufferReaderOptions): ResolvedRingBufferOptions {
  const {
    wakeup = 'moderated',
    latencyMicroseconds,
    lost,
    turn = {},
  } = plainOptions(given, ['wakeup', 'latencyMicroseconds', 'lost', 'turn']);
  const everyEvents = isEveryEvent(wakeup);
  if (wakeup !== 'moderated' && wakeup !== 'manual' && !everyEvents) {
    throw invalid(`wakeup must be 'moderated', 'manual' or { everyEvents: 1 }, got ${shown(wakeup)}`);
  }
  if (latencyMicroseconds !== undefined) {
    if (wakeup !== 'moderated') throw invalid(`latencyMicroseconds needs wakeup: 'moderated'`);
    wholeNumber(latencyMicroseconds, 'latencyMicroseconds', 50, 1e6);
  }
  return {
    isManual: wakeup === 'manual',
    latencyMicroseconds:
      wakeup === 'moderated' ? (latencyMicroseconds ?? DEFAULT_LATENCY_MICROSECONDS) : undefined,
    limits: checkLimits(turn),
    lost,
  };
}

function isEveryEvent(wakeup: unknown): boolean {
  if (typeof wakeup !== 'object' || wakeup === null) return false;
  return (
    plainOptions(wakeup as { everyEvents?: unknown }, ['everyEvents'], undefined, 'wakeup').everyEvents === 1
  );
}

function invalid(message: string): PerfRingError {
  return new PerfRingError('ERR_PERF_INVALID_OPTION', message);
}
