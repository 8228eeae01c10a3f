import { closeSync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { PerfRingError } from '../errors';
import { plainOptions } from '../input/plain-data';
import { shown } from '../input/shown';
import type { RingRecord } from '../records/record';
import {
  ATTR_SIZE_OFFSET,
  ATTRS_OFFSET,
  DATA_OFFSET,
  DATA_SIZE_OFFSET,
  FILE_HEADER_BYTES,
  FLAGS_BYTES,
  FLAGS_OFFSET,
  HEADER_SIZE_OFFSET,
  MAGIC,
  SECTION_BYTES,
} from './file-format';
import { appendPipeStart } from './perf-data-encoder';
import { RecordBuffer } from './record-buffer';
import { type FileParts, fileParts, type PerfDataWriterOptions, WRITER_OPTIONS } from './writer-options';

/** Options of {@link PerfDataWriter.create}. */
export interface PerfDataFileOptions extends PerfDataWriterOptions {
  /**
   * `file`, the default: as `perf record` writes it, with the feature sections at the end; needs a file. `pipe`: for
   * pipes, as {@link PerfDataEncoder} makes it.
   */
  readonly form?: 'file' | 'pipe';
}

/** As many bytes are collected before they are written. */
const FLUSH_BYTES = 2 ** 18;

/**
 * Writes a perf.data file that perf and other tools read: each record's own bytes, from a ring or from another file.
 * Everything is written synchronously. After each {@link flush} the file is readable, even if the process then ends
 * without {@link close}.
 *
 * @example
 * ```ts
 * const writer = PerfDataWriter.create('perf.data', { events: [{ attr }] });
 * reader.drain({ sample: (record) => writer.write(record), other: (record) => writer.write(record) });
 * writer.close();
 * ```
 */
export class PerfDataWriter {
  readonly #fd: number;
  readonly #isOwned: boolean;
  readonly #isPipe: boolean;
  readonly #parts: FileParts;
  readonly #records = new RecordBuffer();
  readonly #dataOffset: number = 0;
  /** Bytes that were written; in file form, the offset of the next. */
  #written = 0;
  #closed = false;

  private constructor(fd: number, isOwned: boolean, isPipe: boolean, parts: FileParts) {
    this.#fd = fd;
    this.#isOwned = isOwned;
    this.#isPipe = isPipe;
    this.#parts = parts;
    if (isPipe) {
      appendPipeStart(this.#records, parts);
    } else {
      const start = fileStart(parts);
      this.#dataOffset = start.length;
      this.#write(start);
    }
  }

  /**
   * @param file a path, whose file is emptied if it exists and which only its owner can read if it doesn't; or a
   *   descriptor, which is not closed
   * @throws PerfRingError ERR_PERF_INVALID_OPTION, ERR_PERF_INVALID_ARGUMENT; errors of node:fs
   */
  static create(file: string | number, options: PerfDataFileOptions): PerfDataWriter {
    const { form = 'file', ...rest } = plainOptions(options, ['form', ...WRITER_OPTIONS]);
    if (form !== 'file' && form !== 'pipe') {
      throw new PerfRingError('ERR_PERF_INVALID_OPTION', `form must be 'file' or 'pipe', got ${shown(form)}`);
    }
    const isDescriptor = typeof file === 'number' && Number.isInteger(file) && file >= 0;
    if (!isDescriptor && (typeof file !== 'string' || file === '')) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_ARGUMENT',
        `file must be a path or a descriptor, got ${shown(file)}`,
      );
    }
    const parts = fileParts(rest);
    const isOwned = typeof file === 'string';
    const fd = isOwned ? openSync(file, 'w', 0o600) : file;
    try {
      if (form === 'file') {
        if (!fstatSync(fd).isFile()) {
          throw new PerfRingError(
            'ERR_PERF_INVALID_OPTION',
            "a perf.data file in file form needs a file: give form: 'pipe'",
          );
        }
        if (!isOwned) ftruncateSync(fd);
      }
      return new PerfDataWriter(fd, isOwned, form === 'pipe', parts);
    } catch (error) {
      if (isOwned) closeSync(fd);
      throw error;
    }
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Bytes of the file so far, those that were not flushed included. */
  get byteLength(): number {
    return this.#written + this.#records.length;
  }

  /**
   * Writes a record's own bytes, as {@link PerfDataEncoder.write}. They are collected, and flushed from time to time.
   * @returns false for a record that describes the file it comes from: it is left out
   * @throws PerfRingError as {@link PerfDataEncoder.write}, ERR_PERF_CLOSED; errors of node:fs
   */
  write(record: RingRecord | Uint8Array): boolean {
    this.#checkOpen();
    const isWritten = this.#records.add(record);
    if (this.#records.length >= FLUSH_BYTES) this.flush();
    return isWritten;
  }

  /** As {@link PerfDataEncoder.finishRound}. @throws PerfRingError ERR_PERF_CLOSED */
  finishRound(): void {
    this.#checkOpen();
    this.#records.finishRound();
  }

  /**
   * Writes what was collected, and then its size into the header, so that a file that is cut short is readable.
   * @throws PerfRingError ERR_PERF_CLOSED; errors of node:fs
   */
  flush(): void {
    this.#checkOpen();
    if (this.#records.length === 0) return;
    this.#write(this.#records.take());
    if (!this.#isPipe) this.#writeDataSize();
  }

  /** Flushes, writes the feature sections and closes the file; idempotent. @throws errors of node:fs */
  close(): void {
    if (this.#closed) return;
    try {
      this.flush();
      if (!this.#isPipe) this.#writeFeatures();
    } finally {
      this.#closed = true;
      if (this.#isOwned) closeSync(this.#fd);
    }
  }

  /** As {@link close}: for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #writeDataSize(): void {
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(this.#written - this.#dataOffset));
    writeAll(this.#fd, size, DATA_SIZE_OFFSET);
  }

  /** The header's flags come last: only then the sections are complete. */
  #writeFeatures(): void {
    const { sections } = this.#parts;
    const table = Buffer.alloc(sections.size * SECTION_BYTES);
    const flags = Buffer.alloc(FLAGS_BYTES);
    let offset = this.#written + table.length;
    let at = 0;
    for (const [feature, { length }] of sections) {
      flags[feature >> 3] = (flags[feature >> 3] as number) | (1 << (feature & 7));
      table.writeBigUInt64LE(BigInt(offset), at);
      table.writeBigUInt64LE(BigInt(length), at + 8);
      at += SECTION_BYTES;
      offset += length;
    }
    this.#write(Buffer.concat([table, ...sections.values()]));
    writeAll(this.#fd, flags, FLAGS_OFFSET);
  }

  #write(bytes: Uint8Array): void {
    writeAll(this.#fd, bytes, this.#isPipe ? null : this.#written);
    this.#written += bytes.length;
  }

  #checkOpen(): void {
    if (this.#closed) throw new PerfRingError('ERR_PERF_CLOSED', 'the writer was closed');
  }
}

/** The header, the ids of the events and their attrs. */
function fileStart({ events }: FileParts): Buffer {
  const idBytes = events.reduce((sum, { ids }) => sum + ids.length * 8, 0);
  const attrBytes = events[0]?.attrBytes.length ?? 0;
  const entryBytes = attrBytes + SECTION_BYTES;
  const attrs = FILE_HEADER_BYTES + idBytes;
  const start = Buffer.alloc(attrs + events.length * entryBytes);
  start.write(MAGIC, 'latin1');
  start.writeBigUInt64LE(BigInt(FILE_HEADER_BYTES), HEADER_SIZE_OFFSET);
  start.writeBigUInt64LE(BigInt(entryBytes), ATTR_SIZE_OFFSET);
  start.writeBigUInt64LE(BigInt(attrs), ATTRS_OFFSET);
  start.writeBigUInt64LE(BigInt(events.length * entryBytes), ATTRS_OFFSET + 8);
  start.writeBigUInt64LE(BigInt(start.length), DATA_OFFSET);
  let id = FILE_HEADER_BYTES;
  let attr = attrs;
  for (const event of events) {
    start.set(event.attrBytes, attr);
    start.writeBigUInt64LE(BigInt(id), attr + attrBytes);
    start.writeBigUInt64LE(BigInt(event.ids.length * 8), attr + attrBytes + 8);
    attr += entryBytes;
    for (const value of event.ids) id = start.writeBigUInt64LE(value, id);
  }
  return start;
}

const PAUSE_MILLISECONDS = 5;
const pause = new Int32Array(new SharedArrayBuffer(4));

function writeAll(fd: number, bytes: Uint8Array, position: number | null): void {
  let written = 0;
  while (written < bytes.length) {
    const at = position === null ? null : position + written;
    try {
      written += writeSync(fd, bytes, written, bytes.length - written, at);
    } catch (error) {
      // A pipe that another process has set to not block.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(pause, 0, 0, PAUSE_MILLISECONDS);
    }
  }
}
