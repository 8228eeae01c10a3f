import {
  encodePerfEventAttr,
  PERF_SAMPLE_ID,
  PERF_SAMPLE_IDENTIFIER,
  type PerfEventAttr,
} from '../abi/perf-event';
import { PerfRingError } from '../errors';
import { checkBytes, plainList, plainOptions, plainProperties } from '../input/plain-data';
import { shown } from '../input/shown';
import { ownCopy } from '../input/view-span';
import { eventName } from './event-names';
import { FEATURE_COUNT, FEATURES } from './file-format';
import { type EventDescription, encodeEventDescriptions, encodeInfo, type PerfDataInfo } from './file-info';
import { machineInfo } from './machine-info';

/** An event whose records are written. {@link PerfDataEvent} is one. */
export interface PerfDataEventOptions {
  /** The attributes by which the event was opened. */
  readonly attr: PerfEventAttr;
  /** The struct perf_event_attr itself, little-endian, in place of `attr`. */
  readonly attrBytes?: Uint8Array;
  /** For instance `sched:sched_switch`; by default perf's name of `attr`. */
  readonly name?: string;
  /**
   * The ids of the event, one for each time that it was opened. Needed with more than one event: then records say by
   * their id whose they are.
   */
  readonly ids?: readonly bigint[];
}

/** Options of {@link PerfDataWriter.create} and {@link PerfDataEncoder}. */
export interface PerfDataWriterOptions {
  /** At least one. With more than one, all have PERF_SAMPLE_IDENTIFIER, or PERF_SAMPLE_ID, in `sample_type`. */
  readonly events: readonly PerfDataEventOptions[];
  /** What the file says of the machine and the recording; by default, of this machine and this process. */
  readonly info?: PerfDataInfo;
  /** Feature sections by number, little-endian, as of {@link PerfDataReader.feature}; they replace those from `info`. */
  readonly features?: ReadonlyMap<number, Uint8Array>;
}

/** The checked options: what is written before and after the records. */
export interface FileParts {
  readonly events: readonly EventDescription[];
  readonly sections: ReadonlyMap<number, Uint8Array>;
}

/** They describe how a file is stored, which is the writer's business. */
const FEATURES_OF_THE_FORM: ReadonlySet<number> = new Set([
  FEATURES.AUXTRACE,
  FEATURES.DIR_FORMAT,
  FEATURES.COMPRESSED,
]);

const MOST_EVENTS = 4096;
const MOST_IDS = 8000;
const LEAST_ATTR_BYTES = 64;
const MOST_ATTR_BYTES = 4096;
const SAMPLE_TYPE_AT = 24;

export const WRITER_OPTIONS = ['events', 'info', 'features'] as const;

/** @throws PerfRingError ERR_PERF_INVALID_OPTION, ERR_PERF_INVALID_ARGUMENT */
export function fileParts(options: PerfDataWriterOptions): FileParts {
  const { events, info, features } = plainOptions(options, WRITER_OPTIONS);
  const given = plainList(events, 'events', MOST_EVENTS, 'ERR_PERF_INVALID_OPTION');
  if (given.length === 0) throw invalid('events must have at least one event');
  const described = sameSize(given.map(describe));
  checkIds(described);
  const sections = encodeInfo(info ?? machineInfo());
  sections.set(FEATURES.EVENT_DESC, encodeEventDescriptions(described));
  for (const [feature, bytes] of features ?? []) {
    if (!Number.isInteger(feature) || feature < 1 || feature >= FEATURE_COUNT) {
      throw invalid(`a feature is a number from 1 to ${FEATURE_COUNT - 1}, got ${shown(feature)}`);
    }
    checkBytes(bytes, `feature ${feature}`);
    if (!FEATURES_OF_THE_FORM.has(feature)) sections.set(feature, ownCopy(bytes));
  }
  return { events: described, sections: new Map([...sections].sort(([one], [other]) => one - other)) };
}

function describe(event: PerfDataEventOptions): EventDescription {
  const plain = plainProperties(
    event,
    ['attr', 'attrBytes', 'name', 'ids'],
    'ERR_PERF_INVALID_OPTION',
    'event',
  );
  const ids = plainList(plain.ids ?? [], 'ids', MOST_IDS, 'ERR_PERF_INVALID_OPTION');
  const notId = ids.find((id) => typeof id !== 'bigint' || id < 0n || id >= 1n << 64n);
  if (notId !== undefined) throw invalid(`an id is a bigint of 64 bits, got ${shown(notId)}`);
  const { attrBytes, name = plain.attr === undefined ? '' : eventName(plain.attr) } = plain;
  if (typeof name !== 'string') throw invalid(`name must be a string, got ${shown(name)}`);
  if (attrBytes === undefined) return { attrBytes: encodePerfEventAttr(plain.attr), name, ids };
  checkBytes(attrBytes, 'attrBytes');
  const copy = ownCopy(attrBytes);
  if (copy.length < LEAST_ATTR_BYTES || copy.length > MOST_ATTR_BYTES || copy.length % 8 !== 0) {
    throw invalid(`attrBytes has ${copy.length} bytes, and not the size of a struct perf_event_attr`);
  }
  return { attrBytes: copy, name, ids };
}

/** All attrs of a file take as many bytes as the largest. */
function sameSize(events: readonly EventDescription[]): EventDescription[] {
  const size = Math.max(...events.map(({ attrBytes }) => attrBytes.length));
  return events.map((event) => {
    const attrBytes = new Uint8Array(size);
    attrBytes.set(event.attrBytes);
    return { ...event, attrBytes };
  });
}

function checkIds(events: readonly EventDescription[]): void {
  if (events.length === 1) return;
  for (const { attrBytes, name, ids } of events) {
    const sampleType = new DataView(attrBytes.buffer).getUint32(SAMPLE_TYPE_AT, true);
    if ((sampleType & (PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_ID)) === 0) {
      throw invalid(`with more than one event, ${name} needs PERF_SAMPLE_IDENTIFIER in sample_type`);
    }
    if (ids.length === 0) throw invalid(`with more than one event, ${name} needs its ids`);
  }
}

function invalid(message: string): PerfRingError {
  return new PerfRingError('ERR_PERF_INVALID_OPTION', message);
}
