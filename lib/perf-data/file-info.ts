import { HEADER_BYTES } from '../abi/perf-event';
import { FeatureBytes, FeatureWriter } from './feature-bytes';
import { FEATURES } from './file-format';

/** The build id of a file that samples point to. */
export interface PerfDataBuildId {
  /** The path; `[kernel.kallsyms]` for the kernel. */
  readonly path: string;
  /** In lower-case hexadecimal digits. */
  readonly buildId: string;
  /** The process of a guest; -1 for this machine. */
  readonly pid: number;
  /** header.misc: PERF_RECORD_MISC_KERNEL or PERF_RECORD_MISC_USER. */
  readonly misc: number;
}

/**
 * What a perf.data file says of the machine and of the recording: its feature sections. A member is undefined when the
 * file does not have its section.
 */
export interface PerfDataInfo {
  readonly hostname?: string | undefined;
  /** As `uname -r` says. */
  readonly osRelease?: string | undefined;
  /** The version of perf, or of the program that wrote the file. */
  readonly writerVersion?: string | undefined;
  /** As `uname -m` says. */
  readonly arch?: string | undefined;
  /** Number of CPUs. */
  readonly cpus?: { readonly available: number; readonly online: number } | undefined;
  /** The model's name. */
  readonly cpuDescription?: string | undefined;
  /** Vendor, family, model and stepping, separated by commas. */
  readonly cpuId?: string | undefined;
  readonly totalMemoryKilobytes?: bigint | undefined;
  /** The arguments, the program first. */
  readonly commandLine?: readonly string[] | undefined;
  readonly buildIds?: readonly PerfDataBuildId[] | undefined;
  readonly topology?:
    | {
        /** Lists of CPUs, like `0-3`: those of one socket, and those of one core. */
        readonly sockets: readonly string[];
        readonly cores: readonly string[];
        /** For each CPU. */
        readonly cpus: readonly { readonly coreId: number; readonly socketId: number }[];
      }
    | undefined;
  /** perf_event_attr.type of each kind of event of this machine. */
  readonly pmus?: readonly { readonly type: number; readonly name: string }[] | undefined;
  /** Groups of events; `leader` is the index of the first event. */
  readonly groups?:
    | readonly { readonly name: string; readonly leader: number; readonly members: number }[]
    | undefined;
  /** Nanoseconds. */
  readonly sampleTimes?: { readonly first: bigint; readonly last: bigint } | undefined;
  /** The clock of the times, and one moment of it and of the wall clock, in nanoseconds since 1970. */
  readonly clock?:
    | { readonly clockid: number; readonly wallNanoseconds: bigint; readonly clockNanoseconds: bigint }
    | undefined;
}

/** How one member is stored. */
interface Section<Value> {
  readonly feature: number;
  decode(from: FeatureBytes): Value;
  encode(value: Value, to: FeatureWriter): void;
}

const text = (feature: number): Section<string> => ({
  feature,
  decode: (from) => from.string(),
  encode: (value, to) => to.string(value),
});

function strings(from: FeatureBytes): string[] {
  return Array.from({ length: from.count(4) }, () => from.string());
}

function writeStrings(values: readonly string[], to: FeatureWriter): void {
  to.u32(values.length);
  for (const value of values) to.string(value);
}

const BUILD_ID_BYTES = 20;
/** pid, and the build id with its size and padding. */
const BUILD_ID_FIXED_BYTES = 4 + 24;
/** header.misc: the byte after the build id is its size. */
const MISC_BUILD_ID_SIZE = 1 << 15;
/** perf pads paths to a multiple of this. */
const PATH_ALIGNMENT = 64;

/** struct perf_record_header_build_id after its header: pid, build_id[24], filename. */
export function decodeBuildId(from: FeatureBytes, misc: number, size: number): PerfDataBuildId {
  const pid = from.i32();
  const id = from.bytes(24);
  const length = (misc & MISC_BUILD_ID_SIZE) === 0 ? BUILD_ID_BYTES : (id[BUILD_ID_BYTES] as number);
  return {
    path: from.text(size - HEADER_BYTES - BUILD_ID_FIXED_BYTES),
    buildId: Buffer.from(id.subarray(0, Math.min(length, BUILD_ID_BYTES))).toString('hex'),
    pid,
    misc: misc & ~MISC_BUILD_ID_SIZE,
  };
}

/** @param type of the record: 0 in the feature section, PERF_RECORD_HEADER_BUILD_ID as a record */
export function encodeBuildId({ path, buildId, pid, misc }: PerfDataBuildId, type: number): Uint8Array {
  const id = Buffer.from(buildId, 'hex');
  const pathBytes = Math.ceil((Buffer.byteLength(path) + 1) / PATH_ALIGNMENT) * PATH_ALIGNMENT;
  const record = Buffer.alloc(HEADER_BYTES + BUILD_ID_FIXED_BYTES + pathBytes);
  record.writeUInt32LE(type, 0);
  record.writeUInt16LE(misc | MISC_BUILD_ID_SIZE, 4);
  record.writeUInt16LE(record.length, 6);
  record.writeInt32LE(pid, HEADER_BYTES);
  id.copy(record, HEADER_BYTES + 4, 0, BUILD_ID_BYTES);
  record[HEADER_BYTES + 4 + BUILD_ID_BYTES] = Math.min(id.length, BUILD_ID_BYTES);
  record.write(path, HEADER_BYTES + BUILD_ID_FIXED_BYTES);
  return record;
}

export function decodeBuildIds(from: FeatureBytes): PerfDataBuildId[] {
  const found: PerfDataBuildId[] = [];
  while (from.left > 0) {
    from.u32();
    const misc = from.u16();
    const size = from.u16();
    found.push(decodeBuildId(from, misc, size));
  }
  return found;
}

const SECTIONS: { readonly [Name in keyof PerfDataInfo]-?: Section<NonNullable<PerfDataInfo[Name]>> } = {
  hostname: text(FEATURES.HOSTNAME),
  osRelease: text(FEATURES.OSRELEASE),
  writerVersion: text(FEATURES.VERSION),
  arch: text(FEATURES.ARCH),
  cpus: {
    feature: FEATURES.NRCPUS,
    decode: (from) => ({ available: from.u32(), online: from.u32() }),
    encode: ({ available, online }, to) => to.u32(available).u32(online),
  },
  cpuDescription: text(FEATURES.CPUDESC),
  cpuId: text(FEATURES.CPUID),
  totalMemoryKilobytes: {
    feature: FEATURES.TOTAL_MEM,
    decode: (from) => from.u64(),
    encode: (value, to) => to.u64(value),
  },
  commandLine: { feature: FEATURES.CMDLINE, decode: strings, encode: writeStrings },
  buildIds: {
    feature: FEATURES.BUILD_ID,
    decode: decodeBuildIds,
    encode: (ids, to) => {
      for (const id of ids) to.bytes(encodeBuildId(id, 0));
    },
  },
  topology: {
    feature: FEATURES.CPU_TOPOLOGY,
    decode: (from) => {
      const sockets = strings(from);
      const cores = strings(from);
      const cpus: { coreId: number; socketId: number }[] = [];
      // What follows the CPUs is cut off by the caller: only another section says how many there are.
      while (from.left >= 8) cpus.push({ coreId: from.u32(), socketId: from.u32() });
      return { sockets, cores, cpus };
    },
    encode: ({ sockets, cores, cpus }, to) => {
      writeStrings(sockets, to);
      writeStrings(cores, to);
      for (const { coreId, socketId } of cpus) to.u32(coreId).u32(socketId);
    },
  },
  pmus: {
    feature: FEATURES.PMU_MAPPINGS,
    decode: (from) =>
      Array.from({ length: from.count(8) }, () => ({ type: from.u32(), name: from.string() })),
    encode: (pmus, to) => {
      to.u32(pmus.length);
      for (const { type, name } of pmus) to.u32(type).string(name);
    },
  },
  groups: {
    feature: FEATURES.GROUP_DESC,
    decode: (from) =>
      Array.from({ length: from.count(12) }, () => ({
        name: from.string(),
        leader: from.u32(),
        members: from.u32(),
      })),
    encode: (groups, to) => {
      to.u32(groups.length);
      for (const { name, leader, members } of groups) to.string(name).u32(leader).u32(members);
    },
  },
  sampleTimes: {
    feature: FEATURES.SAMPLE_TIME,
    decode: (from) => ({ first: from.u64(), last: from.u64() }),
    encode: ({ first, last }, to) => to.u64(first).u64(last),
  },
  clock: {
    feature: FEATURES.CLOCK_DATA,
    decode: (from) => {
      from.u32();
      return { clockid: from.i32(), wallNanoseconds: from.u64(), clockNanoseconds: from.u64() };
    },
    encode: ({ clockid, wallNanoseconds, clockNanoseconds }, to) =>
      to.u32(1).u32(clockid).u64(wallNanoseconds).u64(clockNanoseconds),
  },
};

type InfoName = keyof PerfDataInfo;

export const INFO_NAMES = Object.keys(SECTIONS) as InfoName[];

export function featureOf(name: InfoName): number {
  return SECTIONS[name].feature;
}

/** @throws RangeError for a section that is too short */
export function decodeInfo(name: InfoName, bytes: Uint8Array, isLittle: boolean): PerfDataInfo {
  return { [name]: SECTIONS[name].decode(new FeatureBytes(bytes, isLittle)) };
}

/** The feature sections for these members. */
export function encodeInfo(info: PerfDataInfo): Map<number, Uint8Array> {
  const sections = new Map<number, Uint8Array>();
  for (const name of INFO_NAMES) {
    const value = info[name];
    if (value === undefined) continue;
    const to = new FeatureWriter();
    (SECTIONS[name] as Section<unknown>).encode(value, to);
    sections.set(SECTIONS[name].feature, to.done());
  }
  return sections;
}

// ---------------------------------------------------------------------- EVENT_DESC

/** What EVENT_DESC says of one event. */
export interface EventDescription {
  readonly attrBytes: Uint8Array;
  readonly name: string;
  readonly ids: readonly bigint[];
}

export function decodeEventDescriptions(bytes: Uint8Array, isLittle: boolean): EventDescription[] {
  const from = new FeatureBytes(bytes, isLittle);
  const count = from.u32();
  const attrBytes = from.u32();
  if (count * (attrBytes + 8) > from.left) throw new RangeError(`${count} events do not fit into it`);
  return Array.from({ length: count }, () => {
    const attr = from.bytes(attrBytes);
    const idCount = from.u32();
    const name = from.string();
    if (idCount * 8 > from.left) throw new RangeError(`${idCount} ids do not fit into it`);
    return { attrBytes: attr, name, ids: Array.from({ length: idCount }, () => from.u64()) };
  });
}

/** All attrs have the same size. */
export function encodeEventDescriptions(events: readonly EventDescription[]): Uint8Array {
  const to = new FeatureWriter().u32(events.length).u32(events[0]?.attrBytes.length ?? 0);
  for (const { attrBytes, name, ids } of events) {
    to.bytes(attrBytes).u32(ids.length).string(name);
    for (const id of ids) to.u64(id);
  }
  return to.done();
}
