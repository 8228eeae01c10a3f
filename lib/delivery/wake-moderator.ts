/** From this many samples in this time on (4,000 per second) a timer is cheaper than a wake for each sample. */
const BUSY_WINDOW_MILLISECONDS = 4;
const BUSY_SAMPLES = 16;
/**
 * With at most this many samples in this time (about 2,700 per second) each sample wakes again. The window is a time
 * and not a number of checks: with checks the state changed too often.
 */
const CALM_WINDOW_MILLISECONDS = 15;
const CALM_SAMPLES = 40;

/**
 * Decides for one ring whether each sample should wake the reader, like the interrupt moderation of network cards. A
 * wake costs the program 6 to 9 µs in a virtual machine, twenty times as much as the sample. At low rates it reduces
 * latency. Under load it gains nothing, since the reader is awake anyway.
 */
export class WakeModerator {
  #busy = false;
  #windowStart = 0;
  #samples = 0;

  /** True while samples should not wake. */
  get busy(): boolean {
    return this.#busy;
  }

  /**
   * Call it after each check of the ring.
   * @param now milliseconds of any monotonic clock
   * @param arrived samples that arrived since the last call
   * @returns {@link busy}
   */
  looked(now: number, arrived: number): boolean {
    this.#samples += arrived;
    const elapsed = now - this.#windowStart;
    if (this.#busy) {
      if (elapsed >= CALM_WINDOW_MILLISECONDS) {
        this.#busy = this.#samples > CALM_SAMPLES * (elapsed / CALM_WINDOW_MILLISECONDS);
        this.#begin(now);
      }
      return this.#busy;
    }
    // A delayed reader finds all samples at once, so the rate over the whole time counts.
    this.#busy = this.#samples >= BUSY_SAMPLES * Math.max(1, elapsed / BUSY_WINDOW_MILLISECONDS);
    if (this.#busy || elapsed > BUSY_WINDOW_MILLISECONDS) this.#begin(now);
    return this.#busy;
  }

  #begin(now: number): void {
    this.#windowStart = now;
    this.#samples = 0;
  }
}
