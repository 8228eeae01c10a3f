import type { NativeAddon, PollerHandle, WakeCallback } from '../addon/contract';
import { PerfRingError } from '../errors';
import type { RingBufferMap } from '../bpf/ring-buffer-map';
import { handleOf, type PerfEvent } from '../events/perf-event';
import { failedCall } from '../host/failed-call';

/**
 * What wakes one reader: an epoll set of its rings' events, and a timer, watched by the event loop.
 * Readiness of a perf event is consumed by polling, so a wake says only that one should look, at every ring.
 */
export class Waker {
  readonly #native: NativeAddon;
  readonly #poller: PollerHandle;
  /** Reachable by this field alone while nobody waits: see pollerSetRef. */
  readonly #onWake: WakeCallback;
  #intervalMicroseconds = 0;
  #keepsAlive = false;

  /**
   * @param onWake `reasons` of WAKE_EVENTS | WAKE_TIMER; `hungUp`: CPUs whose event hung up and is watched no more
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

  /** Map the event's ring first: without one it hangs up for ever. */
  watch(event: PerfEvent): void {
    this.#check(
      this.#native.pollerAdd(this.#poller, handleOf(event), event.cpu),
      `watching the ring of CPU ${event.cpu}`,
    );
  }

  /** Wakes when the kernel wakes the map's readers, and once at first; until the map is closed. */
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

  /** Wakes every so often from now on; 0 stops. Free when nothing changes. */
  every(microseconds: number): void {
    if (microseconds === this.#intervalMicroseconds) return;
    const result = this.#native.pollerSetTimer(this.#poller, microseconds, microseconds);
    if (result < 0) throw new PerfRingError('ERR_PERF_CLOSED', 'the reader was closed');
    this.#intervalMicroseconds = microseconds;
  }

  /** Free when nothing changes. */
  keepAlive(alive: boolean): void {
    if (alive === this.#keepsAlive) return;
    this.#keepsAlive = alive;
    this.#native.pollerSetRef(this.#poller, alive);
  }

  close(): void {
    this.#native.pollerClose(this.#poller);
  }
}
