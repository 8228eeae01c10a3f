import {
  ATTR_FLAG_BITS,
  ATTR_WORDS,
  type AttrWord,
  PERF_RECORD_SAMPLE,
  type PerfEventAttr,
} from '../abi/perf-event';
import { ABSENT, type RecordFormat, recordFormat } from '../records/record-format';
import { FIRST_USER_TYPE } from '../records/record-view';
import { eventName } from './event-names';

/** One event of a perf.data file. */
export interface PerfDataEvent {
  /** As `perf evlist` shows it: `cpu-clock`, `sched:sched_switch`. */
  readonly name: string;
  /**
   * The attributes by which it was opened. Fields that are 0 are missing, and those that this version doesn't know. A
   * 64-bit field above 2^53 - 1 is a bigint.
   */
  readonly attr: PerfEventAttr;
  /** The struct perf_event_attr as the file has it, little-endian: a copy. */
  readonly attrBytes: Uint8Array;
  /** The kernel's ids of the event, for instance one for each CPU. Empty if the file doesn't need them. */
  readonly ids: readonly bigint[];
}

/** sizeof(struct perf_event_attr) in its first version, where its own size is 0. */
const FIRST_ATTR_BYTES = 64;
const FLAGS_AT = 40;

/** An event as {@link FileEvents} keeps it: its name and its ids may come later. */
class FileEvent implements PerfDataEvent {
  name: string;
  readonly attr: PerfEventAttr;
  readonly attrBytes: Uint8Array;
  readonly ids: bigint[] = [];
  readonly format: RecordFormat;

  constructor(attrBytes: Uint8Array) {
    this.attrBytes = attrBytes;
    this.attr = decodeAttr(attrBytes);
    this.format = recordFormat({
      sample_type: this.attr.sample_type ?? 0,
      read_format: this.attr.read_format ?? 0,
      branch_sample_type: this.attr.branch_sample_type ?? 0,
      sample_regs_user: this.attr.sample_regs_user ?? 0,
      sample_regs_intr: this.attr.sample_regs_intr ?? 0,
      sample_id_all: this.attr.sample_id_all ?? false,
    });
    this.name = eventName(this.attr);
  }
}

/** The events of a file, and which of them wrote a record. */
export class FileEvents {
  readonly list: FileEvent[] = [];
  readonly #indexOfId = new Map<number | bigint, number>();

  /**
   * @param attrBytes struct perf_event_attr, little-endian; kept
   * @throws PerfRingError ERR_PERF_INVALID_OPTION for bits of sample_type that this version doesn't know
   */
  add(attrBytes: Uint8Array, ids: readonly bigint[]): void {
    this.list.push(new FileEvent(attrBytes));
    for (const id of ids) this.addId(this.list.length - 1, id);
  }

  /** A file may tell ids twice. */
  addId(index: number, id: bigint): void {
    const key = keyOf(Number(id >> 32n), Number(id & 0xffff_ffffn));
    if (this.#indexOfId.has(key)) return;
    this.#indexOfId.set(key, index);
    this.list[index]?.ids.push(id);
  }

  /** The index of the event with this id; -1 without one. */
  withId(id: bigint): number {
    return this.#indexOfId.get(keyOf(Number(id >> 32n), Number(id & 0xffff_ffffn))) ?? -1;
  }

  /**
   * The index of the event that wrote a record of the kernel. As for perf, it is the first one when the record has no
   * id or an unknown one. -1 without events, and for records that perf itself writes.
   * @param isLittle the byte order of the record
   */
  indexOf(view: DataView, at: number, size: number, type: number, isLittle: boolean): number {
    if (type >= FIRST_USER_TYPE) return -1;
    const [first] = this.list;
    if (first === undefined) return -1;
    if (this.list.length === 1) return 0;
    const offset = idOffset(first.format, type, size);
    if (offset === ABSENT || offset < 8 || offset + 8 > size) return 0;
    const low = view.getUint32(at + offset + (isLittle ? 0 : 4), isLittle);
    const high = view.getUint32(at + offset + (isLittle ? 4 : 0), isLittle);
    return this.#indexOfId.get(keyOf(high, low)) ?? 0;
  }
}

/** All events of a file have the id at the same place. */
function idOffset({ places, fromEnd }: RecordFormat, type: number, size: number): number {
  if (type === PERF_RECORD_SAMPLE) return (places.identifier ?? places.id)?.offset ?? ABSENT;
  const back = fromEnd.identifier === ABSENT ? fromEnd.id : fromEnd.identifier;
  return back === ABSENT ? ABSENT : size - back;
}

/** A number where it is exact: looking up a bigint takes ten times as long. */
function keyOf(high: number, low: number): number | bigint {
  return high < 2 ** 21 ? high * 2 ** 32 + low : (BigInt(high) << 32n) | BigInt(low);
}

/** Bytes of the struct perf_event_attr that begins `view`, by its own field `size`. */
export function attrSizeOf(view: DataView, isLittle: boolean): number {
  return view.getUint32(4, isLittle) || FIRST_ATTR_BYTES;
}

/** Reads struct perf_event_attr, little-endian and of any version. */
function decodeAttr(bytes: Uint8Array): PerfEventAttr {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const attr: Record<string, number | bigint | boolean> = {
    type: view.getUint32(0, true),
    config: 0,
  };
  const flags = bytes.length < FLAGS_AT + 8 ? 0n : view.getBigUint64(FLAGS_AT, true);
  for (const [name, bit] of Object.entries(ATTR_FLAG_BITS)) {
    if ((flags & (1n << BigInt(bit))) !== 0n) attr[name] = true;
  }
  for (const [name, [offset, size]] of Object.entries(ATTR_WORDS)) {
    if (offset + size > bytes.length || isOtherMember(name as AttrWord, attr)) continue;
    const value = wordAt(view, offset, size, name === 'clockid');
    if (value !== 0) attr[name] = value;
  }
  return attr as unknown as PerfEventAttr;
}

/** Whether the bits say that the other member of the union is meant. */
function isOtherMember(
  name: AttrWord,
  { freq, watermark }: { freq?: unknown; watermark?: unknown },
): boolean {
  switch (name) {
    case 'sample_period':
      return freq === true;
    case 'sample_freq':
      return freq !== true;
    case 'wakeup_events':
      return watermark === true;
    case 'wakeup_watermark':
      return watermark !== true;
    default:
      return false;
  }
}

function wordAt(view: DataView, offset: number, size: number, isSigned: boolean): number | bigint {
  if (size === 2) return view.getUint16(offset, true);
  if (size === 4) return isSigned ? view.getInt32(offset, true) : view.getUint32(offset, true);
  const value = view.getBigUint64(offset, true);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}
