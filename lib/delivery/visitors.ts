import { PERF_RECORD_LOST } from '../abi/perf-event';
import { PerfRingError } from '../errors';
import type { RecordVisitor } from '../records/record';
import { checkVisitor } from '../records/record-check';

/** Which function is called with which records. A function alone is called with the samples. {@link STOP} ends the visit. */
export type Visitors =
  | RecordVisitor
  | {
      /** PERF_RECORD_SAMPLE. */
      readonly sample?: RecordVisitor;
      /** PERF_RECORD_LOST: `record.lost` samples were not written before the next one. */
      readonly lost?: RecordVisitor;
      /** Every other type, and lost records where `lost` is absent. */
      readonly other?: RecordVisitor;
    };

const nobody: RecordVisitor = () => undefined;

export interface SplitVisitors {
  readonly sample: RecordVisitor;
  readonly other: RecordVisitor;
}

/** Samples, and all the rest. @throws PerfRingError ERR_PERF_INVALID_ARGUMENT */
export function splitVisitors(visitors: Visitors): SplitVisitors {
  if (typeof visitors === 'function') {
    checkVisitor(visitors, 'visitor');
    return { sample: visitors, other: nobody };
  }
  if (typeof visitors !== 'object' || visitors === null) throw invalid();
  const { sample = nobody, lost, other = nobody } = propertiesOf(visitors);
  checkVisitor(sample, 'sample');
  checkVisitor(other, 'other');
  if (lost !== undefined) checkVisitor(lost, 'lost');
  if (lost === undefined) return { sample, other };
  return { sample, other: (record) => (record.type === PERF_RECORD_LOST ? lost : other)(record) };
}

/** Each property once, as plainOptions() would, and ten times as fast: every batch comes by here. */
function propertiesOf(visitors: Exclude<Visitors, RecordVisitor>): typeof visitors {
  try {
    const { sample, lost, other } = visitors;
    return { sample, lost, other } as typeof visitors;
  } catch (cause) {
    throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', 'visitors cannot be read: a property throws', {
      cause,
    });
  }
}

function invalid(): PerfRingError {
  return new PerfRingError(
    'ERR_PERF_INVALID_ARGUMENT',
    'visitors must be a function, or { sample, lost, other } of functions',
  );
}
