import type { RingRecord } from '../../lib/records/record';
import { isExpectedPayload } from './sample-payload';

/** One of this many samples is compared byte by byte. Comparing all would take too long. */
const FULLY_CHECKED = 61;

/**
 * A quick check of a flood: the sequence number of every sample, all bytes of some, and in time order that exactly
 * those samples are marked late whose time is before an earlier delivered one.
 */
export class SequenceCheck {
  readonly #size: number;
  readonly #next: number[] = [];
  readonly #received: number[] = [];
  readonly #missing: number[] = [];
  #lastTime = 0n;
  late = 0;
  /** Samples that should be marked late and are not, or the other way round. */
  inversions = 0;
  readonly errors: string[] = [];

  /** @param size the payload bytes of every sample */
  constructor(size = 48) {
    this.#size = size;
  }

  readonly visitor = (record: RingRecord): void => {
    const { cpu } = record;
    const sequence = record.u64AsNumber(0);
    const next = this.#next[cpu] ?? 0;
    const received = this.received(cpu) + 1;
    this.#received[cpu] = received;
    this.#missing[cpu] = (this.#missing[cpu] ?? 0) + sequence - next;
    this.#next[cpu] = sequence + 1;
    if (sequence < next && this.errors.length < 10) {
      this.errors.push(`CPU ${cpu}: sample ${sequence} came after ${next - 1}`);
    }
    if (received % FULLY_CHECKED === 0 && !isExpectedPayload(record.bytes(), sequence, this.#size)) {
      if (this.errors.length < 10) this.errors.push(`CPU ${cpu}: sample ${sequence} is not as written`);
    }
  };

  /** As {@link visitor}, and checks the time. */
  readonly timedVisitor = (record: RingRecord): void => {
    this.visitor(record);
    const time = record.time as bigint;
    if (record.late) this.late++;
    if (time < this.#lastTime !== record.late) this.inversions++;
    if (time > this.#lastTime) this.#lastTime = time;
  };

  received(cpu: number): number {
    return this.#received[cpu] ?? 0;
  }

  /** How many of the `emitted` samples of the CPU were not delivered. */
  missing(cpu: number, emitted: number): number {
    return (this.#missing[cpu] ?? 0) + emitted - (this.#next[cpu] ?? 0);
  }
}
