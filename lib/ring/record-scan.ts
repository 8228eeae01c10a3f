import { PERF_RECORD_SAMPLE } from '../abi/perf-event';
import { type RecordVisitor, STOP } from '../records/record';
import type { RecordCursor } from './record-cursor';

/** Why a scan ended. */
export const SCAN_END = 0;
export const SCAN_LIMIT = 1;
export const SCAN_STOPPED = 2;
export const SCAN_FAULT = 3;
export const SCAN_THREW = 4;

/** Position and counts of a scan. A loop reads and writes them once per call, not once per record. */
export class ScanState {
  /** Offset of the next record in the data area, bytes. */
  position = 0;
  /** Bytes left in the batch from `position` on. */
  left = 0;
  /** Records visited by this scan. */
  records = 0;
  /** How many of `records` are not samples. */
  others = 0;
  /** How many of `records` were visited one by one, outside the loops. */
  singles = 0;
  /** Runs of equal headers in the last call of the loop `equal`; 0 after a call of `mixed`. */
  runs = 0;
  /** Number of next calls that go to the loop `mixed` before `equal` is tried again. */
  mixedCalls = 0;
  outcome = SCAN_END;
  /** What the visitor threw (SCAN_THREW). The record it was called with counts as visited. */
  thrown: unknown = undefined;
}

/**
 * Visits samples in place, oldest first, from `state.position` on, until the end of the data area or a record that it
 * can't take ({@link visitOne} takes it). It sets the outcome SCAN_LIMIT, SCAN_STOPPED or SCAN_THREW.
 * @param limit most records to visit
 */
export type SampleLoop = (state: ScanState, limit: number, sample: RecordVisitor) => void;

/** The two hot loops of the library. {@link scanAll} chooses between them. */
export interface SampleLoops {
  /** For runs of samples with equal headers: compares each header with the one before. */
  readonly equal: SampleLoop;
  /** For samples whose sizes change: checks each header. */
  readonly mixed: SampleLoop;
}

/**
 * Makes the hot loops for one ring. lib/ring/specialise.ts copies this function's source, so it uses nothing from
 * outside. In a copy made for one ring, the ring's memory and offsets are constants to V8.
 *
 * Calls are short, so that V8 compiles the whole loop and does not replace it in the middle of a call, where it knows
 * less. Rare cases are handled outside the loops: if a loop contained another call, or the wrap at the ring's end, V8
 * would load the constants anew for each record.
 *
 * @param own the only visitor of these loops, which V8 inlines without a check; null when each call of a loop passes
 *   its visitor
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
   * RecordCursor.loadStraight checks the first header of a run. Later headers are only compared with it: type, misc and
   * size as one 64-bit word, and raw_size; or, with `oneWordTells`, misc, size and raw_size as one word. The next
   * position is computed in a register, so the processor need not load one header to find the next. (A C loop over the
   * same ring waits for that load.) Two headers are compared before their records are visited, so that two cache lines
   * load at once.
   */
  const equal: SampleLoop = (state, limit, sample) => {
    let position = state.position | 0;
    // `end` may exceed the capacity. `edge` is the end of the part that does not wrap.
    const end = (position + state.left) | 0;
    const edge = Math.min(end, capacity) | 0;
    let records = 0;
    let runs = 0;
    let outcome = 1;
    // The run begins at `runStart`, with a record every `size` bytes. Its record count is computed by division.
    let runStart = position;
    let size = 8;
    cursor.late = false;
    try {
      while (position < edge && records < limit && runs < 32) {
        const loaded = cursor.loadStraight(position, (end - position) | 0) | 0;
        // Not a sample, a sample that wraps or has no fixed payload offset, or a corrupt header.
        if (loaded === 0) break;
        size = loaded;
        runs = (runs + 1) | 0;
        // `last`: highest position at which one more record of the run may begin; `lastOfTwo`: at which two may.
        const last = Math.min(edge - size, position + (limit - records - 1) * size) | 0;
        const lastOfTwo = (last - size) | 0;
        const header = oneWordTells
          ? view.getFloat64(position + 4, true)
          : (doubles[position >> 3] as number);
        const raw = cursor.size | 0;
        // Headers before this position have been compared.
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
   * Checks each header in full with a single branch, which is not taken while samples follow each other. A branch that
   * depends on sizes would be mispredicted, at 5 to 7 ns each time. So every condition is a word that must be 0, and
   * the words are combined with OR.
   */
  const mixed: SampleLoop = (state, limit, sample) => {
    let position = state.position | 0;
    const end = (position + state.left) | 0;
    const edge = Math.min(end, capacity) | 0;
    // A record is visited only if the next one begins at or before `last`. Then the next header does not wrap, and even
    // the shortest records do not exceed the limit.
    const last = Math.min(edge - leastBytes, position + (limit - 1) * leastBytes) | 0;
    let records = 0;
    let outcome = 1;
    cursor.late = false;
    try {
      if (position < edge && cursor.loadStraight(position, (end - position) | 0) !== 0) {
        // Bytes of a record outside its payload; equal in all records that this loop takes.
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

/** Most records per call of `equal`: a call must return before V8 can use newly compiled code for it. */
const EQUAL_CHUNK = 1024;
/** The same for `mixed`, in records of the least size: that loop measures its limit in bytes. */
const MIXED_CHUNK = 4096;

/** Runs shorter than this, in records, cost more than checking each header. */
const SHORT_RUN = 9;
/** Number of calls of `mixed` after a call of `equal` that met short runs. */
const MIXED_CALLS = 32;

/**
 * Visits up to `limit` records: samples in the loops, and one by one the records that the loops can't take.
 * What a visitor throws is stored in `state.thrown`; the record that it was called with counts as visited.
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
      // A loop that visited nothing can't take the next record.
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

/** Calls the loop that suits the records seen before. */
function runLoop(loops: SampleLoops, state: ScanState, limit: number, sample: RecordVisitor): void {
  if (state.mixedCalls > 0) {
    state.mixedCalls--;
    loops.mixed(state, Math.min(limit, MIXED_CHUNK), sample);
    return;
  }
  loops.equal(state, Math.min(limit, EQUAL_CHUNK), sample);
  if (state.runs >= SHORT_RUN && state.records < state.runs * SHORT_RUN) state.mixedCalls = MIXED_CALLS;
}

/** Visits the next record, of any type. @returns 1 when it is not a sample, else 0 */
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
