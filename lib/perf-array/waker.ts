import type { NativeAddon, PollerHandle, WakeCallback } from '../addon/contract';
import { PerfRingError } from '../errors';
import type { RingBufferMap } from '../bpf/ring-buffer-map';
import { handleOf, type PerfEvent } from '../events/perf-event';
import { failedCall } from '../host/failed-call';

/**
 * Wakes one reader: an epoll set of its rings' events, and a timer, watched by the event loop. Polling a perf event
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

  /** Watches a ring's event. Map the ring first: without a ring the event always reports a hang-up. */
  watch(event: PerfEvent): void {
    this.#check(
      this.#native.pollerAdd(this.#poller, handleOf(event), event.cpu),
      `watching the ring of CPU ${event.cpu}`,
    );
  }

  /** Watches a map until it is closed: wakes once at first, then when the kernel wakes the map's readers. */
  watchMap(map: RingBufferMap): void {
    this.#check(
      this.#native.pollerAdd(this.#poller, map.handle, 0),
      `watching ring buffer map ${map.info.id}`,
    );
  }

  #check(result: number, what: string): void {
    if (result >= 0) return;
    throw failedCall(result, 'epoll_ctl', what, {
      advice: {
        ENOSPC: 'this user watches too many files; raise the limit: sysctl fs.epoll.max_user_watches',
      },
    });
  }

  unwatch(event: PerfEvent): void {
    this.#native.pollerRemove(this.#poller, handleOf(event));
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
