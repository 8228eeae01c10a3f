import { readFileSync } from 'node:fs';
import { type RecordFormat, recordFormat } from '../../lib/records/record-format';

/** A record in a perf.data file, with the format of its event. */
export interface FileRecord {
  /** The offset in the file, which `perf script -D` shows. In bytes. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly format: RecordFormat;
}

/** Records of this type and above are written by perf and not by the kernel. */
const FIRST_PERF_TYPE = 64;

/**
 * Reads the kernel's records of a perf.data file.
 * @see https://github.com/torvalds/linux/blob/v6.12/tools/perf/Documentation/perf.data-file-format.txt
 */
export function readPerfData(path: string): FileRecord[] {
  const file = readFileSync(path);
  if (file.toString('latin1', 0, 8) !== 'PERFILE2') throw new Error(`${path} is no perf.data file`);
  const attrSize = Number(file.readBigUint64LE(16));
  const attrs = Number(file.readBigUint64LE(24));
  const attrsSize = Number(file.readBigUint64LE(32));
  const formats: RecordFormat[] = [];
  const byId = new Map<bigint, RecordFormat>();
  for (let at = attrs; at < attrs + attrsSize; at += attrSize) {
    const format = formatOf(file, at);
    formats.push(format);
    // The offset of the event's ids follows its attr.
    const ids = Number(file.readBigUint64LE(at + attrSize - 16));
    const idsSize = Number(file.readBigUint64LE(at + attrSize - 8));
    for (let id = ids; id < ids + idsSize; id += 8) byId.set(file.readBigUint64LE(id), format);
  }
  const records: FileRecord[] = [];
  const data = Number(file.readBigUint64LE(40));
  const end = data + Number(file.readBigUint64LE(48));
  for (let at = data; at < end; ) {
    const type = file.readUInt32LE(at);
    const size = file.readUInt16LE(at + 6);
    if (size < 8) throw new Error(`record of ${size} bytes at ${at}`);
    const bytes = Uint8Array.from(file.subarray(at, at + size));
    // With several events, PERF_SAMPLE_IDENTIFIER is the first field of samples and the last of other records.
    const id = file.readBigUint64LE(type === 9 ? at + 8 : at + size - 8);
    const format = byId.get(id) ?? (formats[0] as RecordFormat);
    if (type < FIRST_PERF_TYPE) records.push({ offset: at, bytes, format });
    at += size;
  }
  return records;
}

/** The format of records, from the struct perf_event_attr at `at`. */
function formatOf(file: Buffer, at: number): RecordFormat {
  return recordFormat({
    sample_type: file.readBigUint64LE(at + 24),
    read_format: file.readBigUint64LE(at + 32),
    sample_id_all: (file.readBigUint64LE(at + 40) & (1n << 18n)) !== 0n,
    branch_sample_type: file.readBigUint64LE(at + 72),
    sample_regs_user: file.readBigUint64LE(at + 80),
    sample_regs_intr: file.readBigUint64LE(at + 96),
  });
}
