import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PerfRingError } from '../errors';
import { checkBytes, plainOptions } from '../input/plain-data';
import { shown } from '../input/shown';
import { ownCopy } from '../input/view-span';
import type { RecordVisitor, RingRecord } from '../records/record';
import { checkVisitor } from '../records/record-check';
import type { PerfDataEvent } from './file-events';
import { FILE_RECORD_NAMES } from './file-format';
import { DescriptorInput, type FileInput, MemoryInput } from './file-input';
import { FileMeta } from './file-meta';
import type { PerfDataInfo } from './file-info';
import { FileRecords } from './file-records';
import type { PerfDataError } from './perf-data-error';
import { KERNEL_RECORD_NAMES } from './record-names';
import { RecordStream } from './record-stream';

/** Options of {@link PerfDataReader.open}. */
export interface PerfDataReaderOptions {
  /**
   * `time`, the default: records come in the order of their times, those without a time as soon as they are found.
   * `file`: as they lie in the file.
   */
  readonly order?: 'time' | 'file';
  /**
   * The most bytes of records that are kept to sort them: 1 MiB to 1 GiB, 64 MiB by default. Records of a file that
   * needs more may come late: they are marked and counted.
   */
  readonly sortBytes?: number;
}

const DEFAULT_SORT_BYTES = 64 * 2 ** 20;
const LEAST_SORT_BYTES = 2 ** 20;
const MOST_SORT_BYTES = 2 ** 30;

/**
 * Reads a perf.data file, as `perf record` writes it: in file form, in pipe form (`perf record -o -`) or a directory
 * (`perf record --threads`), of either byte order, compressed or not. Records are visited in place, in a window of the
 * file, so that a file of any size takes little memory.
 *
 * Records have all their fields, as records from a ring. `cpu` is the CPU that wrote the record, or -1 when the record
 * doesn't say. Records that perf itself wrote (`type` of 64 and more) have what follows their header as payload; those
 * that hold compressed records are replaced by these. In a big-endian file all fields of the kernel are turned into
 * this machine's byte order; payloads stay as they are.
 *
 * A damaged file gives everything before the damage. Then reading throws {@link PerfDataError}, which says where it is.
 *
 * @example
 * ```ts
 * const reader = PerfDataReader.open('perf.data');
 * reader.visit((record) => console.log(record.time, reader.eventOf(record)?.name, record.ip));
 * reader.close();
 * ```
 */
export class PerfDataReader implements Iterable<RingRecord> {
  /** `file`, `pipe` or `directory`. */
  readonly form: 'file' | 'pipe' | 'directory';
  readonly #meta: FileMeta;
  readonly #records: FileRecords;
  readonly #streams: readonly RecordStream[];
  readonly #eventOf = new WeakMap<RingRecord, PerfDataEvent>();
  #closed = false;

  private constructor(
    input: FileInput,
    others: readonly FileInput[],
    form: PerfDataReader['form'] | undefined,
    { order, sortBytes }: Required<PerfDataReaderOptions>,
  ) {
    const meta = new FileMeta(input);
    this.#meta = meta;
    this.form = form ?? (meta.isPipe ? 'pipe' : 'file');
    const common = {
      isLittle: meta.isLittle,
      events: meta.events,
      order,
      sortBytes,
      timeBase: { high: -1, low: 0 },
      eventOf: this.#eventOf,
      onFileRecord: (view: DataView, at: number, size: number) => meta.take(view, at, size),
      onTracingData: (piece: Uint8Array) => meta.takeTracingData(piece),
    };
    const { data, isUnfinished } = meta;
    this.#streams = [
      new RecordStream({ ...common, input, from: data.offset, bytes: data.size, isUnfinished }),
      ...others.map(
        (other) =>
          new RecordStream({ ...common, input: other, from: 0, bytes: other.size, isUnfinished: false }),
      ),
    ];
    this.#records = new FileRecords(this.#streams);
    // In pipe form the first records say which events there are.
    if (meta.isPipe) this.#streams[0]?.prepare();
  }

  /**
   * Opens a file or directory and reads its header. Of a pipe it waits for the first records.
   * @param file a path, or a descriptor, which is not closed: 0 is standard input
   * @throws PerfDataError ERR_PERF_DATA_DAMAGED when it is no perf.data file, or its header is damaged; PerfRingError
   *   ERR_PERF_INVALID_ARGUMENT, ERR_PERF_INVALID_OPTION; ERR_PERF_PACKAGE_MISSING when records are compressed and
   *   `fzstd` is not installed; errors of node:fs
   */
  static open(file: string | number, options: PerfDataReaderOptions = {}): PerfDataReader {
    const checked = checkOptions(options);
    const isDescriptor = typeof file === 'number' && Number.isInteger(file) && file >= 0;
    if (!isDescriptor && (typeof file !== 'string' || file === '')) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_ARGUMENT',
        `file must be a path or a descriptor, got ${shown(file)}`,
      );
    }
    const opened: FileInput[] = [];
    const open = (one: string | number): FileInput => {
      const input = new DescriptorInput(one);
      opened.push(input);
      return input;
    };
    try {
      if (typeof file === 'number' || !statSync(file).isDirectory()) {
        return new PerfDataReader(open(file), [], undefined, checked);
      }
      const [first, ...others] = filesOf(file);
      return new PerfDataReader(open(first), others.map(open), 'directory', checked);
    } catch (error) {
      for (const input of opened) input.close();
      throw error;
    }
  }

  /**
   * Reads a file that is in memory. The bytes are copied.
   * @throws as {@link open}
   */
  static fromBytes(bytes: Uint8Array, options: PerfDataReaderOptions = {}): PerfDataReader {
    checkBytes(bytes, 'bytes');
    return new PerfDataReader(new MemoryInput(ownCopy(bytes)), [], undefined, checkOptions(options));
  }

  /** Whether the machine that wrote the file is little-endian. */
  get isLittleEndian(): boolean {
    return this.#meta.isLittle;
  }

  /**
   * The events of the file. In pipe form, those that were found so far: all of them when the first record of the kernel
   * is visited.
   */
  get events(): readonly PerfDataEvent[] {
    return [...this.#meta.events.list];
  }

  /** The event that wrote a lent record; undefined for records that perf itself wrote. Only while it is lent. */
  eventOf(record: RingRecord): PerfDataEvent | undefined {
    return this.#eventOf.get(record);
  }

  /** What the file says of the machine and the recording. In pipe form, what was found so far. */
  get info(): PerfDataInfo {
    return this.#meta.info;
  }

  /** The numbers of the feature sections that the file has (HEADER_* of perf). */
  get features(): readonly number[] {
    return this.#meta.sections;
  }

  /**
   * The bytes of a feature section, in the file's byte order; undefined if the file doesn't have it.
   * @throws PerfDataError when the section is not in the file; PerfRingError ERR_PERF_CLOSED
   */
  feature(number: number): Uint8Array | undefined {
    this.#checkOpen();
    const bytes = this.#meta.section(number);
    return bytes === undefined ? undefined : ownCopy(bytes);
  }

  /** How many records were found so far, by type: `{ SAMPLE: 20, MMAP2: 3 }`. Compressed records count too. */
  get counts(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const stream of this.#streams) {
      for (const [type, count] of stream.counts) {
        const name = KERNEL_RECORD_NAMES.get(type) ?? FILE_RECORD_NAMES.get(type) ?? `type ${type}`;
        counts[name] = (counts[name] ?? 0) + count;
      }
    }
    return counts;
  }

  /** Records that were visited after one of a later time, because the file gave them too late. */
  get late(): number {
    return this.#streams.reduce((sum, { late }) => sum + late, 0);
  }

  /** Damage that was found so far: of the feature sections, and where the records end. */
  get faults(): readonly PerfDataError[] {
    return [...this.#meta.faults, ...this.#records.faults];
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Visits the records that were not visited yet.
   * @param visitor called with each record, which is valid until the visitor returns; returning `STOP` ends the visit
   *   after that record
   * @param options.other called with records other than samples; `visitor` by default
   * @param options.limit most records to visit; no limit by default
   * @returns number of records visited; 0 at the end
   * @throws what the visitor throws: its record is consumed; PerfDataError ERR_PERF_DATA_DAMAGED after everything before
   *   the damage was visited, and at each later call; PerfRingError ERR_PERF_PACKAGE_MISSING, ERR_PERF_BUSY inside a
   *   visitor, ERR_PERF_CLOSED, ERR_PERF_INVALID_ARGUMENT
   */
  visit(visitor: RecordVisitor, options: { other?: RecordVisitor; limit?: number } = {}): number {
    const plain = plainOptions(options, ['other', 'limit'], 'ERR_PERF_INVALID_ARGUMENT');
    const { other = visitor, limit = Number.POSITIVE_INFINITY } = plain;
    checkVisitor(visitor, 'visitor');
    checkVisitor(other, 'other');
    if (limit !== Number.POSITIVE_INFINITY && !(Number.isInteger(limit) && limit >= 0)) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_ARGUMENT',
        `limit must be a number of records, got ${shown(limit)}`,
      );
    }
    this.#checkOpen();
    const records = this.#records;
    let visited = 0;
    while (visited < limit) {
      if (records.beginBatch() === 0) {
        if (visited === 0 || limit === Number.POSITIVE_INFINITY) this.#throwFault();
        break;
      }
      try {
        visited += records.visit(visitor, other, limit - visited);
      } finally {
        if (!this.#closed) records.finishBatch();
      }
      if (records.stopped || this.#closed) break;
    }
    return visited;
  }

  /**
   * Consumes the next record, of any type; valid until the next call. Null at the end.
   * @throws as {@link visit}
   */
  next(): RingRecord | null {
    this.#checkOpen();
    const record = this.#records.nextOfAny();
    if (record !== null) return record;
    if (this.#records.beginBatch() === 0) this.#throwFault();
    return this.#records.nextOfAny();
  }

  /** The records that were not visited yet, each valid until the next. @throws as {@link visit} */
  *[Symbol.iterator](): Generator<RingRecord, void, undefined> {
    for (let record = this.next(); record !== null; record = this.next()) yield record;
  }

  /** Closes the file; idempotent, and allowed in a visitor: then the visit ends. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#records.close();
  }

  /** As {@link close}: for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #throwFault(): void {
    const [fault] = this.#records.faults;
    if (fault !== undefined) throw fault;
  }

  #checkOpen(): void {
    if (this.#closed) throw new PerfRingError('ERR_PERF_CLOSED', 'the reader was closed');
  }
}

/** The file with the header, and those with the records of single threads. */
function filesOf(directory: string): [string, ...string[]] {
  const numbers = readdirSync(directory)
    .map((name) => /^data\.(\d+)$/.exec(name)?.[1])
    .filter((number) => number !== undefined)
    .sort((one, other) => Number(one) - Number(other));
  return [join(directory, 'data'), ...numbers.map((number) => join(directory, `data.${number}`))];
}

function checkOptions(options: PerfDataReaderOptions): Required<PerfDataReaderOptions> {
  const { order = 'time', sortBytes = DEFAULT_SORT_BYTES } = plainOptions(options, ['order', 'sortBytes']);
  if (order !== 'time' && order !== 'file') {
    throw new PerfRingError('ERR_PERF_INVALID_OPTION', `order must be 'time' or 'file', got ${shown(order)}`);
  }
  if (!Number.isInteger(sortBytes) || sortBytes < LEAST_SORT_BYTES || sortBytes > MOST_SORT_BYTES) {
    throw new PerfRingError(
      'ERR_PERF_INVALID_OPTION',
      `sortBytes must be ${LEAST_SORT_BYTES} to ${MOST_SORT_BYTES}, got ${shown(sortBytes)}`,
    );
  }
  return { order, sortBytes };
}
