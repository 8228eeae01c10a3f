import { setTimeout as pause } from 'node:timers/promises';
import { HEADER_SIZE, MMAP_PAGE_DATA_HEAD, MMAP_PAGE_DATA_TAIL } from '../abi/perf-event';
import type { NativeAddon } from '../addon/contract';
import { addon } from '../addon/load';
import { checkArray, type PerfEventArray } from '../bpf/perf-event-array';
import { PerfRingError } from '../errors';
import { plainKnownOptions } from '../input/plain-data';
import { RingReader } from '../merge/ring-reader';
import { PerfRing, type SkippedFault } from '../ring/perf-ring';
import type { RecordVisitor } from '../ring/record';
import { MAX_RECORD_BYTES } from '../ring/record-cursor';
import { shown } from '../input/shown';
import { MmapRingStorage } from '../storage/mmap-ring-storage';
import { type CustomAttributes, withTimeEnabled } from '../events/perf-event';
import { attemptAll } from '../input/attempt-all';
import { channels, warnOfTakenSlot } from './diagnostics';
import { LAST_WRITERS_MILLISECONDS } from './last-writers';
import { resolveOptions } from './options';
import { Slots } from './slots';

export interface FlightRecorderOptions {
  /** CPUs to record, each once; those online by default. */
  readonly cpus?: readonly number[];
  /** Bytes of each ring's data area: a power of two of pages; 512 KiB by default. */
  readonly bufferBytes?: number;
  /** In place of `bufferBytes`: bytes for all rings together. */
  readonly memoryBytes?: number;
  /** More perf_event_attr fields; PERF_SAMPLE_TIME is added to `sample_type`. */
  readonly attributes?: CustomAttributes;
  /**
   * The longest record that may come, header included: so much of the oldest end of a ring is left out of a snapshot,
   * where a program may be writing. By default a quarter of the ring, at most 64 KiB.
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
 * Rings that overwrite their oldest records and are never read, until something has happened and one wants to see what
 * went before. Producers never wait, lose nothing new, and pay no wake.
 *
 * @see "Writing samples into buffer" in
 *   https://github.com/torvalds/linux/blob/v6.12/Documentation/userspace-api/perf_ring_buffer.rst
 */
export class FlightRecorder {
  readonly #array: PerfEventArray;
  readonly #open: (cpu: number) => MmapRingStorage;
  readonly #margin: number;
  readonly cpus: readonly number[];
  #rings: readonly MmapRingStorage[] = [];
  readonly #slots: Slots;
  /** CPUs whose slots another reader took, until somebody is told. */
  readonly #taken: number[] = [];
  #warned = false;
  #closed = false;

  private constructor(array: PerfEventArray, options: FlightRecorderOptions, native: NativeAddon) {
    checkArray(array);
    const { largestRecordBytes, ...readerOptions } = plainKnownOptions(options, KNOWN_OPTIONS);
    const resolved = resolveOptions({ ...readerOptions, order: 'time' }, native.pageSize());
    const capacity = resolved.dataPageCount * resolved.pageSize;
    if (largestRecordBytes !== undefined && !isWithin(largestRecordBytes, 8, capacity)) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_OPTION',
        `largestRecordBytes must be from 8 to the ring's ${capacity}, got ${shown(largestRecordBytes)}`,
      );
    }
    this.#array = array;
    this.#slots = new Slots(native, array, (cpu) => this.#taken.push(cpu));
    this.#margin = largestRecordBytes ?? Math.min(MAX_RECORD_BYTES, capacity / 4);
    const attributes = { ...withTimeEnabled(resolved.attributes), write_backward: true };
    this.#open = (cpu) =>
      MmapRingStorage.open(
        { cpu, dataPageCount: resolved.dataPageCount, wakeup: 'half-full', attributes },
        native,
      );
    this.cpus = Object.freeze(
      [...(resolved.cpus ?? resolved.onlineCpus())].sort((one, other) => one - other),
    );
    this.#rings = this.#openAll(this.cpus);
    try {
      for (const ring of this.#rings) this.#slots.fill(ring.event);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Opens an overwriting ring for each CPU and puts it into the CPU's slot: all, or nothing.
   * @throws as PerfMapReader.open
   */
  static open(
    array: PerfEventArray,
    options: FlightRecorderOptions = {},
    native: NativeAddon = addon(),
  ): FlightRecorder {
    const recorder = new FlightRecorder(array, options, native);
    Object.freeze(recorder);
    return recorder;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * What the rings hold, without stopping any producer. No record in it is torn: the end that programs were writing
   * meanwhile is left out.
   */
  snapshot(): FlightSnapshot {
    this.#checkOpen();
    const snapshot = new FlightSnapshot(this.#rings.map((ring) => this.#copy(ring, this.#margin)));
    for (const ring of this.#rings) this.#slots.holds(ring.event.cpu);
    this.#tellOfTaken();
    return snapshot;
  }

  /**
   * Puts fresh rings in and answers all that the old ones hold. Every record is in one snapshot or the next: there is no
   * moment that neither sees.
   *
   * A slot that another reader has taken is left to it: what came before is in this snapshot, and nothing of that CPU in
   * the next ones; the process is warned, and the channel `perfring:taken` tells. Between that question and the swap lie
   * microseconds in which a slot can be taken unnoticed, and where no program can be loaded nobody can ask: then it is
   * taken back.
   */
  async rotate(): Promise<FlightSnapshot> {
    this.#checkOpen();
    if (this.#array.closed) throw new PerfRingError('ERR_PERF_CLOSED', 'the perf event array was closed');
    const old = this.#rings;
    try {
      this.#rings = this.#swap(old);
    } finally {
      this.#tellOfTaken();
    }
    try {
      await pause(LAST_WRITERS_MILLISECONDS);
      // Nobody writes any more: no margin is needed.
      return new FlightSnapshot(old.map((ring) => this.#copy(ring, 0)));
    } finally {
      for (const ring of old) ring.close();
    }
  }

  /** Empties the slots and frees the rings; idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    attemptAll([
      ...this.#rings.map((ring) => () => this.#slots.empty(ring.event.cpu)),
      ...this.#rings.map((ring) => () => ring.close()),
      () => this.#slots.close(),
      () => this.#tellOfTaken(),
    ]);
  }

  /** @returns fresh rings, each in the slot of the old one of its CPU */
  #swap(old: readonly MmapRingStorage[]): MmapRingStorage[] {
    const held = old.filter((ring) => this.#slots.holds(ring.event.cpu));
    const fresh = this.#openAll(held.map((ring) => ring.event.cpu));
    const swaps = fresh.map((after, index) => ({ before: held[index] as MmapRingStorage, after }));
    const done: typeof swaps = [];
    try {
      for (const swap of swaps) {
        // Asked again just before: who takes a slot in between loses it.
        if (!this.#slots.holds(swap.before.event.cpu)) {
          swap.after.close();
          continue;
        }
        this.#slots.fill(swap.after.event);
        done.push(swap);
      }
      return done.map(({ after }) => after);
    } catch (error) {
      attemptAll([
        ...done.map(({ before, after }) => () => {
          if (this.#slots.holds(after.event.cpu)) this.#slots.fill(before.event);
        }),
        ...fresh.map((ring) => () => ring.close()),
      ]);
      throw error;
    }
  }

  /** When all is done: whoever is told may close. */
  #tellOfTaken(): void {
    for (const cpu of this.#taken.splice(0)) {
      channels.taken.publish({ reader: this, cpu });
      // Who closes has no use for it, nor whoever was told.
      if (this.#closed || this.#warned) continue;
      this.#warned = true;
      warnOfTakenSlot(cpu, this.#array.info.id);
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #openAll(cpus: readonly number[]): MmapRingStorage[] {
    const rings: MmapRingStorage[] = [];
    try {
      for (const cpu of cpus) rings.push(this.#open(cpu));
      return rings;
    } catch (error) {
      for (const ring of rings) ring.close();
      throw error;
    }
  }

  /** The ring's records, oldest first, as a ring in memory. */
  #copy(storage: MmapRingStorage, margin: number): RingCopy {
    const { pageSize, dataPageCount } = storage;
    const capacity = pageSize * dataPageCount;
    const newestFirst = new Uint8Array(capacity);
    const overwritten = storage.snapshot(newestFirst);
    const sizes = recordSizes(newestFirst, Math.max(0, capacity - overwritten - margin));
    const memory = new ArrayBuffer(pageSize + capacity);
    const data = new Uint8Array(memory, pageSize);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    let from = 0;
    let to = total;
    for (const size of sizes) {
      to -= size;
      data.set(newestFirst.subarray(from, from + size), to);
      from += size;
    }
    new DataView(memory).setBigUint64(MMAP_PAGE_DATA_HEAD, BigInt(total), true);
    const ring = PerfRing.initContiguous(memory, dataPageCount, pageSize, {
      format: storage.format,
      cpu: storage.event.cpu,
    });
    return { ring, metadata: new DataView(memory, 0, pageSize), records: sizes.length };
  }

  #checkOpen(): void {
    if (this.#closed) throw new PerfRingError('ERR_PERF_CLOSED', 'the flight recorder was closed');
  }
}

function isWithin(value: unknown, least: number, most: number): boolean {
  return typeof value === 'number' && value >= least && value <= most;
}

interface RingCopy {
  readonly ring: PerfRing;
  readonly metadata: DataView;
  readonly records: number;
}

/** Sizes of the whole records from the newest on: up to where nothing was ever written, or `valid` ends. */
function recordSizes(newestFirst: Uint8Array, valid: number): number[] {
  const view = new DataView(newestFirst.buffer, newestFirst.byteOffset, newestFirst.byteLength);
  const sizes: number[] = [];
  for (let offset = 0; offset + 8 <= valid; ) {
    const size = view.getUint16(offset + HEADER_SIZE, true);
    if (size < 8 || size % 8 !== 0 || offset + size > valid) break;
    sizes.push(size);
    offset += size;
  }
  return sizes;
}

/** Copies of flight-recorder rings: yours, and independent of the recorder. */
export class FlightSnapshot {
  readonly #copies: readonly RingCopy[];
  /** Records in it, of all CPUs. */
  readonly records: number;

  /** @internal */
  constructor(copies: readonly RingCopy[]) {
    this.#copies = copies;
    this.records = copies.reduce((sum, copy) => sum + copy.records, 0);
    Object.freeze(this);
  }

  /**
   * Visits the records of all CPUs in time order, oldest first; again at every call.
   * @param onFault told of what was stepped over: samples past the 64 KiB law, as a rule
   * @returns records visited
   */
  visit(
    visitor: RecordVisitor,
    onFault: (ring: PerfRing, fault: SkippedFault) => void = () => undefined,
  ): number {
    const reader = new RingReader({ live: false, onFault });
    for (const { ring, metadata } of this.#copies) {
      metadata.setBigUint64(MMAP_PAGE_DATA_TAIL, 0n, true);
      reader.addRing(ring);
    }
    reader.start();
    try {
      return reader.visit(visitor);
    } finally {
      reader.finish();
    }
  }
}
