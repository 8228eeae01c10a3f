/** The public surface, in the README's order. */

// This import must be the first: in a bundle it throws an error that explains what to do, before another module fails.
import './addon/bundled';

export { PerfMapReader } from './perf-array/perf-map-reader';
export type { RecordReader } from './delivery/record-reader';
export type { LossReport, PerfMapReaderOptions, Wakeup } from './perf-array/options';
export type { TurnLimits } from './delivery/limits';
export type { RecordBatch } from './delivery/record-batch';
export type { OwnedRecord } from './records/owned-record';
export type { OwnedRecordStream } from './delivery/readable';
export type { Visitors } from './delivery/visitors';
export type { Accounts, CpuAccounts, ReaderStats } from './delivery/accounts';
export type { Labels, Metric } from './delivery/metrics';
export { RingBufferReader } from './sources/ring-buffer-reader';
export type { RingBufferStats } from './sources/ring-buffer-source';
export type { LostCounter } from './sources/lost-counter';
export type { RingBufferReaderOptions } from './sources/ring-buffer-options';
export { formatOpenMetrics } from './export/open-metrics';
export {
  FlightRecorder,
  type FlightRecorderOptions,
  type FlightSnapshot,
} from './perf-array/flight-recorder';

export { type AttachedProgram, attachBuiltin, builtinNamed } from './bpf/attach-builtin';
export type { Attachment } from './bpf/bpf-link';
export { BUILTIN_PROGRAMS, type BuiltinName, type BuiltinNamed, DEFAULT_BUILTIN } from './bpf/programs';
export { type BuiltinCases, builtinUnion } from './bpf/builtin-union';
export type {
  AttachPoint,
  BuiltinOptions,
  BuiltinPart,
  BuiltinProgram,
} from './bpf/programs/builtin-program';
export { PerfEventArray, type PerfEventArrayOptions } from './bpf/perf-event-array';
export { RingBufferMap, type RingBufferMapOptions } from './bpf/ring-buffer-map';
export { UserRingBuffer } from './bpf/user-ring-buffer';
export { BpfMap, type BpfMapOpenOptions, type BpfMapOptions } from './bpf/bpf-map';
export { BpfProgram, type BpfProgramOptions, type TestRunOptions } from './bpf/bpf-program';
export type { BpfMapInfo, BpfTestRunResult } from './addon/contract';
export { BpfObject } from './bpf/bpf-object';
export {
  type GlobalAs,
  type GlobalInput,
  type GlobalOf,
  type GlobalsToSet,
  type KeyOf,
  type MapOf,
  type ObjectMapTypes,
  type ObjectTypes,
  type ProgramOf,
  readTypedObject,
  type TypedObject,
  type ValueIn,
} from './bpf/object-types';
export { type MapTypes, TypedMap } from './bpf/typed-map';
export type { GlobalValue } from './bpf/global-value';
export type { BpfObjectOptions, MapOptions, ObjectLoadOptions } from './bpf/object-options';
export type { AttachTarget } from './bpf/attach-target';
export { attachmentBy } from './bpf/object-section';
export { describeMap, type MapDescription, type MapUser } from './bpf/map-description';
export type { ObjectLink } from './bpf/object-link';
export { ProgramRejectedError } from './bpf/program-rejected-error';
export * as bpf from './bpf/instructions';

export type { BulkVisitor, SampleVisitor } from './records/bulk-visitor';
export {
  prepareQuery,
  type QueryHistograms,
  type QuerySums,
  type QueryValue,
  type SampleQuery,
} from './query/sample-query';
export type { ColumnArray, QueryFieldName, QueryOptions } from './query/query-plan';
export type { Comparison, Condition } from './query/condition';
export type { RecordFieldName } from './query/query-field';
export type { QueryGroup } from './query/query-groups';

export { decoderFor } from './layout/sample-decoder';
export { type EventView, type EventViews, viewFor } from './layout/event-view';
export {
  defineUnion,
  type UnionCase,
  type UnionCases,
  type UnionLayout,
  type UnionTag,
  type UnionValues,
  type UnknownEvent,
} from './layout/union-layout';
export type {
  ArrayValues,
  BigEndianNumberKind,
  BigIntKind,
  BitfieldKind,
  EnumKind,
  EnumStorage,
  FieldKind,
  KindValue,
  NumberKind,
  ScalarKind,
  TextKind,
} from './layout/field-kind';
export {
  defineLayout,
  type EnumValue,
  type FieldDefinition,
  type FieldType,
  type FieldValue,
  type LayoutValues,
  type SampleField,
  type SampleLayout,
  type ValueOf,
  type ValuesOf,
} from './layout/sample-layout';

export { Btf, type BtfOptions, type BtfTag } from './btf/btf';
export type { LayoutHints } from './btf/btf-layout';
export type { BtfEventType, BtfMap } from './btf/btf-maps';
export {
  describeObject,
  type ObjectDescription,
  type ObjectGlobal,
  type ObjectProgram,
} from './btf/object-description';
export type {
  BtfEnumValue,
  BtfKind,
  BtfLinkage,
  BtfMember,
  BtfParameter,
  BtfType,
  BtfVariable,
} from './btf/btf-type';

export { RingReader, type RingReaderOptions } from './merge/ring-reader';
export { Dispatcher, type DispatcherOptions, type Subscriber } from './delivery/dispatcher';

export { MemoryRingStorage, type MemoryRingStorageOptions } from './storage/memory-ring-storage';
export { MmapRingStorage, type MmapRingStorageOptions } from './storage/mmap-ring-storage';
export type { CustomAttributes, EventWakeup } from './events/attr';
export type { EventCount, PerfEvent } from './events/perf-event';
export type { RingStorage } from './storage/ring-storage';

export { PerfRing } from './ring/perf-ring';
export type { PerfRingOptions } from './ring/ring-options';
export type { LoopCounts, SkippedFault } from './records/record-ring';
export {
  type RecordPayload,
  type RecordVisitor,
  type RingRecord,
  STOP,
  type VisitResult,
} from './records/record';
export type { RingMemory } from './ring/geometry';

export { decodeRecord, type PerfRecord, type UnknownRecord } from './records/perf-record';
export {
  type RecordFormat,
  type RecordFormatAttributes,
  recordFormat,
} from './records/record-format';
export type { DataSource, RecordFields, WeightStruct } from './records/sample-fields';
export type {
  BranchEntry,
  BranchStack,
  ReadValue,
  ReadValues,
  Registers,
  UserStack,
} from './records/variable-fields';
export type { CpuMode, RecordCommon, SampleId, SideBandRecord } from './records/sample-id';
export type { SampleRecord } from './records/sample-record';
export type {
  AuxOutputHwIdRecord,
  AuxRecord,
  ItraceStartRecord,
  LostRecord,
  LostSamplesRecord,
  ReadRecord,
  ThrottleRecord,
  UnthrottleRecord,
} from './records/event-records';
export type {
  BpfEventRecord,
  FileInode,
  KsymbolRecord,
  Mmap2Record,
  MmapRecord,
  TextPokeRecord,
} from './records/mapping-records';
export type {
  CgroupRecord,
  CommRecord,
  ExitRecord,
  ForkRecord,
  NamespaceLink,
  NamespacesRecord,
  SwitchCpuWideRecord,
  SwitchRecord,
} from './records/task-records';

export { diagnose, type Diagnosis, type DiagnosisOptions } from './doctor/readiness';
export type { Check } from './doctor/check';
export type { HostPaths } from './host/host-paths';
export { formatCpuList, onlineCpus, parseCpuList, possibleCpus } from './host/cpu-list';

export { ERROR_CODES, PerfRingError, type PerfRingErrorCode, PerfSystemError } from './errors';
export { mapTypeName, programTypeName } from './abi/bpf-names';
export * as kernel from './abi/perf-event';
