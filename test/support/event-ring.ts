import { errnoName } from '../../lib/abi/errno';
import { encodePerfEventAttr, type PerfEventAttr } from '../../lib/abi/perf-event';
import type { MappedRingHandle, PerfEventHandle } from '../../lib/addon/contract';
import { addon } from '../../lib/addon/load';
import { decodeRecord, type PerfRecord } from '../../lib/records/perf-record';
import { type RecordFormat, recordFormat } from '../../lib/records/record-format';
import { RingPositions } from './ring-positions';

/** Where an event is opened. */
export interface EventTarget {
  /** -1 for every process, 0 for this thread; -1 by default. */
  readonly pid?: number;
  /** -1 for every CPU. */
  readonly cpu: number;
  readonly dataPageCount?: number;
  /** The leader of the group that the event joins. */
  readonly leader?: EventRing;
}

/** An event with any attributes, and its ring. It uses only addon calls and nothing of lib/ring. */
export class EventRing {
  readonly format: RecordFormat;
  readonly #event: PerfEventHandle;
  readonly #ring: MappedRingHandle;
  readonly #positions: RingPositions;
  readonly #mapping: Uint8Array;

  private constructor(attr: PerfEventAttr, event: PerfEventHandle, dataPageCount: number) {
    this.format = recordFormat(attr);
    this.#event = event;
    const ring = addon().ringMap(event, dataPageCount, true);
    if (typeof ring === 'number') throw new Error(`mmap ${errnoName(ring)}`);
    this.#ring = ring;
    this.#positions = new RingPositions(ring);
    this.#mapping = new Uint8Array((1 + dataPageCount) * addon().pageSize());
  }

  /** @returns the name of the errno when the kernel refuses the event */
  static tryOpen(attr: PerfEventAttr, target: EventTarget): EventRing | string {
    const { pid = -1, cpu, dataPageCount = 64, leader } = target;
    const group = leader === undefined ? -1 : addon().perfEventFd(leader.#event);
    const event = addon().perfEventOpen(encodePerfEventAttr(attr), pid, cpu, group, 0);
    return typeof event === 'number' ? errnoName(event) : new EventRing(attr, event, dataPageCount);
  }

  static open(attr: PerfEventAttr, target: EventTarget): EventRing {
    const ring = EventRing.tryOpen(attr, target);
    if (typeof ring === 'string') throw new Error(`perf_event_open ${ring}`);
    return ring;
  }

  /** PERF_EVENT_IOC_ENABLE or PERF_EVENT_IOC_DISABLE. */
  enable(enabled: boolean): void {
    const result = addon().perfEventEnable(this.#event, enabled);
    if (result < 0) throw new Error(`ioctl ${errnoName(result)}`);
  }

  /** Reads and releases every record of the ring. @returns the bytes of each, header included */
  drainBytes(): Uint8Array[] {
    const data = this.#mapping.subarray(addon().pageSize());
    const available = addon().ringCopyPublished(this.#ring, this.#mapping);
    const begin = this.#positions.readOffset();
    const bytes = new Uint8Array(available);
    const first = Math.min(available, data.length - begin);
    bytes.set(data.subarray(begin, begin + first));
    bytes.set(data.subarray(0, available - first), first);
    this.#positions.consume(available);
    return recordsIn(bytes);
  }

  drain(): PerfRecord[] {
    return this.drainBytes().map((bytes) => decodeRecord(bytes, this.format));
  }

  close(): void {
    addon().ringClose(this.#ring);
    addon().perfEventClose(this.#event);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Splits bytes into records. */
function recordsIn(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = view.getUint16(at + 6, true);
    if (size < 8 || at + size > bytes.length) throw new Error(`record of ${size} bytes at ${at}`);
    records.push(bytes.slice(at, at + size));
    at += size;
  }
  return records;
}

export type RecordOf<Type extends PerfRecord['type']> = Extract<PerfRecord, { type: Type }>;

export function recordsOf<Type extends PerfRecord['type']>(
  records: readonly PerfRecord[],
  type: Type,
): RecordOf<Type>[] {
  return records.filter((record): record is RecordOf<Type> => record.type === type);
}
