import { HEADER_BYTES, HEADER_MISC, HEADER_TYPE } from '../abi/perf-event';
import { attrSizeOf, FileEvents } from './file-events';
import {
  ATTR_SIZE_OFFSET,
  ATTRS_OFFSET,
  DATA_OFFSET,
  DATA_SIZE_OFFSET,
  EVENT_UPDATE_NAME,
  FEATURE_COUNT,
  FEATURES,
  FILE_HEADER_BYTES,
  FLAGS_OFFSET,
  HEADER_SIZE_OFFSET,
  MAGIC,
  PERF_RECORD_EVENT_UPDATE,
  PERF_RECORD_HEADER_ATTR,
  PERF_RECORD_HEADER_BUILD_ID,
  PERF_RECORD_HEADER_FEATURE,
  PERF_RECORD_HEADER_TRACING_DATA,
  PIPE_HEADER_BYTES,
  SECTION_BYTES,
} from './file-format';
import { FeatureBytes } from './feature-bytes';
import {
  decodeBuildId,
  decodeEventDescriptions,
  decodeInfo,
  featureOf,
  INFO_NAMES,
  type PerfDataBuildId,
  type PerfDataInfo,
} from './file-info';
import type { FileInput } from './file-input';
import { PerfDataError } from './perf-data-error';
import { swapAttr } from './swap-bytes';

/** struct perf_file_section. */
interface FileSection {
  readonly offset: number;
  readonly size: number;
}

/** More attrs or ids than this are not read: no recording has them. */
const MOST_SECTION_BYTES = 64 * 2 ** 20;
/** The least struct perf_event_attr, of Linux 2.6.31. */
const LEAST_ATTR_BYTES = 64;

/**
 * What a perf.data file says beside its records: its header, events and feature sections. In pipe form they come as
 * records, which {@link FileMeta.take} takes.
 */
export class FileMeta {
  readonly events = new FileEvents();
  readonly isLittle: boolean;
  readonly isPipe: boolean;
  /** Where the records are; the size is Infinity in pipe form and in a file that was not finished. */
  readonly data: FileSection;
  /** The writer of the file did not finish it: the header does not say where its records end. */
  readonly isUnfinished: boolean;
  /** Damage of the feature sections. */
  readonly faults: PerfDataError[] = [];
  readonly #input: FileInput;
  /** The feature sections: where they are, or in pipe form their bytes. */
  readonly #sections = new Map<number, FileSection | Uint8Array>();
  readonly #buildIds: PerfDataBuildId[] = [];
  #info: PerfDataInfo | undefined;
  #tracingBytes = 0;

  /** @throws PerfDataError for a file that can't be read at all */
  constructor(input: FileInput) {
    this.#input = input;
    const start = new Uint8Array(PIPE_HEADER_BYTES);
    const found = readWhole(input, start);
    const magic = Buffer.from(start.subarray(0, 8)).toString('latin1');
    const reversed = [...MAGIC].reverse().join('');
    if (magic !== MAGIC && magic !== reversed) {
      throw new PerfDataError(input.path, 0, `it does not begin with ${MAGIC}, so it is no perf.data file`);
    }
    this.isLittle = magic === MAGIC;
    if (found < PIPE_HEADER_BYTES) throw this.#damage(found, 'the file ends within its header');
    this.isPipe = this.#u64(start, HEADER_SIZE_OFFSET, HEADER_SIZE_OFFSET) === PIPE_HEADER_BYTES;
    if (this.isPipe) {
      this.data = { offset: PIPE_HEADER_BYTES, size: Number.POSITIVE_INFINITY };
      this.isUnfinished = false;
      return;
    }
    if (!input.seeks) throw this.#damage(0, 'it is in file form: a pipe gives only files in pipe form');
    const header = this.#bytesOf({ offset: 0, size: FILE_HEADER_BYTES }, 'its header');
    this.#readEvents(header);
    const data = this.#section(header, DATA_OFFSET);
    const hasFeatures = header.subarray(FLAGS_OFFSET).some((byte) => byte !== 0);
    this.isUnfinished = data.size === 0 && !hasFeatures && input.size > data.offset;
    this.data = this.isUnfinished ? { ...data, size: Number.POSITIVE_INFINITY } : data;
    if (data.offset + data.size > Number.MAX_SAFE_INTEGER) {
      throw this.#damage(DATA_SIZE_OFFSET, 'the records reach past the largest offset of a file');
    }
    this.#readSections(header, data.offset + data.size);
    this.#describeEvents();
  }

  /** A feature section as the file has it; undefined if it has none. @throws PerfDataError */
  section(feature: number): Uint8Array | undefined {
    const section = this.#sections.get(feature);
    if (section === undefined || section instanceof Uint8Array) return section;
    return this.#bytesOf(section, `feature section ${feature}`);
  }

  /** The numbers of the feature sections. */
  get sections(): number[] {
    return [...this.#sections.keys()];
  }

  /** Damaged sections are missing from it. */
  get info(): PerfDataInfo {
    this.#info ??= this.#decodeInfo();
    return this.#info;
  }

  /** Takes what a record says of the file. @throws PerfRingError ERR_PERF_INVALID_OPTION; RangeError */
  take(view: DataView, at: number, size: number): void {
    const bytes = new Uint8Array(view.buffer, view.byteOffset + at + HEADER_BYTES, size - HEADER_BYTES);
    switch (view.getUint32(at + HEADER_TYPE, true)) {
      case PERF_RECORD_HEADER_ATTR:
        this.#takeAttr(bytes);
        break;
      case PERF_RECORD_EVENT_UPDATE:
        this.#takeUpdate(new FeatureBytes(bytes, true));
        break;
      case PERF_RECORD_HEADER_BUILD_ID:
        this.#buildIds.push(
          decodeBuildId(new FeatureBytes(bytes, this.isLittle), view.getUint16(at + HEADER_MISC, true), size),
        );
        break;
      case PERF_RECORD_HEADER_FEATURE:
        this.#takeFeature(new FeatureBytes(bytes, true));
        break;
      case PERF_RECORD_HEADER_TRACING_DATA:
        this.#tracingBytes = new FeatureBytes(bytes, true).u32();
        this.#sections.set(FEATURES.TRACING_DATA, new Uint8Array(0));
        break;
      default:
        return;
    }
    this.#info = undefined;
  }

  /** Takes a piece of what follows PERF_RECORD_HEADER_TRACING_DATA. */
  takeTracingData(piece: Uint8Array): void {
    const before = this.#sections.get(FEATURES.TRACING_DATA) as Uint8Array;
    const all = Buffer.concat([before, piece]);
    // Without the padding.
    this.#sections.set(FEATURES.TRACING_DATA, all.subarray(0, this.#tracingBytes));
  }

  // ------------------------------------------------------------------ file form

  #readEvents(header: Uint8Array): void {
    const entryBytes = this.#u64(header, ATTR_SIZE_OFFSET, ATTR_SIZE_OFFSET);
    const attrs = this.#section(header, ATTRS_OFFSET);
    if (attrs.size === 0) return;
    if (entryBytes < LEAST_ATTR_BYTES + SECTION_BYTES || entryBytes > attrs.size) {
      throw this.#damage(ATTR_SIZE_OFFSET, `an attr of ${entryBytes} bytes`);
    }
    const bytes = this.#bytesOf(attrs, 'the attrs');
    for (let at = 0; at + entryBytes <= bytes.length; at += entryBytes) {
      const offset = attrs.offset + at;
      const entry = bytes.slice(at, at + entryBytes);
      const ids = this.#section(entry, entryBytes - SECTION_BYTES, offset);
      this.#addEvent(entry.subarray(0, entryBytes - SECTION_BYTES), offset, ids);
    }
  }

  #addEvent(entry: Uint8Array, offset: number, ids: FileSection): void {
    const view = viewOf(entry);
    const size = Math.min(attrSizeOf(view, this.isLittle), entry.length);
    if (!this.isLittle) swapAttr(view, 0, size);
    const idView = ids.size === 0 ? undefined : viewOf(this.#bytesOf(ids, 'the ids of an event'));
    const count = (idView?.byteLength ?? 0) >> 3;
    const idsOfEvent = Array.from({ length: count }, (_, index) =>
      (idView as DataView).getBigUint64(index * 8, this.isLittle),
    );
    try {
      this.events.add(entry.slice(0, size), idsOfEvent);
    } catch (error) {
      throw this.#damage(offset, (error as Error).message, error);
    }
  }

  #readSections(header: Uint8Array, from: number): void {
    let at = from;
    for (let feature = 0; feature < FEATURE_COUNT; feature++) {
      // The flags are u64: in a big-endian file the first bits are in the last of 8 bytes.
      const byte = feature >> 3;
      const flags = header[FLAGS_OFFSET + (this.isLittle ? byte : byte ^ 7)] as number;
      if ((flags & (1 << (feature & 7))) === 0) continue;
      const entry = new Uint8Array(SECTION_BYTES);
      if (this.#input.readAt(entry, at) < SECTION_BYTES) {
        this.faults.push(this.#damage(at, `the file ends before its feature section ${feature}`));
        return;
      }
      const offset = at;
      at += SECTION_BYTES;
      try {
        this.#sections.set(feature, this.#section(entry, 0, offset));
      } catch (error) {
        this.#keep(error);
      }
    }
  }

  #describeEvents(): void {
    try {
      const bytes = this.section(FEATURES.EVENT_DESC);
      if (bytes !== undefined) this.#takeDescriptions(bytes);
    } catch (error) {
      this.#keep(error);
    }
  }

  #takeDescriptions(bytes: Uint8Array): void {
    decodeEventDescriptions(bytes, this.isLittle).forEach(({ name, ids }, index) => {
      const event = this.events.list[index];
      if (event === undefined) return;
      if (name !== '') event.name = name;
      for (const id of ids) this.events.addId(index, id);
    });
  }

  // ------------------------------------------------------------------ pipe form

  #takeAttr(bytes: Uint8Array): void {
    const size = bytes.length < 8 ? LEAST_ATTR_BYTES : attrSizeOf(viewOf(bytes), true);
    const from = new FeatureBytes(bytes, true);
    const attr = from.bytes(size);
    if (size < LEAST_ATTR_BYTES) throw new RangeError(`an attr of ${size} bytes`);
    this.events.add(
      attr,
      Array.from({ length: from.left >> 3 }, () => from.u64()),
    );
  }

  #takeUpdate(from: FeatureBytes): void {
    const kind = from.u64();
    const event = this.events.list[this.events.withId(from.u64())];
    if (kind === BigInt(EVENT_UPDATE_NAME) && event !== undefined) event.name = from.text(from.left);
  }

  #takeFeature(from: FeatureBytes): void {
    const feature = Number(from.u64());
    const bytes = from.bytes(from.left);
    this.#sections.set(feature, bytes);
    if (feature === FEATURES.EVENT_DESC) this.#takeDescriptions(bytes);
  }

  // ------------------------------------------------------------------ helpers

  #decodeInfo(): PerfDataInfo {
    let info: PerfDataInfo = {};
    for (const name of INFO_NAMES) {
      try {
        const bytes = this.section(featureOf(name));
        if (bytes !== undefined) info = { ...info, ...decodeInfo(name, bytes, this.isLittle) };
      } catch (error) {
        this.#keep(error, featureOf(name));
      }
    }
    const { topology, cpus } = info;
    if (topology !== undefined && cpus !== undefined) {
      // Newer versions of perf write dies after the CPUs.
      info = { ...info, topology: { ...topology, cpus: topology.cpus.slice(0, cpus.available) } };
    }
    return this.#buildIds.length === 0 ? info : { ...info, buildIds: [...this.#buildIds] };
  }

  #keep(error: unknown, feature: number = FEATURES.EVENT_DESC): void {
    if (error instanceof PerfDataError) {
      this.faults.push(error);
    } else if (error instanceof RangeError) {
      const section = this.#sections.get(feature);
      const offset = section === undefined || section instanceof Uint8Array ? 0 : section.offset;
      this.faults.push(this.#damage(offset, `feature section ${feature}: ${error.message}`, error));
    } else {
      throw error;
    }
  }

  #section(bytes: Uint8Array, at: number, base = 0): FileSection {
    return { offset: this.#u64(bytes, at, base + at), size: this.#u64(bytes, at + 8, base + at + 8) };
  }

  #u64(bytes: Uint8Array, at: number, offset: number): number {
    const value = viewOf(bytes).getBigUint64(at, this.isLittle);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.#damage(offset, `an offset or size of ${value}`);
    return Number(value);
  }

  #bytesOf({ offset, size }: FileSection, what: string): Uint8Array {
    if (offset + size > this.#input.size) {
      throw this.#damage(Math.min(offset, this.#input.size), `the file ends within ${what}`);
    }
    if (size > MOST_SECTION_BYTES) throw this.#damage(offset, `${what} would have ${size} bytes`);
    const bytes = new Uint8Array(size);
    const read = this.#input.readAt(bytes, offset);
    if (read < size) throw this.#damage(offset + read, `the file ends within ${what}`);
    return bytes;
  }

  #damage(offset: number, what: string, cause?: unknown): PerfDataError {
    return new PerfDataError(this.#input.path, offset, what, { cause });
  }
}

/** A pipe may give the bytes in pieces. @returns bytes read */
function readWhole(input: FileInput, target: Uint8Array): number {
  let filled = 0;
  while (filled < target.length) {
    const read = input.read(target.subarray(filled));
    if (read === 0) break;
    filled += read;
  }
  return filled;
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
