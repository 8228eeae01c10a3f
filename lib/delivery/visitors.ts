import { PERF_RECORD_LOST } from '../abi/perf-event';
import { PerfRingError } from '../errors';
import { bulkScanOf, type SampleVisitor } from '../records/bulk-visitor';
import type { RecordVisitor } from '../records/record';
import { checkSampleVisitor, checkVisitor } from '../records/record-check';

/**
 * The functions that are called with records. A single function is called with the samples only. A function that
 * returns {@link STOP} ends the visit after that record. A query ({@link prepareQuery}) processes the samples of a
 * batch in one native call.
 */
export type Visitors =
  | SampleVisitor
  | {
      /** PERF_RECORD_SAMPLE. */
      readonly sample?: SampleVisitor;
      /** PERF_RECORD_LOST: `record.lost` samples could not be written before the next record. */
      readonly lost?: RecordVisitor;
      /** Every other type, and PERF_RECORD_LOST when `lost` is absent. */
      readonly other?: RecordVisitor;
    };

const ignore: RecordVisitor = () => undefined;

export interface SplitVisitors {
  readonly sample: SampleVisitor;
  readonly other: RecordVisitor;
}

/**
 * Splits visitors into one for samples and one for all other records. @throws PerfRingError ERR_PERF_INVALID_ARGUMENT
 */
export function splitVisitors(visitors: Visitors): SplitVisitors {
  if (typeof visitors === 'function') {
    checkVisitor(visitors, 'visitor');
    return { sample: visitors, other: ignore };
  }
  if (typeof visitors !== 'object' || visitors === null) throw invalid();
  if (isQuery(visitors)) return { sample: visitors, other: ignore };
  const { sample = ignore, lost, other = ignore } = propertiesOf(visitors);
  checkSampleVisitor(sample, 'sample');
  checkVisitor(other, 'other');
  if (lost !== undefined) checkVisitor(lost, 'lost');
  if (lost === undefined) return { sample, other };
  return { sample, other: (record) => (record.type === PERF_RECORD_LOST ? lost : other)(record) };
}

/** Reads each property once, as plainOptions() does, but ten times faster: this runs for every batch. */
function propertiesOf(visitors: Exclude<Visitors, SampleVisitor>): typeof visitors {
  try {
    const { sample, lost, other } = visitors;
    return { sample, lost, other } as typeof visitors;
  } catch (cause) {
    throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', 'visitors cannot be read: a property throws', {
      cause,
    });
  }
}

function isQuery(visitors: object): visitors is SampleVisitor {
  return bulkScanOf(visitors) !== undefined;
}

function invalid(): PerfRingError {
  return new PerfRingError(
    'ERR_PERF_INVALID_ARGUMENT',
    'visitors must be a function, a query, or { sample, lost, other } of them',
  );
}
