import { PerfRingError } from '../errors';
import { checkSignal } from '../input/abort-signal';
import type { RecordRing } from '../records/record-ring';
import { whenStuck } from './stuck-drains';

type FlushedRing = Pick<RecordRing, 'counters' | 'unreadBytes'>;

/** For each ring, how many bytes must have been consumed from it. */
export type Positions = readonly { readonly ring: FlushedRing; readonly bytes: number }[];

/** What has been published in each ring up to now. */
export function publishedPositions(rings: readonly FlushedRing[]): Positions {
  return rings.map((ring) => ({ ring, bytes: ring.counters.consumedBytes + ring.unreadBytes() }));
}

/** Whether everything up to these positions has been delivered or skipped. */
export function areReached(positions: Positions): boolean {
  // With corrupt positions `bytes` was too high; an empty ring has delivered everything.
  return positions.every(
    ({ ring, bytes }) => ring.counters.consumedBytes >= bytes || ring.unreadBytes() === 0,
  );
}

interface Waiter {
  readonly positions: Positions;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Calls of flush() that wait until everything published before them has been delivered. */
export class FlushWaiters {
  readonly #waiters = new Set<Waiter>();

  /** Waits until everything in the rings now has been delivered. */
  wait(rings: readonly FlushedRing[], signal: AbortSignal | undefined): Promise<void> {
    checkSignal(signal);
    signal?.throwIfAborted();
    const positions = publishedPositions(rings);
    return new Promise((resolve, reject) => {
      const settle = (how: () => void): void => {
        this.#waiters.delete(waiter);
        stopWatching();
        signal?.removeEventListener('abort', abort);
        how();
      };
      const waiter: Waiter = {
        positions,
        resolve: () => settle(resolve),
        reject: (reason) => settle(() => reject(reason)),
      };
      const abort = (): void => waiter.reject(signal?.reason);
      const stopWatching = whenStuck(() => waiter.reject(notDelivered()));
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiters.add(waiter);
    });
  }

  /** Call it after rings were read: it resolves the waits that are over. */
  check(): void {
    if (this.#waiters.size === 0) return;
    for (const waiter of this.#waiters) if (areReached(waiter.positions)) waiter.resolve();
  }

  /** The rings are closed: rejects the waits that are not over. */
  end(): void {
    this.check();
    for (const waiter of this.#waiters) {
      waiter.reject(
        new PerfRingError('ERR_PERF_CLOSED', 'the reader was closed before everything was delivered'),
      );
    }
  }
}

function notDelivered(): PerfRingError {
  return new PerfRingError(
    'ERR_PERF_NOT_DRAINED',
    'flush() could not end: the program has nothing left to do, so it will not read what was published. Do not await it ' +
      'in the body of the loop that takes the records, or when no loop reads',
  );
}
