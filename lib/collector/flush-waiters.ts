import { PerfRingError } from '../errors';
import type { CpuRing } from './cpu-ring';
import { checkSignal } from './options';

interface Waiter {
  /** Each ring, and the bytes that must have been consumed from it. */
  readonly targets: readonly { readonly ring: CpuRing; readonly bytes: number }[];
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Who waits until all that was published before a moment has been delivered. */
export class FlushWaiters {
  readonly #waiters = new Set<Waiter>();

  /** Waits for what lies in the rings now. */
  wait(rings: readonly CpuRing[], signal: AbortSignal | undefined): Promise<void> {
    checkSignal(signal);
    signal?.throwIfAborted();
    const targets = rings.map((ring) => ({ ring, bytes: ring.consumedBytes + ring.unreadBytes }));
    return new Promise((resolve, reject) => {
      const waiter = {
        targets,
        resolve: () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        },
        reject: (reason: unknown) => {
          signal?.removeEventListener('abort', abort);
          reject(reason);
        },
      };
      const abort = (): void => {
        this.#waiters.delete(waiter);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiters.add(waiter);
    });
  }

  /** After rings were read: whoever's wait is over goes on. */
  check(): void {
    if (this.#waiters.size === 0) return;
    for (const waiter of this.#waiters) {
      if (waiter.targets.every(({ ring, bytes }) => ring.consumedBytes >= bytes)) {
        this.#waiters.delete(waiter);
        waiter.resolve();
      }
    }
  }

  /** The rings are gone: who still waits, waits for nothing. */
  end(): void {
    this.check();
    for (const waiter of this.#waiters) {
      waiter.reject(
        new PerfRingError('ERR_PERF_CLOSED', 'the reader was closed before everything was delivered'),
      );
    }
    this.#waiters.clear();
  }
}
