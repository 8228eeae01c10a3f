import { BPF_RINGBUF_BUSY_BIT, BPF_RINGBUF_DISCARD_BIT, BPF_RINGBUF_HDR_SZ } from '../../lib/abi/bpf';
import { BUSY, type BpfRingCursors, CORRUPT, MOVED } from '../../lib/bpf-ring/bpf-ring-cursors';
import type { BpfRingParts } from '../../lib/bpf-ring/bpf-ring';
import { MappedBpfCursors } from '../../lib/bpf-ring/mapped-bpf-cursors';
import { answers, fakeNative } from './fake-native';

const PAGE = 4096;

/** A record that is reserved, but neither submitted nor discarded. */
export interface Reserved {
  readonly position: bigint;
  readonly size: number;
}

/**
 * A BPF ring buffer in memory that behaves as the kernel's. Writes go to both images of the data area, which in a
 * mapping are the same memory.
 */
export class BpfMemoryRing {
  readonly capacityBytes: number;
  readonly memory: SharedArrayBuffer;
  readonly positions = new BigUint64Array(new SharedArrayBuffer(16));
  /** False: as kernels before 6.10, which have no pending_pos. */
  hasPending = true;
  /** How many commits would have woken a waiting reader. */
  wakes = 0;
  /** producer_pos and pending_pos, where the kernel has them. */
  readonly #page: BigUint64Array;
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;

  /** @param start the initial value of both positions */
  constructor(capacityBytes = PAGE, start = 0n) {
    this.capacityBytes = capacityBytes;
    this.memory = new SharedArrayBuffer(PAGE + 2 * capacityBytes);
    this.#page = new BigUint64Array(this.memory, 0, 2);
    this.#view = new DataView(this.memory, PAGE);
    this.#bytes = new Uint8Array(this.memory, PAGE);
    this.#words = new Int32Array(this.memory, PAGE);
    this.positions.fill(start);
    this.#page.fill(start);
  }

  get consumer(): bigint {
    return Atomics.load(this.positions, 0);
  }

  set consumer(position: bigint) {
    Atomics.store(this.positions, 0, position);
  }

  get producer(): bigint {
    return Atomics.load(this.positions, 1);
  }

  set producer(position: bigint) {
    Atomics.store(this.positions, 1, position);
    this.#page[0] = position;
  }

  /** Position up to which records were committed when the last one was reserved. 0 for kernels that have none. */
  get pending(): bigint {
    return this.#page[1] as bigint;
  }

  set pending(position: bigint) {
    this.#page[1] = position;
  }

  get parts(): BpfRingParts {
    return {
      memory: this.memory,
      pageSize: PAGE,
      capacityBytes: this.capacityBytes,
      cursors: new MemoryCursors(this),
    };
  }

  /** With the cursors of mapped rings, and an addon whose calls read this memory. */
  get mappedParts(): BpfRingParts {
    const { memory, pageSize, capacityBytes, cursors } = this.parts;
    const errno = (result: number): number =>
      result === BUSY ? answers('EAGAIN')() : result === MOVED ? answers('ESTALE')() : answers('EPROTO')();
    const native = fakeNative({
      bpfRingConsumer: () => cursors.consumer(),
      bpfRingCommitted: (_ring: unknown, consumer: number, from: number, limit: number) => {
        const found = cursors.committed(consumer, from, 0, limit);
        return found < 0 ? errno(found) : found;
      },
      bpfRingConsume: (_ring: unknown, consumer: number, bytes: number) =>
        cursors.consume(consumer, bytes) ? 0 : answers('ESTALE')(),
      bpfRingSkipToProducer: () => cursors.skipToProducer(),
    });
    const parts = { memory, pageSize, capacityBytes };
    return { ...parts, cursors: new MappedBpfCursors(native, {} as never, parts, false) };
  }

  /** bpf_ringbuf_reserve(). @returns null when there is no room */
  reserve(size: number): Reserved | null {
    const position = this.producer;
    const end = position + BigInt(recordBytes(size));
    // Positions may have passed 2 ** 64.
    if (BigInt.asUintN(64, end - this.consumer) > BigInt(this.capacityBytes)) return null;
    if (this.hasPending) this.#movePending(position);
    this.setHeader(position, size | BPF_RINGBUF_BUSY_BIT);
    this.producer = BigInt.asUintN(64, end);
    return { position, size };
  }

  #movePending(producer: bigint): void {
    while (this.pending !== producer && this.header(this.pending) >= 0) {
      this.pending = BigInt.asUintN(64, this.pending + BigInt(recordBytes(this.header(this.pending))));
    }
  }

  write({ position }: Reserved, payload: Uint8Array): void {
    const offset = this.offsetOf(position) + BPF_RINGBUF_HDR_SZ;
    payload.forEach((byte, index) => {
      const at = (offset + index) % this.capacityBytes;
      this.#bytes[at] = byte;
      this.#bytes[at + this.capacityBytes] = byte;
    });
  }

  /** bpf_ringbuf_submit() and bpf_ringbuf_discard(). */
  commit({ position, size }: Reserved, discard = false): void {
    this.setHeader(position, discard ? size | BPF_RINGBUF_DISCARD_BIT : size);
    if (this.consumer === position) this.wakes++;
  }

  /** bpf_ringbuf_output(). @returns whether there was room */
  output(payload: Uint8Array): boolean {
    const reserved = this.reserve(payload.length);
    if (reserved === null) return false;
    this.write(reserved, payload);
    this.commit(reserved);
    return true;
  }

  header(position: bigint): number {
    return Atomics.load(this.#words, this.offsetOf(position) / 4);
  }

  setHeader(position: bigint, header: number): void {
    const offset = this.offsetOf(position);
    Atomics.store(this.#words, offset / 4, header | 0);
    this.#view.setUint32(offset + this.capacityBytes, header, true);
  }

  offsetOf(position: bigint): number {
    return Number(position & BigInt(this.capacityBytes - 1));
  }
}

function recordBytes(header: number): number {
  return ((header & 0x3fff_ffff) + BPF_RINGBUF_HDR_SZ + 7) & ~7;
}

class MemoryCursors implements BpfRingCursors {
  readonly #ring: BpfMemoryRing;

  constructor(ring: BpfMemoryRing) {
    this.#ring = ring;
  }

  available(consumer: number): number {
    return Number(BigInt.asIntN(32, this.#ring.producer - BigInt(consumer)));
  }

  consumer(): number {
    return Number(BigInt.asUintN(32, this.#ring.consumer));
  }

  walkHeaders(): boolean {
    return false;
  }

  committed(consumer: number, from: number, _published: number, limit: number): number {
    if (consumer !== this.consumer()) return MOVED;
    const available = this.#available();
    if (available > this.#ring.capacityBytes || from > available) return CORRUPT;
    const start = this.#ring.consumer + BigInt(from);
    const published = available - from;
    let bytes = 0;
    while (bytes < Math.min(limit, published)) {
      const header = this.#ring.header(start + BigInt(bytes));
      if (header < 0) return bytes === 0 ? BUSY : bytes;
      if (recordBytes(header) > published - bytes) return bytes === 0 ? CORRUPT : bytes;
      bytes += recordBytes(header);
    }
    return bytes;
  }

  consume(consumer: number, bytes: number): boolean {
    if (consumer !== this.consumer() || bytes > this.#available()) return false;
    this.#ring.consumer += BigInt(bytes);
    return true;
  }

  skipToProducer(): number {
    const skipped = this.#available();
    this.#ring.consumer = this.#ring.producer;
    return skipped;
  }

  #available(): number {
    return Number(BigInt.asIntN(64, this.#ring.producer - this.#ring.consumer));
  }
}
