/** The public surface of `perfring/perf-data`. */

export { PerfDataReader, type PerfDataReaderOptions } from './perf-data-reader';
export { type PerfDataFileOptions, PerfDataWriter } from './perf-data-writer';
export { PerfDataEncoder } from './perf-data-encoder';
export type { PerfDataEventOptions, PerfDataWriterOptions } from './writer-options';
export { PerfDataError } from './perf-data-error';
export type { PerfDataEvent } from './file-events';
export type { PerfDataBuildId, PerfDataInfo } from './file-info';
