import { HEADER_BYTES, HEADER_SIZE, HEADER_TYPE } from '../abi/perf-event';
import type { RingRecord } from '../records/record';
import {
  FEATURES,
  MAGIC,
  PERF_RECORD_HEADER_ATTR,
  PERF_RECORD_HEADER_BUILD_ID,
  PERF_RECORD_HEADER_FEATURE,
  PERF_RECORD_HEADER_TRACING_DATA,
  PIPE_HEADER_BYTES,
} from './file-format';
import { FeatureBytes, FeatureWriter } from './feature-bytes';
import { decodeBuildIds, encodeBuildId } from './file-info';
import { RecordBuffer } from './record-buffer';
import { type FileParts, fileParts, type PerfDataWriterOptions } from './writer-options';

const MOST_RECORD_BYTES = 0xfff8;

/**
 * Makes a perf.data file in pipe form: bytes to be written one after the other, to anywhere. It can be cut off at any
 * byte, and what is before is readable. `perf script -i` and the others read it from a file as well as from a pipe.
 *
 * @example
 * ```ts
 * const encoder = new PerfDataEncoder({ events: [{ attr }] });
 * for await (const batch of reader) {
 *   batch.forEach((record) => void encoder.write(record));
 *   stream.write(encoder.take());
 * }
 * ```
 */
export class PerfDataEncoder {
  readonly #records = new RecordBuffer();

  /** @throws PerfRingError ERR_PERF_INVALID_OPTION, ERR_PERF_INVALID_ARGUMENT */
  constructor(options: PerfDataWriterOptions) {
    appendPipeStart(this.#records, fileParts(options));
  }

  /**
   * Adds a record's own bytes. Records come as from a ring; those of several rings may be mixed, if {@link finishRound}
   * is called in between.
   * @param record a lent record, or its bytes (`recordBytes()`), little-endian
   * @returns false for a record of a perf.data file that describes that file, as its attributes, or that holds data
   *   beside it: it is left out
   * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT; ERR_PERF_OUT_OF_RANGE when the record is no longer lent;
   *   ERR_PERF_NOT_SUPPORTED for a record of a ring buffer map
   */
  write(record: RingRecord | Uint8Array): boolean {
    return this.#records.add(record);
  }

  /**
   * Says that the records after the next call are no older than those before this one. Call it when all rings were read
   * once. Readers sort between such marks; without any they must keep the whole file to sort it.
   */
  finishRound(): void {
    this.#records.finishRound();
  }

  /** The bytes since the last call: a copy. */
  take(): Uint8Array {
    return Uint8Array.from(this.#records.take());
  }
}

/** Appends what precedes the records in pipe form. */
export function appendPipeStart(to: RecordBuffer, { events, sections }: FileParts): void {
  const header = Buffer.alloc(PIPE_HEADER_BYTES);
  header.write(MAGIC, 'latin1');
  header.writeBigUInt64LE(BigInt(PIPE_HEADER_BYTES), 8);
  to.append(header);
  for (const { attrBytes, ids } of events) {
    const body = new FeatureWriter().bytes(attrBytes);
    for (const id of ids) body.u64(id);
    to.append(recordOf(PERF_RECORD_HEADER_ATTR, body.done()));
  }
  for (const [feature, bytes] of sections) appendFeature(to, feature, bytes);
}

function appendFeature(to: RecordBuffer, feature: number, bytes: Uint8Array): void {
  if (feature === FEATURES.TRACING_DATA) {
    const padding = new Uint8Array(-bytes.length & 7);
    const size = new FeatureWriter().u32(bytes.length + padding.length).done();
    to.append(recordOf(PERF_RECORD_HEADER_TRACING_DATA, size));
    to.append(bytes);
    to.append(padding);
  } else if (feature === FEATURES.BUILD_ID) {
    for (const id of decodeBuildIds(new FeatureBytes(bytes, true))) {
      to.append(encodeBuildId(id, PERF_RECORD_HEADER_BUILD_ID));
    }
  } else if (HEADER_BYTES + 8 + bytes.length <= MOST_RECORD_BYTES) {
    // A larger section has no room in a record.
    const body = new FeatureWriter().u64(BigInt(feature)).bytes(bytes);
    to.append(recordOf(PERF_RECORD_HEADER_FEATURE, body.bytes(new Uint8Array(-bytes.length & 7)).done()));
  }
}

function recordOf(type: number, body: Uint8Array): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(type, HEADER_TYPE);
  header.writeUInt16LE(HEADER_BYTES + body.length, HEADER_SIZE);
  return Buffer.concat([header, body]);
}
