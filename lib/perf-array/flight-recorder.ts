import type { NativeAddon } from '../addon/contract';
import { addon } from '../addon/load';
import { checkArray, type PerfEventArray } from '../bpf/perf-event-array';
import { PerfRingError } from '../errors';
import { plainOptions } from '../input/plain-data';
import { RingReader } from '../merge/ring-reader';
import type { SkippedFault } from '../records/record-ring';
import type { PerfRing } from '../ring/perf-ring';
import type { RecordVisitor } from '../records/record';
import { MAX_RECORD_BYTES } from '../ring/record-cursor';
import { wholeNumber } from '../input/check-number';
import { MmapRingStorage } from '../storage/mmap-ring-storage';
import { RingCopy } from '../storage/ring-copy';
import { type CustomAttributes, withTimeEnabled } from '../events/attr';
import { attemptAll } from '../input/attempt-all';
import { Notices } from '../delivery/notices';
import { resolveOptions } from './options';
import { SLOT_CHECK_MILLISECONDS, Slots } from './slots';
import { Upkeep } from './upkeep';

/** Options of {@link FlightRecorder.open}. */
export interface FlightRecorderOptions {
  /** CPUs to record, each once; by default those that are online. */
  readonly cpus?: readonly number[];
  /** Bytes of each ring's data area: a power-of-two number of pages; 512 KiB by default. */
  readonly bufferBytes?: number;
  /** In place of `bufferBytes`: bytes of all rings together, including metadata pages. */
  readonly memoryBytes?: number;
  /** More perf_event_attr fields; PERF_SAMPLE_TIME is added to `sample_type`. */
  readonly attributes?: CustomAttributes;
  /**
   * The longest possible record, in bytes, including its header: 8 to the size of the ring. A snapshot leaves out this
   * many of the oldest bytes of a full ring, because a program may be overwriting them. By default a quarter of the
   * ring, at most 64 KiB.
   */
  readonly largestRecordBytes?: number;
}

const KNOWN_OPTIONS = [
  'cpus',
  'bufferBytes',
  'memoryBytes',
  'attributes',
  'largestRecordBytes',
] as const satisfies readonly (keyof FlightRecorderOptions)[];

/**
 * Rings that overwrite their oldest records. They are read only by a snapshot, after something has happened, to see
 * what came before. Programs never wait, lose no new sample, and never wake a reader.
 *
 * @see "Writing samples into buffer" in
 *   https://github.com/torvalds/linux/blob/v6.12/Documentation/userspace-api/perf_ring_buffer.rst
 */
export class FlightRecorder {
  readonly cpus: readonly number[];
  readonly #array: PerfEventArray;
  readonly #margin: number;
  readonly #rings: MmapRingStorage[] = [];
  /** Bytes that programs had written to each ring at its last {@link rotate}. */
  readonly #rotatedAt = new Map<MmapRingStorage, bigint>();
  readonly #slots: Slots;
  readonly #slotCheck: NodeJS.Timeout;
  readonly #notices = new Notices();
  readonly #upkeep = new Upkeep('a flight recorder', this.#notices);
  #closed = false;

  private constructor(array: PerfEventArray, options: FlightRecorderOptions, native: NativeAddon) {
    checkArray(array);
    const { largestRecordBytes: largest, ...readerOptions } = plainOptions(options, KNOWN_OPTIONS);
    const resolved = resolveOptions({ ...readerOptions, order: 'time' }, native.pageSize());
    const capacity = resolved.dataPageCount * resolved.pageSize;
    this.#array = array;
    this.#slots = new Slots({ native, array, reader: this, notices: this.#notices });
    this.#margin =
      largest === undefined
        ? Math.min(MAX_RECORD_BYTES, capacity / 4)
        : wholeNumber(largest, 'largestRecordBytes', 8, capacity);
    const wanted = resolved.cpus ?? resolved.onlineCpus();
    this.#slots.checkEnough(wanted, resolved.cpus !== undefined);
    const cpus = this.#notices.run(() => this.#slots.withSlots(wanted));
    this.cpus = Object.freeze(cpus);
    const attributes = { ...withTimeEnabled(resolved.attributes), write_backward: true };
    const { dataPageCount } = resolved;
    this.#slotCheck = this.#checkSlotsBySelf();
    try {
      for (const cpu of cpus) {
        this.#rings.push(
          MmapRingStorage.openWith(native, { cpu, dataPageCount, wakeup: 'half-full', attributes }),
        );
      }
      for (const ring of this.#rings) this.#slots.fill(ring.event);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Opens an overwriting ring for each CPU and puts its event into the CPU's slot. On failure nothing stays open.
   * @throws as {@link PerfMapReader.open}
   */
  static open(array: PerfEventArray, options: FlightRecorderOptions = {}): FlightRecorder {
    const recorder = new FlightRecorder(array, options, addon());
    Object.freeze(recorder);
    return recorder;
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Copies what came into the rings since the last {@link rotate}, without stopping programs. It has only whole
   * records: the oldest bytes of a full ring, which programs may be overwriting, are left out.
   * @throws PerfRingError ERR_PERF_CLOSED
   */
  snapshot(): FlightSnapshot {
    this.#checkOpen();
    return this.#snapshot();
  }

  /**
   * As {@link snapshot}, and the next one begins where this one ends: each record that was not overwritten first is in
   * one of the two. It needs no more memory than a snapshot, and the rings stay in their slots.
   *
   * A slot that another reader has taken is not changed: later snapshots have nothing new of that CPU until the slot is
   * empty again. A warning and the channel `perfring:taken` report this.
   * @throws PerfRingError ERR_PERF_CLOSED, also when the perf event array was closed
   */
  async rotate(): Promise<FlightSnapshot> {
    this.#checkOpen();
    if (this.#array.closed) throw new PerfRingError('ERR_PERF_CLOSED', 'the perf event array was closed');
    return this.#snapshot((ring, copy) => this.#rotatedAt.set(ring, copy.writtenBytes));
  }

  #snapshot(copied: (ring: MmapRingStorage, copy: RingCopy) => void = () => undefined): FlightSnapshot {
    const copies = this.#rings.map((ring) => {
      const copy = new RingCopy(ring, this.#margin, this.#rotatedAt.get(ring));
      copied(ring, copy);
      return copy;
    });
    this.#checkSlots();
    return new FlightSnapshot(copies);
  }

  /** Empties the slots and frees the rings; idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#slotCheck);
    // The WeakRef of the slot check can keep this object until the current task of the event loop ends. The rings must
    // not be kept as well.
    const rings = this.#rings.splice(0);
    this.#rotatedAt.clear();
    this.#slots.closing();
    this.#notices.run(() =>
      attemptAll([
        ...rings.map((ring) => () => this.#slots.empty(ring.event.cpu)),
        ...rings.map((ring) => () => ring.close()),
        () => this.#slots.close(),
      ]),
    );
  }

  /** As {@link close}: for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Checks the slots once a second, as a reader does. The timer keeps neither the process nor the recorder alive. */
  #checkSlotsBySelf(): NodeJS.Timeout {
    const self = new WeakRef<FlightRecorder>(this);
    const timer = setInterval(() => {
      const recorder = self.deref();
      if (recorder === undefined) clearInterval(timer);
      else recorder.#checkSlots();
    }, SLOT_CHECK_MILLISECONDS);
    return timer.unref();
  }

  #checkSlots(): void {
    const check = (): void => {
      for (const { event } of this.#rings) this.#slots.check(event.cpu);
    };
    this.#notices.run(() => this.#upkeep.attempt('PERFRING_UPKEEP', 'cannot fill an empty slot', check));
  }

  #checkOpen(): void {
    if (this.#closed) throw new PerfRingError('ERR_PERF_CLOSED', 'the flight recorder was closed');
  }
}

/** Copies of the rings of a flight recorder. They stay valid when the recorder is closed. */
export class FlightSnapshot {
  readonly #copies: readonly RingCopy[];
  /** Number of records, of all CPUs together. */
  readonly records: number;

  /** @internal */
  constructor(copies: readonly RingCopy[]) {
    this.#copies = copies;
    this.records = copies.reduce((sum, copy) => sum + copy.records, 0);
    Object.freeze(this);
  }

  /**
   * Visits the records of all CPUs in time order, oldest first. Each call visits all of them.
   * @param onFault called for each fault that was skipped: usually a sample of 64 KiB or more
   * @returns records visited
   */
  visit(
    visitor: RecordVisitor,
    onFault: (ring: PerfRing, fault: SkippedFault) => void = () => undefined,
  ): number {
    const reader = new RingReader({ live: false, onFault });
    for (const copy of this.#copies) reader.addRing(copy.rewound());
    reader.start();
    try {
      return reader.visit(visitor);
    } finally {
      reader.finish();
    }
  }
}
