import {
  HEADER_BYTES,
  PERF_FORMAT_GROUP,
  PERF_RECORD_AUX,
  PERF_RECORD_AUX_OUTPUT_HW_ID,
  PERF_RECORD_BPF_EVENT,
  PERF_RECORD_CGROUP,
  PERF_RECORD_COMM,
  PERF_RECORD_EXIT,
  PERF_RECORD_FORK,
  PERF_RECORD_ITRACE_START,
  PERF_RECORD_KSYMBOL,
  PERF_RECORD_LOST,
  PERF_RECORD_LOST_SAMPLES,
  PERF_RECORD_MISC_MMAP_BUILD_ID,
  PERF_RECORD_MMAP,
  PERF_RECORD_MMAP2,
  PERF_RECORD_NAMESPACES,
  PERF_RECORD_READ,
  PERF_RECORD_SAMPLE,
  PERF_RECORD_SWITCH_CPU_WIDE,
  PERF_RECORD_TEXT_POKE,
  PERF_RECORD_THROTTLE,
  PERF_RECORD_UNTHROTTLE,
  PERF_SAMPLE_BRANCH_COUNTERS,
  PERF_SAMPLE_BRANCH_HW_INDEX,
  PERF_SAMPLE_REGS_ABI_NONE,
} from '../abi/perf-event';
import type { RecordFormat } from '../records/record-format';
import { bitCount, groupReadSizes, singleReadBytes } from '../records/variable-fields';
import {
  PERF_RECORD_AUXTRACE,
  PERF_RECORD_COMPRESSED2,
  PERF_RECORD_EVENT_UPDATE,
  PERF_RECORD_HEADER_ATTR,
  PERF_RECORD_HEADER_FEATURE,
  PERF_RECORD_HEADER_TRACING_DATA,
} from './file-format';

/**
 * Turns structures of a big-endian file into little-endian ones, in place. Then everything else reads them like those
 * of this machine.
 *
 * Fields are described by one letter each: `q` is a u64, `i` a u32, `h` a u16, `.` a byte that stays.
 */

const FIELD_BYTES: Readonly<Record<string, number>> = { q: 8, i: 4, h: 2, '.': 1 };

/** Swaps fields from `at` on, those that end after `end` not. @returns where the next field would begin */
function swapFields(view: DataView, at: number, end: number, fields: string): number {
  let position = at;
  for (const field of fields) {
    const next = position + (FIELD_BYTES[field] as number);
    if (next > end) return end;
    if (field === 'q') view.setBigUint64(position, view.getBigUint64(position, false), true);
    else if (field === 'i') view.setUint32(position, view.getUint32(position, false), true);
    else if (field === 'h') view.setUint16(position, view.getUint16(position, false), true);
    position = next;
  }
  return position;
}

/** Swaps `count` u64. */
function swapWords(view: DataView, at: number, end: number, count: number): number {
  const until = Math.min(end, at + count * 8);
  let position = at;
  for (; position + 8 <= until; position += 8) swapFields(view, position, end, 'q');
  return position;
}

// ---------------------------------------------------------------------- struct perf_event_attr

const ATTR_FLAGS_AT = 40;
const ATTR_BEFORE_FLAGS = 'iiqqqq';
const ATTR_AFTER_FLAGS = 'iiqqqqiiqihhiiqq';

/** @param size bytes of the struct, as the file has it */
export function swapAttr(view: DataView, at: number, size: number): void {
  const end = at + size;
  swapFields(view, at, end, ATTR_BEFORE_FLAGS);
  if (size < ATTR_FLAGS_AT + 8) return;
  // A big-endian compiler places bit-fields from the highest bit of the first byte on.
  for (let byte = at + ATTR_FLAGS_AT; byte < at + ATTR_FLAGS_AT + 8; byte++) {
    view.setUint8(byte, reversedBits(view.getUint8(byte), 8));
  }
  swapFields(view, at + ATTR_FLAGS_AT + 8, end, ATTR_AFTER_FLAGS);
}

function reversedBits(value: number, width: number): number {
  let reversed = 0;
  for (let bit = 0; bit < width; bit++) if ((value & (1 << bit)) !== 0) reversed |= 1 << (width - 1 - bit);
  return reversed;
}

// ---------------------------------------------------------------------- records

/** The fields of records other than samples, without struct sample_id and text. */
const RECORD_FIELDS: ReadonlyMap<number, string> = new Map([
  [PERF_RECORD_MMAP, 'iiqqq'],
  [PERF_RECORD_LOST, 'qq'],
  [PERF_RECORD_COMM, 'ii'],
  [PERF_RECORD_EXIT, 'iiiiq'],
  [PERF_RECORD_THROTTLE, 'qqq'],
  [PERF_RECORD_UNTHROTTLE, 'qqq'],
  [PERF_RECORD_FORK, 'iiiiq'],
  [PERF_RECORD_AUX, 'qqq'],
  [PERF_RECORD_ITRACE_START, 'ii'],
  [PERF_RECORD_LOST_SAMPLES, 'q'],
  [PERF_RECORD_SWITCH_CPU_WIDE, 'ii'],
  [PERF_RECORD_KSYMBOL, 'qihh'],
  [PERF_RECORD_BPF_EVENT, 'hhi'],
  [PERF_RECORD_CGROUP, 'q'],
  [PERF_RECORD_TEXT_POKE, 'qhh'],
  [PERF_RECORD_AUX_OUTPUT_HW_ID, 'q'],
  [PERF_RECORD_HEADER_TRACING_DATA, 'i'],
  [PERF_RECORD_AUXTRACE, 'qqqiii'],
  [PERF_RECORD_EVENT_UPDATE, 'qq'],
  // What follows the number of the feature keeps its byte order.
  [PERF_RECORD_HEADER_FEATURE, 'q'],
  [PERF_RECORD_COMPRESSED2, 'q'],
]);

const MMAP2_WITH_INODE = 'iiqqqiiqqii';
const MMAP2_WITH_BUILD_ID = `iiqqq${'.'.repeat(24)}ii`;

/** struct perf_event_header */
export function swapRecordHeader(view: DataView, at: number): void {
  swapFields(view, at, at + HEADER_BYTES, 'ihh');
}

/**
 * Swaps what follows the header, which is swapped already. Bytes that belong to no field of the kernel stay: RAW, the
 * user stack, the AUX area, texts. A record that is damaged is swapped as far as its fields lie in it.
 * @param format undefined for records that perf itself writes
 */
export function swapRecord(view: DataView, at: number, size: number, format: RecordFormat | undefined): void {
  const type = view.getUint32(at, true);
  const end = at + size;
  const from = at + HEADER_BYTES;
  if (type === PERF_RECORD_SAMPLE) {
    if (format !== undefined) swapSample(view, at, end, format);
    return;
  }
  const bodyEnd = format === undefined ? end : Math.max(from, end - format.sampleIdBytes);
  if (type === PERF_RECORD_MMAP2) {
    const hasBuildId = (view.getUint16(at + 4, true) & PERF_RECORD_MISC_MMAP_BUILD_ID) !== 0;
    swapFields(view, from, bodyEnd, hasBuildId ? MMAP2_WITH_BUILD_ID : MMAP2_WITH_INODE);
  } else if (type === PERF_RECORD_READ || type === PERF_RECORD_NAMESPACES) {
    const rest = swapFields(view, from, bodyEnd, 'ii');
    swapWords(view, rest, bodyEnd, (bodyEnd - rest) >> 3);
  } else if (type === PERF_RECORD_HEADER_ATTR) {
    swapHeaderAttr(view, from, end);
  } else {
    swapFields(view, from, bodyEnd, RECORD_FIELDS.get(type) ?? '');
  }
  if (format !== undefined) swapSampleId(view, at, end, format);
}

function swapHeaderAttr(view: DataView, from: number, end: number): void {
  if (from + 8 > end) return;
  const size = Math.min(end - from, Math.max(8, view.getUint32(from + 4, false)));
  swapAttr(view, from, size);
  swapWords(view, from + size, end, (end - from - size) >> 3);
}

function swapSampleId(view: DataView, start: number, end: number, { fromEnd }: RecordFormat): void {
  for (const [field, back] of Object.entries(fromEnd)) {
    if (back < 0 || end - back < start + HEADER_BYTES) continue;
    swapFields(view, end - back, end, field === 'tid' || field === 'cpu' ? 'ii' : 'q');
  }
}

function swapSample(view: DataView, start: number, end: number, format: RecordFormat): void {
  let at = start + HEADER_BYTES;
  for (const [field, place] of Object.entries(format.places)) {
    if (place === undefined || at >= end) continue;
    switch (field) {
      case 'tid':
      case 'cpu':
        at = swapFields(view, at, end, 'ii');
        break;
      case 'read':
        at = swapRead(view, at, end, format);
        break;
      case 'callchain':
        at = swapWords(view, at, end, 1 + countAt(view, at, end));
        break;
      case 'raw':
        at = swapFields(view, at, end, 'i');
        at += at <= end ? view.getUint32(at - 4, true) : 0;
        break;
      case 'branchStack':
        at = swapBranches(view, at, end, format);
        break;
      case 'userRegisters':
        at = swapRegisters(view, at, end, format.userRegistersMask);
        break;
      case 'interruptRegisters':
        at = swapRegisters(view, at, end, format.interruptRegistersMask);
        break;
      case 'userStack': {
        const size = countAt(view, at, end);
        at = swapFields(view, at, end, 'q');
        if (size > 0) at = swapFields(view, at + size, end, 'q');
        break;
      }
      case 'aux': {
        const size = countAt(view, at, end);
        at = swapFields(view, at, end, 'q') + size;
        break;
      }
      default:
        at = swapFields(view, at, end, 'q');
    }
  }
}

/** A u64 that counts what follows, not swapped yet; 0 if it can't be right. */
function countAt(view: DataView, at: number, end: number): number {
  if (at + 8 > end) return 0;
  const count = view.getBigUint64(at, false);
  return count <= BigInt(end - at) ? Number(count) : 0;
}

function swapRead(view: DataView, at: number, end: number, { readFormat }: RecordFormat): number {
  if ((readFormat & PERF_FORMAT_GROUP) === 0)
    return swapWords(view, at, end, singleReadBytes(readFormat) >> 3);
  const { headBytes, entryBytes } = groupReadSizes(readFormat);
  return swapWords(view, at, end, (headBytes + countAt(view, at, end) * entryBytes) >> 3);
}

function swapRegisters(view: DataView, at: number, end: number, mask: bigint): number {
  const values = swapFields(view, at, end, 'q');
  const hasNone = values - 8 < at || view.getUint32(at, true) === PERF_SAMPLE_REGS_ABI_NONE;
  return hasNone ? values : swapWords(view, values, end, bitCount(mask));
}

/** Widths of the bit-fields of struct perf_branch_entry, in their order. */
const BRANCH_FLAG_BITS = [1, 1, 1, 1, 16, 4, 2, 4, 3];
const BRANCH_ENTRY_BYTES = 24;

function swapBranches(view: DataView, at: number, end: number, { branchSampleType }: RecordFormat): number {
  const count = countAt(view, at, end);
  const hasIndex = (branchSampleType & PERF_SAMPLE_BRANCH_HW_INDEX) !== 0;
  const hasCounters = (branchSampleType & PERF_SAMPLE_BRANCH_COUNTERS) !== 0;
  let position = swapWords(view, at, end, hasIndex && count > 0 ? 2 : 1);
  for (let entry = 0; entry < count && position + BRANCH_ENTRY_BYTES <= end; entry++) {
    position = swapWords(view, position, end, 3);
    view.setBigUint64(position - 8, branchFlags(view.getBigUint64(position - 8, true)), true);
  }
  return hasCounters ? swapWords(view, position, end, count) : position;
}

/** The struct has no big-endian variant: its first bit-field is in the highest bits. */
function branchFlags(bigEndian: bigint): bigint {
  let flags = 0n;
  let low = 0;
  let high = 64;
  for (const width of BRANCH_FLAG_BITS) {
    high -= width;
    flags |= BigInt.asUintN(width, bigEndian >> BigInt(high)) << BigInt(low);
    low += width;
  }
  return flags;
}
