/** Samples within this time, this many of them, and a timer serves better than a wake for each: 4,000 a second. */
const BUSY_WINDOW_MILLISECONDS = 4;
const BUSY_SAMPLES = 16;
/** So few samples in so long, about 2,700 a second, and each may wake again. In time, not in looks: looks flap. */
const CALM_WINDOW_MILLISECONDS = 15;
const CALM_SAMPLES = 40;

/**
 * Decides for one ring whether each sample should wake the reader, as network cards moderate their interrupts.
 * A wake costs the producer 6 to 9 µs in a virtual machine, twenty times the sample itself; at low rates that buys
 * latency, under load it buys nothing, since the reader is awake anyway.
 */
export class WakeModerator {
  #busy = false;
  #windowStart = 0;
  #samples = 0;

  /** Whether samples should not wake now. */
  get busy(): boolean {
    return this.#busy;
  }

  /**
   * After each look at the ring.
   * @param now milliseconds, of any monotonic clock
   * @param arrived samples that came since the look before
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
    // A reader that was kept from looking finds what came meanwhile at once: the rate counts, over all that time.
    this.#busy = this.#samples >= BUSY_SAMPLES * Math.max(1, elapsed / BUSY_WINDOW_MILLISECONDS);
    if (this.#busy || elapsed > BUSY_WINDOW_MILLISECONDS) this.#begin(now);
    return this.#busy;
  }

  #begin(now: number): void {
    this.#windowStart = now;
    this.#samples = 0;
  }
}
