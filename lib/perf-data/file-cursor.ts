import { HEADER_BYTES, HEADER_TYPE, PERF_RECORD_SAMPLE } from '../abi/perf-event';
import { PerfRingError } from '../errors';
import { lentRecordOf, type RecordPlace } from '../records/lent-record';
import type { RingRecord } from '../records/record';
import { ABSENT, type RecordFormat } from '../records/record-format';
import { RecordView } from '../records/record-view';

/** Stands on one record of one event in the window of a file, and has the object that visitors get. */
export class FileCursor implements RecordPlace {
  readonly view: DataView<ArrayBufferLike>;
  readonly format: RecordFormat;
  readonly timeOffset: number;
  readonly timeFromEnd: number;
  readonly payloadAlone = false;
  base = 0;
  size = 0;
  payloadStart = 0;
  recordBytes = 0;
  type = 0;
  late = false;
  cpu = -1;
  /** How often the cursor left the window, whose bytes change only after that. */
  visits = 0;
  readonly record: RingRecord;
  readonly #fields: RecordView;
  readonly #cpuOffset: number;

  constructor(view: DataView<ArrayBufferLike>, format: RecordFormat) {
    this.view = view;
    this.format = format;
    this.timeOffset = format.timeOffset;
    this.timeFromEnd = format.fromEnd.time;
    this.#cpuOffset = format.places.cpu?.offset ?? ABSENT;
    this.#fields = new RecordView(format);
    this.record = lentRecordOf(this);
  }

  /**
   * Moves to the record at `position`.
   * @param size header.size, which the caller has checked: at least 8, and within the window
   */
  stand(position: number, size: number, late: boolean): void {
    const type = this.view.getUint32(position + HEADER_TYPE, true);
    this.type = type;
    this.late = late;
    this.recordBytes = size;
    if (type === PERF_RECORD_SAMPLE) {
      this.#standOnSample(position, size);
      return;
    }
    this.payloadStart = HEADER_BYTES;
    this.base = position + HEADER_BYTES;
    this.size = size - HEADER_BYTES;
    const back = this.format.fromEnd.cpu;
    const hasCpu = back !== ABSENT && size >= HEADER_BYTES + this.format.sampleIdBytes;
    this.cpu = hasCpu ? this.view.getInt32(position + size - back, true) : -1;
  }

  /** Stands nowhere: the record can't be read any more. */
  leave(): void {
    this.base = 0;
    this.size = 0;
    this.payloadStart = 0;
    this.recordBytes = 0;
    this.visits++;
  }

  /** Nobody else has the window's memory, so it can't be detached. */
  checkAttached(): void {}

  #standOnSample(position: number, size: number): void {
    const cpuOffset = this.#cpuOffset;
    const hasCpu = cpuOffset !== ABSENT && cpuOffset + 4 <= size;
    this.cpu = hasCpu ? this.view.getInt32(position + cpuOffset, true) : -1;
    const rawOffset = this.#rawOffsetOf(position, size);
    const room = size - rawOffset - 4;
    const rawSize = rawOffset === ABSENT || room < 0 ? 0 : this.view.getUint32(position + rawOffset, true);
    // A payload that reaches past the record's end is not lent; decode() says what is wrong.
    const hasPayload = rawOffset !== ABSENT && room >= 0 && rawSize <= room;
    this.payloadStart = hasPayload ? rawOffset + 4 : size;
    this.base = position + this.payloadStart;
    this.size = hasPayload ? rawSize : 0;
  }

  #rawOffsetOf(position: number, size: number): number {
    const { places, rawOffset } = this.format;
    if (places.raw === undefined || rawOffset !== ABSENT) return rawOffset;
    try {
      return this.#fields.moveTo(this.view, position, size, PERF_RECORD_SAMPLE).offsetOf('raw');
    } catch (error) {
      if (error instanceof PerfRingError && error.code === 'ERR_PERF_RECORD_DAMAGED') return ABSENT;
      throw error;
    }
  }
}
