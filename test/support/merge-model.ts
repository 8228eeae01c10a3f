import type { TimedRecord } from './timed-rings';

/** A time further ahead of the clock is treated as wrong. */
const FUTURE_NANOSECONDS = 10_000_000n;

interface ModelRing {
  readonly waiting: TimedRecord[];
  /** The time by which the ring's last delivered record was ordered. A record without a time is ordered by it, too. */
  time: bigint;
}

export interface ModelDelivery {
  readonly ring: number;
  readonly id: number;
  readonly late: boolean;
}

/**
 * A simple model of RingReader's order. It compares all rings for every record, without a heap, runs, or times split
 * into words.
 */
export class MergeModel {
  readonly #rings: readonly ModelRing[];
  readonly #slack: bigint | undefined;
  #last = 0n;

  /** @param slack in nanoseconds; undefined for a recording */
  constructor(rings: number, slack: bigint | undefined) {
    this.#rings = Array.from({ length: rings }, () => ({ waiting: [], time: 0n }));
    this.#slack = slack;
  }

  publish(ring: number, records: readonly TimedRecord[]): void {
    (this.#rings[ring] as ModelRing).waiting.push(...records);
  }

  get waiting(): number {
    return this.#rings.reduce((sum, ring) => sum + ring.waiting.length, 0);
  }

  /** Makes one pass, with the clock at `now`. */
  pass(now: bigint, limit = Number.POSITIVE_INFINITY): ModelDelivery[] {
    const delivered: ModelDelivery[] = [];
    while (delivered.length < limit) {
      const due = this.#rings
        .map((ring, index) => ({ ring, index, time: this.#timeOfNext(ring, now) }))
        .filter(({ time }) => time !== undefined && time <= this.#bound(now)) as {
        ring: ModelRing;
        index: number;
        time: bigint;
      }[];
      due.sort((one, other) =>
        one.time < other.time ? -1 : one.time > other.time ? 1 : one.index - other.index,
      );
      const next = due[0];
      if (next === undefined) break;
      const record = next.ring.waiting.shift() as TimedRecord;
      next.ring.time = next.time;
      delivered.push({
        ring: next.index,
        id: record.id,
        late: record.kind === 'sample' && next.time < this.#last,
      });
      if (next.time > this.#last) this.#last = next.time;
    }
    return delivered;
  }

  /** The time up to which the empty rings let records be delivered. */
  #bound(now: bigint): bigint {
    if (this.#slack === undefined) return 2n ** 64n - 1n;
    const quiet = now - this.#slack;
    let bound = this.#future(now);
    for (const ring of this.#rings) {
      if (ring.waiting.length > 0) continue;
      const newest = ring.time > quiet ? ring.time : quiet;
      if (newest < bound) bound = newest;
    }
    return bound;
  }

  #future(now: bigint): bigint {
    if (this.#slack === undefined) return 2n ** 64n - 1n;
    return now + (this.#slack > FUTURE_NANOSECONDS ? this.#slack : FUTURE_NANOSECONDS);
  }

  #timeOfNext(ring: ModelRing, now: bigint): bigint | undefined {
    const next = ring.waiting[0];
    if (next === undefined) return undefined;
    if (next.kind !== 'sample') return ring.time;
    return next.time > this.#future(now) ? this.#last : next.time;
  }
}
