import { PerfRingError } from '../errors';
import { shown } from '../input/shown';
import { biased, GREATEST_WORD, type Lane } from './lane';
import type { MergeState } from './merge';

/** A time that is ahead of the clock by more than this, and by more than the slack, is not of that clock. */
const FUTURE_NANOSECONDS = 1e7;
const TWO_POW_32 = 4_294_967_296;
/** While every ring is emptier than 1/8, the slack is whole; from half full on there is none. */
const SHRINKS_FROM = 1 / 8;
const SHRINKS_TO = 1 / 2;

/** The latest time, in biased words. */
const GREATEST: readonly [high: number, low: number] = [GREATEST_WORD, GREATEST_WORD];

/** How long records wait for earlier ones of other rings. */
export interface OrderRules {
  /** By how much a ring without new records delays the other rings. */
  readonly slackNanoseconds: number;
  /** False for recordings: nothing is added to the rings. */
  readonly live: boolean;
  /** Returns nanoseconds of the clock that the records' times come from. */
  readonly clock: () => number;
  /**
   * Returns the CPU that the thread runs on, for rings that only programs on their CPU write to, and whose records get
   * their time while they are written. While this thread runs on a CPU, no record of that CPU is being written: its ring
   * delays the other rings by nothing.
   */
  readonly currentCpu?: () => number;
  /** Whether the slack shrinks while a ring fills, so that no ring overflows because records are held back. */
  readonly shrinks?: boolean;
}

/** Sets the times that limit a batch in time order: see {@link OrderRules}. */
export class OrderClock {
  #rules: OrderRules;
  #now = 0;
  /** The CPU whose ring delays no other in this batch. */
  #cpu: number | undefined;
  /** The least limits of this batch, in biased words: of the ring of that CPU, and of the other rings. */
  #ownLimit = GREATEST;
  #limit = GREATEST;

  constructor(rules: OrderRules) {
    this.#rules = rules;
  }

  /** From now on nothing is added to the rings. */
  endOfWriting(): void {
    this.#rules = { ...this.#rules, live: false };
  }

  /**
   * Call it before the heads are acquired. The clock is read first: when the thread is on a CPU after that, every record
   * of this CPU with an earlier time has been written.
   * @throws PerfRingError ERR_PERF_INVALID_OPTION
   */
  read(): void {
    const { live, currentCpu } = this.#rules;
    if (!live) return;
    this.#now = this.#readClock();
    const cpu = currentCpu?.() ?? -1;
    this.#cpu = cpu >= 0 ? cpu : undefined;
  }

  /**
   * Call it after the heads are acquired: sets the least limit of the lanes, and the time from which on a record's time
   * is not of this clock.
   * @param lanes the rings in which the batch was begun
   * @param fullest how full the fullest of them is, 0 to 1
   */
  setLimits(merge: MergeState, lanes: readonly Lane[], fullest: number): void {
    const { live, slackNanoseconds } = this.#rules;
    // Everything published was written before this, however long this thread was paused.
    const future = live
      ? words(this.#readClock() + Math.max(slackNanoseconds, FUTURE_NANOSECONDS))
      : GREATEST;
    [merge.futureHigh, merge.futureLow] = future;
    // Nothing is added to a recording: a ring that has run out does not limit the others.
    this.#limit = live ? words(this.#now - this.#slack(fullest)) : GREATEST;
    this.#ownLimit = live ? words(this.#now) : GREATEST;
    for (const lane of lanes) this.setLeastLimit(lane);
  }

  /** Sets the limit that the ring has in this batch when it has run out, unless its newest record is later. */
  setLeastLimit(lane: Lane): void {
    [lane.quietHigh, lane.quietLow] = lane.ring.cpu === this.#cpu ? this.#ownLimit : this.#limit;
  }

  /** Whether this is a time that no ring's limit is below. */
  isLeastLimit(high: number, low: number): boolean {
    return high === this.#limit[0] && low === this.#limit[1];
  }

  #slack(fullest: number): number {
    const { slackNanoseconds, shrinks = false } = this.#rules;
    if (!shrinks || fullest <= SHRINKS_FROM) return slackNanoseconds;
    return slackNanoseconds * Math.max(0, (SHRINKS_TO - fullest) / (SHRINKS_TO - SHRINKS_FROM));
  }

  #readClock(): number {
    const { clock } = this.#rules;
    const now: unknown = clock();
    if (typeof now === 'number' && now >= 0 && now < Number.POSITIVE_INFINITY) return now;
    const remedy = typeof now === 'bigint' ? ': convert it with Number()' : '';
    throw new PerfRingError(
      'ERR_PERF_INVALID_OPTION',
      `clock must return nanoseconds, a finite number of 0 or more, got ${shown(now)}${remedy}`,
    );
  }
}

/** The two biased words of a time in nanoseconds. Values of 2^64 or more give the greatest time. */
function words(nanoseconds: number): [high: number, low: number] {
  const value = Math.max(0, nanoseconds);
  if (value >= TWO_POW_32 * TWO_POW_32) return [GREATEST_WORD, GREATEST_WORD];
  const high = Math.floor(value / TWO_POW_32);
  return [biased(high), biased(value - high * TWO_POW_32)];
}
