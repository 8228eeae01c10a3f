import {
  HEADER_BYTES,
  PERF_RECORD_KSYMBOL_FLAGS_UNREGISTER,
  PERF_RECORD_MISC_MMAP_BUILD_ID,
  PERF_RECORD_MISC_MMAP_DATA,
  PERF_RECORD_MISC_PROC_MAP_PARSE_TIMEOUT,
} from '../abi/perf-event';
import type { RecordView } from './record-view';
import { type SideBandRecord, sideBand } from './sample-id';

/** Records about the code and data at memory addresses. */

interface Mapping {
  readonly pid: number;
  readonly tid: number;
  /** First address. */
  readonly addr: bigint;
  /** Length, bytes. */
  readonly len: bigint;
  /** Offset in the file, bytes. */
  readonly pgoff: bigint;
  /** Path of the file, or a name such as `[vdso]` or `//anon`. */
  readonly filename: string;
  /** The mapping is not executable; such records need attr.mmap_data. */
  readonly isData: boolean;
  /** Reading /proc/PID/maps timed out at this record. Only perf sets it, never the kernel. */
  readonly isTruncated: boolean;
}

/**
 * A process mapped a file: attr.mmap.
 *
 *     struct {
 *       struct perf_event_header header;
 *       u32  pid, tid;
 *       u64  addr;
 *       u64  len;
 *       u64  pgoff;
 *       char filename[];
 *       struct sample_id sample_id;
 *     };
 */
export interface MmapRecord extends SideBandRecord<'MMAP'>, Mapping {}

export function decodeMmap(record: RecordView): MmapRecord {
  return { ...sideBand('MMAP', record, 32), ...mapping(record, 40) };
}

/**
 * A process mapped a file: attr.mmap2. The file is identified by its inode or, with attr.build_id, by its build id.
 *
 *     struct {
 *       struct perf_event_header header;
 *       u32  pid, tid;
 *       u64  addr;
 *       u64  len;
 *       u64  pgoff;
 *       union {
 *         struct {
 *           u32 maj;
 *           u32 min;
 *           u64 ino;
 *           u64 ino_generation;
 *         };
 *         struct {
 *           u8  build_id_size;
 *           u8  __reserved_1;
 *           u16 __reserved_2;
 *           u8  build_id[20];
 *         };
 *       };
 *       u32  prot, flags;
 *       char filename[];
 *       struct sample_id sample_id;
 *     };
 */
export interface Mmap2Record extends SideBandRecord<'MMAP2'>, Mapping {
  /** Undefined when there is a build id. */
  readonly inode: FileInode | undefined;
  /** Lower-case hexadecimal digits, at most 40; undefined when there is an inode. */
  readonly buildId: string | undefined;
  /** PROT_* of mmap(2). */
  readonly prot: number;
  /** MAP_* of mmap(2). */
  readonly flags: number;
}

/** Identifies the mapped file in a record without a build id. */
export interface FileInode {
  /** Device, major number. */
  readonly maj: number;
  /** Device, minor number. */
  readonly min: number;
  readonly ino: bigint;
  readonly inoGeneration: bigint;
}

/** sizeof(build_id) in the struct. */
const MOST_BUILD_ID_BYTES = 20;

export function decodeMmap2(record: RecordView): Mmap2Record {
  const start = sideBand('MMAP2', record, 64);
  const hasBuildId = (record.misc & PERF_RECORD_MISC_MMAP_BUILD_ID) !== 0;
  return {
    ...start,
    ...mapping(record, 72),
    inode: hasBuildId ? undefined : decodeInode(record),
    buildId: hasBuildId ? decodeBuildId(record) : undefined,
    prot: record.u32(64),
    flags: record.u32(68),
  };
}

function decodeInode(record: RecordView): FileInode {
  return { maj: record.u32(40), min: record.u32(44), ino: record.u64(48), inoGeneration: record.u64(56) };
}

function decodeBuildId(record: RecordView): string {
  const size = record.u8(40);
  if (size > MOST_BUILD_ID_BYTES) throw record.damaged(44, size);
  return record.hex(44, size);
}

function mapping(record: RecordView, filenameOffset: number): Mapping {
  const { misc } = record;
  return {
    pid: record.i32(8),
    tid: record.i32(12),
    addr: record.u64(16),
    len: record.u64(24),
    pgoff: record.u64(32),
    filename: record.string(filenameOffset, record.bodyEnd),
    isData: (misc & PERF_RECORD_MISC_MMAP_DATA) !== 0,
    isTruncated: (misc & PERF_RECORD_MISC_PROC_MAP_PARSE_TIMEOUT) !== 0,
  };
}

/**
 * A kernel symbol was registered or unregistered, for example that of a BPF program: attr.ksymbol.
 *
 *     struct {
 *       struct perf_event_header header;
 *       u64  addr;
 *       u32  len;
 *       u16  ksym_type;
 *       u16  flags;
 *       char name[];
 *       struct sample_id sample_id;
 *     };
 */
export interface KsymbolRecord extends SideBandRecord<'KSYMBOL'> {
  readonly addr: bigint;
  /** Length of its code, bytes. */
  readonly len: number;
  /** PERF_RECORD_KSYMBOL_TYPE_* */
  readonly ksymType: number;
  /** PERF_RECORD_KSYMBOL_FLAGS_* */
  readonly flags: number;
  /** The symbol was unregistered. */
  readonly isUnregistered: boolean;
  readonly name: string;
}

export function decodeKsymbol(record: RecordView): KsymbolRecord {
  const start = sideBand('KSYMBOL', record, 16);
  const flags = record.u16(22);
  return {
    ...start,
    addr: record.u64(8),
    len: record.u32(16),
    ksymType: record.u16(20),
    flags,
    isUnregistered: (flags & PERF_RECORD_KSYMBOL_FLAGS_UNREGISTER) !== 0,
    name: record.string(24, record.bodyEnd),
  };
}

/**
 * A BPF program was loaded or unloaded: attr.bpf_event.
 *
 *     struct {
 *       struct perf_event_header header;
 *       u16 type;
 *       u16 flags;
 *       u32 id;
 *       u8  tag[BPF_TAG_SIZE];
 *       struct sample_id sample_id;
 *     };
 */
export interface BpfEventRecord extends SideBandRecord<'BPF_EVENT'> {
  /** PERF_BPF_EVENT_* */
  readonly bpfEventType: number;
  readonly flags: number;
  /** Id of the program. */
  readonly id: number;
  /** Hash of the program's instructions: 16 hexadecimal digits, as bpftool shows it. */
  readonly tag: string;
}

/** BPF_TAG_SIZE of linux/bpf.h. */
const BPF_TAG_BYTES = 8;

export function decodeBpfEvent(record: RecordView): BpfEventRecord {
  return {
    ...sideBand('BPF_EVENT', record, 8 + BPF_TAG_BYTES),
    bpfEventType: record.u16(8),
    flags: record.u16(10),
    id: record.u32(12),
    tag: record.hex(16, BPF_TAG_BYTES),
  };
}

/**
 * The kernel changed its own code: attr.text_poke.
 *
 *     struct {
 *       struct perf_event_header header;
 *       u64 addr;
 *       u16 old_len;
 *       u16 new_len;
 *       u8  bytes[];
 *       struct sample_id sample_id;
 *     };
 */
export interface TextPokeRecord extends SideBandRecord<'TEXT_POKE'> {
  readonly addr: bigint;
  /** Code before the change, a copy; empty when code was added, for example a trampoline. */
  readonly oldBytes: Uint8Array;
  /** Code after the change, a copy; empty when code was removed. */
  readonly newBytes: Uint8Array;
}

const TEXT_POKE_BYTES_OFFSET = HEADER_BYTES + 12;

export function decodeTextPoke(record: RecordView): TextPokeRecord {
  const start = sideBand('TEXT_POKE', record, 12);
  const oldLength = record.u16(16);
  const newLength = record.u16(18);
  if (TEXT_POKE_BYTES_OFFSET + oldLength + newLength > record.bodyEnd) {
    throw record.damaged(TEXT_POKE_BYTES_OFFSET, oldLength + newLength);
  }
  return {
    ...start,
    addr: record.u64(8),
    oldBytes: record.bytes(TEXT_POKE_BYTES_OFFSET, oldLength),
    newBytes: record.bytes(TEXT_POKE_BYTES_OFFSET + oldLength, newLength),
  };
}
