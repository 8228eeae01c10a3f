import type {
  BpfMapHandle,
  NativeAddon,
  PerfEventHandle,
  PollerHandle,
  WakeCallback,
} from '../addon/contract';
import { PerfRingError } from '../errors';
import { failedCall } from '../host/failed-call';

/** How much of the longest wait the timer takes. The rest is for delivery, and for a timer that comes late. */
const TIMERS_PART = 0.65;

/** The interval of a timer with which no record waits longer than this under load, microseconds. */
export function timerMicroseconds(latencyMicroseconds: number): number {
  return Math.floor(latencyMicroseconds * TIMERS_PART);
}

/**
 * Wakes one reader: an epoll set of its events or its map, and a timer, watched by the event loop. Polling a perf event
 * clears its readiness, so a wake does not tell which rings have records: check every ring.
 */
export class Waker {
  readonly #native: NativeAddon;
  readonly #poller: PollerHandle;
  /** Only this field keeps the callback reachable while no consumer waits: see pollerSetRef. */
  readonly #onWake: WakeCallback;
  #intervalMicroseconds = 0;
  #keepsAlive = false;

  /**
   * @param onWake `reasons`: WAKE_EVENTS | WAKE_TIMER; `hungUp`: CPUs whose event hung up and is no longer watched
   * @throws PerfSystemError EMFILE, ENOMEM
   */
  constructor(native: NativeAddon, onWake: (reasons: number, hungUp: readonly number[]) => void) {
    this.#native = native;
    this.#onWake = (reasons, hungUp) => onWake(reasons, hungUp ?? []);
    const poller = native.pollerOpen(this.#onWake);
    if (typeof poller === 'number') {
      throw failedCall(poller, 'epoll_create1', 'watching rings');
    }
    this.#poller = poller;
    // Only a consumer that waits keeps the process alive.
    native.pollerSetRef(poller, false);
  }

  /**
   * Watches an event or a map. Map the ring of an event first: without a ring it always reports a hang-up. A map wakes
   * once at first, then when the kernel wakes its readers.
   * @param cpu the CPU of an event, for `hungUp`
   * @param what what is watched, for errors: "the ring of CPU 3"
   */
  watch(watched: PerfEventHandle | BpfMapHandle, cpu: number, what: string): void {
    const result = this.#native.pollerAdd(this.#poller, watched, cpu);
    if (result >= 0) return;
    throw failedCall(result, 'epoll_ctl', `watching ${what}`, {
      advice: {
        ENOSPC: 'this user watches too many files; raise the limit: sysctl fs.epoll.max_user_watches',
      },
    });
  }

  unwatch(watched: PerfEventHandle | BpfMapHandle): void {
    this.#native.pollerRemove(this.#poller, watched);
  }

  /** Sets the interval of the timer; 0 stops it. No system call when nothing changes. */
  every(microseconds: number): void {
    if (microseconds === this.#intervalMicroseconds) return;
    const result = this.#native.pollerSetTimer(this.#poller, microseconds, microseconds);
    if (result < 0) throw new PerfRingError('ERR_PERF_CLOSED', 'the reader was closed');
    this.#intervalMicroseconds = microseconds;
  }

  /** Sets whether the waker keeps the process alive. No native call when nothing changes. */
  keepAlive(alive: boolean): void {
    if (alive === this.#keepsAlive) return;
    this.#keepsAlive = alive;
    this.#native.pollerSetRef(this.#poller, alive);
  }

  close(): void {
    this.#native.pollerClose(this.#poller);
  }
}
