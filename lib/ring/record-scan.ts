import { PERF_RECORD_SAMPLE } from '../abi/perf-event';
import { type RecordVisitor, STOP } from '../records/record';
import type { RecordCursor } from './record-cursor';

/** Why a scan ended. */
export const SCAN_END = 0;
export const SCAN_LIMIT = 1;
export const SCAN_STOPPED = 2;
export const SCAN_FAULT = 3;
export const SCAN_THREW = 4;

/** Where a scan stands, and what it counted: read and written once a call of a loop, not once a record. */
export class ScanState {
  /** Offset in the data area of the next record. */
  position = 0;
  /** Bytes published from there on. */
  left = 0;
  /** Records visited by this scan. */
  records = 0;
  /** Those of them that are no samples. */
  others = 0;
  /** Those of them that were visited one by one, and not by a loop. */
  singles = 0;
  /** Runs of equal headers that the last call of a loop met; 0 for the loop that does not look for them. */
  runs = 0;
  /** Calls that go to the loop for mixed samples before runs of equal ones are tried again. */
  mixedCalls = 0;
  outcome = SCAN_END;
  /** What the visitor threw (SCAN_THREW). The record it was thrown for counts as visited. */
  thrown: unknown = undefined;
}

/**
 * Visits samples in place, oldest first, from `state.position` on, as far as it can: up to the end of the data area, or to
 * a record that is for {@link visitOne}. It returns with SCAN_LIMIT, SCAN_STOPPED or SCAN_THREW as the outcome.
 * @param limit most records to visit
 */
export type SampleLoop = (state: ScanState, limit: number, sample: RecordVisitor) => void;

/** The two hot loops of the library. {@link scanAll} chooses. */
export interface SampleLoops {
  /** For runs of samples with equal headers: a header is compared with the one before. */
  readonly equal: SampleLoop;
  /** For samples whose sizes change: each header is checked. */
  readonly mixed: SampleLoop;
}

/**
 * Makes the hot loops for one ring. lib/ring/specialise.ts makes copies of this function, so it names nothing outside
 * itself. What belongs to the ring is constant to V8 in a copy that was made for the ring.
 *
 * Short calls have V8 compile a loop whole, and not from the middle of an iteration, where it knows less. What is rare
 * stays outside: with a call, or the way round the ring's end, in a loop V8 loads what is constant anew for each record.
 *
 * @param own the visitor that the loops are for, which V8 then inlines without a check; null when it is an argument of
 *   each call
 */
export function sampleLoopsOf(cursor: RecordCursor, own: RecordVisitor | null): SampleLoops {
  const stop = Symbol.for('perfring.stop');
  const words = cursor.words;
  const doubles = cursor.doubles;
  const capacity = cursor.capacityBytes | 0;
  const rawOffset = cursor.format.rawOffset | 0;
  const payloadStart = (rawOffset + 4) | 0;
  const leastBytes = (rawOffset + 8) | 0;
  const view = cursor.view;
  const record = cursor.record;
  const oneWordTells = cursor.oneWordTells;

  /**
   * A header that was checked once (RecordCursor.loadStraight) is afterwards only compared: type, misc and size as one
   * 64-bit word, and raw_size; or, in rings of the kernel, misc, size and raw_size as one. The next position comes from a
   * register: the processor does not wait for a load to know where the next header is, which is what bounds a C loop over
   * the same ring. Two headers are compared before their records are visited, so that two cache lines are under way at once.
   */
  const equal: SampleLoop = (state, limit, sample) => {
    let position = state.position | 0;
    // `end` may lie beyond the capacity; `edge` is where the straight part stops.
    const end = (position + state.left) | 0;
    const edge = Math.min(end, capacity) | 0;
    let records = 0;
    let runs = 0;
    let outcome = 1;
    // The run begins at `runStart`, its records are `size` apart. Its length is divided out, not counted.
    let runStart = position;
    let size = 8;
    cursor.late = false;
    try {
      while (position < edge && records < limit && runs < 32) {
        const loaded = cursor.loadStraight(position, (end - position) | 0) | 0;
        // No sample, one that wraps or moves its payload, or no record at all.
        if (loaded === 0) break;
        size = loaded;
        runs = (runs + 1) | 0;
        // The last place where a record of the run may begin, and where two may.
        const last = Math.min(edge - size, position + (limit - records - 1) * size) | 0;
        const lastOfTwo = (last - size) | 0;
        const header = oneWordTells
          ? view.getFloat64(position + 4, true)
          : (doubles[position >> 3] as number);
        const raw = cursor.size | 0;
        // Up to where headers have been compared.
        let compared = (position + size) | 0;
        for (;;) {
          cursor.base = (position + payloadStart) | 0;
          position = (position + size) | 0;
          if ((own === null ? sample(record) : own(record)) === stop || cursor.closed === true) {
            outcome = 2;
            break;
          }
          if (position < compared) continue;
          const next = (position + size) | 0;
          if (
            position <= lastOfTwo &&
            (oneWordTells
              ? view.getFloat64((position + 4) | 0, true) === header &&
                view.getFloat64((next + 4) | 0, true) === header
              : doubles[position >> 3] === header &&
                doubles[next >> 3] === header &&
                words[(position + rawOffset) >> 2] === raw &&
                words[(next + rawOffset) >> 2] === raw)
          ) {
            compared = (next + size) | 0;
          } else if (
            position <= last &&
            (oneWordTells
              ? view.getFloat64((position + 4) | 0, true) === header
              : doubles[position >> 3] === header && words[(position + rawOffset) >> 2] === raw)
          ) {
            compared = next;
          } else {
            break;
          }
        }
        records += (position - runStart) / size;
        runStart = position;
        if (outcome !== 1) break;
      }
    } catch (error) {
      outcome = 4;
      state.thrown = error;
      records += (position - runStart) / size;
    }
    state.left = end - position;
    state.position = position & (capacity - 1);
    state.records = records;
    state.runs = runs;
    state.outcome = outcome;
  };

  /**
   * Each header is checked in full, by one branch that is never taken while samples follow on one another: a branch that
   * sizes decide would be mispredicted, at 5 to 7 ns each. So all that a sample must be is put into bits that are 0.
   */
  const mixed: SampleLoop = (state, limit, sample) => {
    let position = state.position | 0;
    const end = (position + state.left) | 0;
    const edge = Math.min(end, capacity) | 0;
    // A record is visited when the next one begins no later than here. The header of that one lies in the straight part
    // then, and even the shortest records do not exceed the limit.
    const last = Math.min(edge - leastBytes, position + (limit - 1) * leastBytes) | 0;
    let records = 0;
    let outcome = 1;
    cursor.late = false;
    try {
      if (position < edge && cursor.loadStraight(position, (end - position) | 0) !== 0) {
        // What a record is longer than its payload, equal in all that this loop takes.
        const besides = (payloadStart + cursor.tailBytes) | 0;
        for (;;) {
          const notSample = view.getInt32(position, true) ^ 9;
          const size = view.getUint16((position + 6) | 0, true);
          const raw = view.getInt32((position + rawOffset) | 0, true);
          const next = (position + size) | 0;
          const misaligned = size & 7;
          const unexpected = raw ^ (size - besides);
          const negative = (raw | (last - next)) >>> 31;
          if ((notSample | misaligned | unexpected | negative) !== 0) break;
          cursor.base = (position + payloadStart) | 0;
          cursor.size = raw;
          position = next;
          records = (records + 1) | 0;
          if ((own === null ? sample(record) : own(record)) === stop || cursor.closed === true) {
            outcome = 2;
            break;
          }
        }
      }
    } catch (error) {
      outcome = 4;
      state.thrown = error;
    }
    state.left = end - position;
    state.position = position & (capacity - 1);
    state.records = records;
    state.runs = 0;
    state.outcome = outcome;
  };

  return { equal, mixed };
}

/** Records a call of a loop: calls that return let V8 replace it by one that it has compiled better. */
const EQUAL_CHUNK = 1024;
/** Of the shortest records, for that loop measures its limit in bytes. */
const MIXED_CHUNK = 4096;

/** Runs shorter than this cost more than to check each header. */
const SHORT_RUN = 9;
/** So many calls of the loop for mixed samples follow on short runs. */
const MIXED_CALLS = 32;

/**
 * Visits up to `limit` records: samples by the loops, what these leave one by one.
 * What a visitor throws is in the state; its record counts.
 */
export function scanAll(
  loops: SampleLoops,
  cursor: RecordCursor,
  state: ScanState,
  limit: number,
  sample: RecordVisitor,
  other: RecordVisitor,
): void {
  let records = 0;
  let others = 0;
  let singles = 0;
  try {
    state.outcome = SCAN_LIMIT;
    while (state.left > 0 && records < limit && state.outcome === SCAN_LIMIT) {
      runLoop(loops, state, limit - records, sample);
      records += state.records;
      // A loop that leaves the first record has no use for it.
      if (state.outcome !== SCAN_LIMIT || state.records > 0) continue;
      others += visitOne(cursor, state, sample, other);
      records += state.records;
      singles += state.records;
    }
    if (state.outcome === SCAN_LIMIT && state.left === 0) state.outcome = SCAN_END;
  } finally {
    // Also when a call exhausts the stack.
    state.records = records;
    state.others = others;
    state.singles = singles;
  }
}

/** Calls the loop that suits what came before. */
function runLoop(loops: SampleLoops, state: ScanState, limit: number, sample: RecordVisitor): void {
  if (state.mixedCalls > 0) {
    state.mixedCalls--;
    loops.mixed(state, Math.min(limit, MIXED_CHUNK), sample);
    return;
  }
  loops.equal(state, Math.min(limit, EQUAL_CHUNK), sample);
  if (state.runs >= SHORT_RUN && state.records < state.runs * SHORT_RUN) state.mixedCalls = MIXED_CALLS;
}

/** Visits the next record, whatever it is. @returns 1 when it is no sample, else 0 */
export function visitOne(
  cursor: RecordCursor,
  state: ScanState,
  sample: RecordVisitor,
  other: RecordVisitor,
): number {
  let others = 0;
  state.records = 0;
  try {
    const size = cursor.load(state.position, state.left);
    if (size === 0) {
      state.outcome = SCAN_FAULT;
      return 0;
    }
    state.position = (state.position + size) & (cursor.capacityBytes - 1);
    state.left -= size;
    state.records = 1;
    const { current } = cursor;
    current.late = false;
    const { record } = current;
    const isSample = current.type === PERF_RECORD_SAMPLE;
    if (!isSample) others = 1;
    const answer = isSample ? sample(record) : other(record);
    state.outcome = answer === STOP || cursor.closed ? SCAN_STOPPED : SCAN_LIMIT;
  } catch (error) {
    state.outcome = SCAN_THREW;
    state.thrown = error;
  }
  return others;
}
