import type { RingRecord } from '../../lib/records/record';
import { isExpectedPayload, sequenceOf } from './sample-payload';

/** What the kernel makes of a payload of n bytes given to bpf_perf_event_output. */
const paddedBytes = (bytes: number): number => Math.ceil((bytes + 4) / 8) * 8 - 4;

interface CpuCheck {
  received: number;
  /** The next sequence number, when none is missing. */
  next: number;
  /** Sequence numbers that were passed over. */
  missing: number;
}

/**
 * Looks at every byte of the samples of a producer, and at their sequence numbers: each greater than the one before
 * of its CPU. Give {@link visitor} to a reader, then ask {@link errors}, which stays empty.
 */
export class SampleCheck {
  readonly #sizes: readonly number[];
  readonly #cpus = new Map<number, CpuCheck>();
  readonly errors: string[] = [];

  /** @param sizes those of the producer; 8 bytes at least, which hold a sequence number */
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

  /** Samples of the CPU that never came, of those emitted so far. */
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
