import type { RingRecord } from '../../lib/records/record';
import { isExpectedPayload, sequenceOf } from './sample-payload';

/** The length of the payload in the ring, for `bytes` bytes that were passed to bpf_perf_event_output. */
const paddedBytes = (bytes: number): number => Math.ceil((bytes + 4) / 8) * 8 - 4;

interface CpuCheck {
  received: number;
  /** The next expected sequence number. */
  next: number;
  /** The number of sequence numbers that were skipped. */
  missing: number;
}

/**
 * Checks every byte of a producer's samples, and that the sequence numbers of each CPU ascend. Pass {@link visitor} to
 * a reader, then expect {@link errors} to be empty.
 */
export class SampleCheck {
  readonly #sizes: readonly number[];
  readonly #cpus = new Map<number, CpuCheck>();
  readonly errors: string[] = [];

  /** @param sizes the sizes of the producer; at least 8 bytes each, for the sequence number */
  constructor(sizes: readonly number[] = [48]) {
    this.#sizes = sizes;
  }

  readonly visitor = (record: RingRecord): void => {
    this.take(record.cpu, record.bytes());
  };

  take(cpu: number, payload: Uint8Array): void {
    const check = this.#of(cpu);
    const sequence = sequenceOf(payload);
    const bytes = this.#sizes[sequence % this.#sizes.length] as number;
    check.received++;
    if (payload.length !== paddedBytes(bytes)) {
      this.#error(`CPU ${cpu}: sample ${sequence} has ${payload.length} bytes, not ${paddedBytes(bytes)}`);
    }
    if (!isExpectedPayload(payload, sequence, bytes))
      this.#error(`CPU ${cpu}: sample ${sequence} is not as written`);
    if (sequence < check.next) this.#error(`CPU ${cpu}: sample ${sequence} came after ${check.next - 1}`);
    check.missing += Math.max(0, sequence - check.next);
    check.next = sequence + 1;
  }

  received(cpu?: number): number {
    if (cpu !== undefined) return this.#of(cpu).received;
    return [...this.#cpus.values()].reduce((sum, one) => sum + one.received, 0);
  }

  /** How many of the `emitted` samples of the CPU were not delivered. */
  missing(cpu: number, emitted: number): number {
    const { missing, next } = this.#of(cpu);
    return missing + emitted - next;
  }

  #of(cpu: number): CpuCheck {
    let check = this.#cpus.get(cpu);
    if (check === undefined) {
      check = { received: 0, next: 0, missing: 0 };
      this.#cpus.set(cpu, check);
    }
    return check;
  }

  #error(message: string): void {
    if (this.errors.length < 10) this.errors.push(message);
  }
}
