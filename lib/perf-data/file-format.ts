/**
 * The numbers of the perf.data file format, under perf's names.
 *
 * @see https://github.com/torvalds/linux/blob/v6.12/tools/perf/Documentation/perf.data-file-format.txt
 * @see https://github.com/torvalds/linux/blob/v6.12/tools/lib/perf/include/perf/event.h
 */

/** The first 8 bytes of a little-endian file; a big-endian file has them in reverse order. */
export const MAGIC = 'PERFILE2';

/**
 *     struct perf_file_header {
 *       u64 magic;
 *       u64 size;
 *       u64 attr_size;
 *       struct perf_file_section attrs, data, event_types;   // u64 offset, size
 *       u64 flags[4];
 *     };
 */
export const FILE_HEADER_BYTES = 104;
export const HEADER_SIZE_OFFSET = 8;
export const ATTR_SIZE_OFFSET = 16;
export const ATTRS_OFFSET = 24;
export const DATA_OFFSET = 40;
export const DATA_SIZE_OFFSET = 48;
export const FLAGS_OFFSET = 72;
export const FLAGS_BYTES = 32;

/** struct perf_pipe_file_header: magic and size. */
export const PIPE_HEADER_BYTES = 16;

/** struct perf_file_section: u64 offset, u64 size. It follows each attr, for the ids, and describes each feature. */
export const SECTION_BYTES = 16;

// ---------------------------------------------------------------------- records made by perf

export const PERF_RECORD_HEADER_ATTR = 64;
export const PERF_RECORD_HEADER_TRACING_DATA = 66;
export const PERF_RECORD_HEADER_BUILD_ID = 67;
export const PERF_RECORD_FINISHED_ROUND = 68;
export const PERF_RECORD_AUXTRACE = 71;
export const PERF_RECORD_EVENT_UPDATE = 78;
export const PERF_RECORD_HEADER_FEATURE = 80;
export const PERF_RECORD_COMPRESSED = 81;
export const PERF_RECORD_COMPRESSED2 = 83;

/** Names of the records that perf itself writes: PERF_RECORD_… without the prefix. */
export const FILE_RECORD_NAMES: ReadonlyMap<number, string> = new Map(
  [
    'HEADER_ATTR',
    'HEADER_EVENT_TYPE',
    'HEADER_TRACING_DATA',
    'HEADER_BUILD_ID',
    'FINISHED_ROUND',
    'ID_INDEX',
    'AUXTRACE_INFO',
    'AUXTRACE',
    'AUXTRACE_ERROR',
    'THREAD_MAP',
    'CPU_MAP',
    'STAT_CONFIG',
    'STAT',
    'STAT_ROUND',
    'EVENT_UPDATE',
    'TIME_CONV',
    'HEADER_FEATURE',
    'COMPRESSED',
    'FINISHED_INIT',
    'COMPRESSED2',
    'BPF_METADATA',
  ].map((name, index) => [PERF_RECORD_HEADER_ATTR + index, name]),
);

/** A kind of PERF_RECORD_EVENT_UPDATE: a name follows. (enum event_update_type) */
export const EVENT_UPDATE_NAME = 2;

// ---------------------------------------------------------------------- feature sections

/** The numbers of feature sections: bits of the header's flags, and ids of PERF_RECORD_HEADER_FEATURE. */
export const FEATURES = {
  TRACING_DATA: 1,
  BUILD_ID: 2,
  HOSTNAME: 3,
  OSRELEASE: 4,
  VERSION: 5,
  ARCH: 6,
  NRCPUS: 7,
  CPUDESC: 8,
  CPUID: 9,
  TOTAL_MEM: 10,
  CMDLINE: 11,
  EVENT_DESC: 12,
  CPU_TOPOLOGY: 13,
  NUMA_TOPOLOGY: 14,
  BRANCH_STACK: 15,
  PMU_MAPPINGS: 16,
  GROUP_DESC: 17,
  AUXTRACE: 18,
  STAT: 19,
  CACHE: 20,
  SAMPLE_TIME: 21,
  MEM_TOPOLOGY: 22,
  CLOCKID: 23,
  DIR_FORMAT: 24,
  BPF_PROG_INFO: 25,
  BPF_BTF: 26,
  COMPRESSED: 27,
  CPU_PMU_CAPS: 28,
  CLOCK_DATA: 29,
  HYBRID_TOPOLOGY: 30,
  PMU_CAPS: 31,
} as const;

/** Number of bits in the header's flags. */
export const FEATURE_COUNT = 256;
