/** In place of a time: the record comes at once, in the order of the file. */
export const AT_ONCE = Number.NEGATIVE_INFINITY;

/**
 * The records of one file that were found and not delivered: those that are due, in the order of delivery, and those
 * that wait until all earlier ones must have come.
 *
 * A file holds what was in the rings of all CPUs, ring after ring, again and again. After each time round perf writes
 * FINISHED_ROUND: what comes after the next one is no older than the newest record before this one.
 *
 * Times are nanoseconds since the file's first time: exact as numbers for 104 days.
 */
export class RecordQueue {
  /** Of each record: its place in the window, its time, and the index of its event. */
  #positions = new Int32Array(1024);
  #times = new Float64Array(1024);
  #events = new Int32Array(1024);
  #used = 0;
  #waiting: number[] = [];
  #due: number[] = [];
  #next = 0;
  #newest = AT_ONCE;
  #bound = AT_ONCE;
  /** The latest time that became due. */
  #delivered = AT_ONCE;

  /** @param time {@link AT_ONCE} makes it due now */
  add(position: number, time: number, event: number): void {
    const slot = this.#used++;
    if (slot === this.#positions.length) this.#grow();
    this.#positions[slot] = position;
    this.#times[slot] = time;
    this.#events[slot] = event;
    if (time === AT_ONCE) {
      this.#due.push(slot);
      return;
    }
    this.#waiting.push(slot);
    if (time > this.#newest) this.#newest = time;
  }

  /** Call it at the end of each round: makes due what can have no earlier record after it. */
  finishRound(): void {
    this.#release(this.#bound);
    this.#bound = this.#newest;
  }

  /** Makes the older half of the waiting records due, because there is no room for more. */
  releaseHalf(): void {
    this.#sort();
    const middle = this.#waiting[this.#waiting.length >> 1];
    if (middle !== undefined) this.#release(this.#times[middle] as number);
  }

  /** Makes everything due: no more records come. */
  releaseAll(): void {
    this.#release(Number.POSITIVE_INFINITY);
  }

  get hasDue(): boolean {
    return this.#next < this.#due.length;
  }

  get waits(): boolean {
    return this.#waiting.length > 0;
  }

  /** Of the next due record; {@link AT_ONCE} for one without a time. Only while {@link hasDue}. */
  get time(): number {
    return this.#times[this.#due[this.#next] as number] as number;
  }

  get position(): number {
    return this.#positions[this.#due[this.#next] as number] as number;
  }

  get event(): number {
    return this.#events[this.#due[this.#next] as number] as number;
  }

  /** Goes on to the next due record. @returns whether the record that is left came after one of a later time */
  pop(): boolean {
    const { time } = this;
    this.#next++;
    if (time < this.#delivered) return time !== AT_ONCE;
    this.#delivered = time;
    return false;
  }

  /**
   * Forgets what was delivered, and moves the positions of the rest. Call it when nothing is due.
   * @param moved bytes by which the window was moved to its beginning
   */
  compact(moved: number): void {
    const waiting = this.#waiting;
    this.#sortBySlot();
    waiting.forEach((slot, index) => {
      this.#positions[index] = (this.#positions[slot] as number) - moved;
      this.#times[index] = this.#times[slot] as number;
      this.#events[index] = this.#events[slot] as number;
      waiting[index] = index;
    });
    this.#used = waiting.length;
    this.#due = [];
    this.#next = 0;
  }

  /** The place of the first record that waits; `otherwise` without one. */
  firstPosition(otherwise: number): number {
    let first = otherwise;
    for (const slot of this.#waiting) first = Math.min(first, this.#positions[slot] as number);
    return first;
  }

  #release(bound: number): void {
    const waiting = this.#waiting;
    if (waiting.length === 0 || bound === AT_ONCE) return;
    this.#sort();
    let count = 0;
    while (count < waiting.length && (this.#times[waiting[count] as number] as number) <= bound) {
      this.#due.push(waiting[count] as number);
      count++;
    }
    this.#waiting = waiting.slice(count);
  }

  /** The rings of the CPUs are runs that are sorted already, which Array.prototype.sort merges. */
  #sort(): void {
    const times = this.#times;
    this.#waiting.sort((one, other) => (times[one] as number) - (times[other] as number) || one - other);
  }

  #sortBySlot(): void {
    this.#waiting.sort((one, other) => one - other);
  }

  #grow(): void {
    const length = this.#positions.length * 2;
    const positions = new Int32Array(length);
    positions.set(this.#positions);
    this.#positions = positions;
    const times = new Float64Array(length);
    times.set(this.#times);
    this.#times = times;
    const events = new Int32Array(length);
    events.set(this.#events);
    this.#events = events;
  }
}
