import type { RecordVisitor } from '../records/record';
import { type LoopCounts, noLoopCounts } from '../records/record-ring';
import { internalsOf, PerfRing } from '../ring/perf-ring';
import { SCAN_END, SCAN_LIMIT } from '../ring/record-scan';
import { LoopCache, LoopCopies } from '../ring/specialise';
import { Lane } from './lane';
import { type Merge, MergeState, mergeOf } from './merge';
import { type PairMerge, pairMergeOf } from './pair-merge';
import { Tournament } from './tournament';

/** Most records per call of a loop: a call must return before V8 can use newly compiled code for it. */
const CHUNK = 1024;
/** Records that the general merge takes when the loop for two rings can't go on, before that loop is tried again. */
const NOT_SIMPLE = 32;

const merges = new LoopCopies(mergeOf, (factory) => {
  const probe = new MergeState();
  probe.tournament = new Tournament(1);
  probe.tournament.lanes.push(emptyLane(0));
  probe.count = 1;
  // The ring is empty: the trial ends at its first header, which is a fault.
  factory(probe)(1, ignore, ignore);
});

const pairs = new LoopCopies(pairMergeOf, (factory) => {
  const probe = new MergeState();
  probe.count = 2;
  factory(probe, emptyLane(0), emptyLane(1), null)(1, ignore);
});

/** Number of records that a merge has delivered, by loop. */
export interface MergeLoopCounts {
  /** By the loop for two rings. */
  readonly pair: LoopCounts;
  /** By the loop for any number of rings; `single` counts records read by pop() or next(). */
  readonly tournament: LoopCounts;
}

/**
 * The merge loops: one for any number of rings, one for two rings. Each is shared by all visitors or copied for one.
 */
export class MergeLoops {
  readonly #merge: MergeState;
  readonly #lanes: readonly Lane[];
  #shared: Merge;
  #loops: LoopCache<Merge>;
  #pairs: LoopCache<PairMerge> | undefined;
  /** The visitor of the last visit in this batch: calls within one batch count as one call. */
  #ran: RecordVisitor | undefined;
  /** Records delivered, by loop. */
  readonly counts: MergeLoopCounts = { pair: noLoopCounts(), tournament: noLoopCounts() };

  /** @param lanes ordered by index; call {@link lanesChanged} after changing the array */
  constructor(merge: MergeState, lanes: readonly Lane[]) {
    this.#merge = merge;
    this.#lanes = lanes;
    [this.#shared, this.#loops] = this.#makeLoops();
  }

  /** Call it at the start of each batch. */
  begin(): void {
    this.#ran = undefined;
    if (this.#merge.tournament.most >= this.#lanes.length) return;
    this.#merge.tournament = new Tournament(this.#lanes.length);
    [this.#shared, this.#loops] = this.#makeLoops();
  }

  /** The tournament's nodes are constants in a loop, so a tournament of another size needs new loops. */
  #makeLoops(): [Merge, LoopCache<Merge>] {
    const merge = this.#merge;
    const shared = mergeOf(merge);
    const loops = new LoopCache(
      shared,
      (visitor) => merges.copyFor(visitor)?.(merge),
      this.counts.tournament,
    );
    return [shared, loops];
  }

  lanesChanged(): void {
    const merge = this.#merge;
    const [first, second, third] = this.#lanes;
    const areTwo = first !== undefined && second !== undefined && third === undefined;
    this.#pairs = areTwo
      ? new LoopCache(
          pairMergeOf(merge, first, second, null),
          (visitor) =>
            pairs.copyFor(visitor)?.(
              merge,
              first,
              second,
              typeof visitor === 'function' ? (visitor as RecordVisitor) : null,
            ),
          this.counts.pair,
        )
      : undefined;
  }

  /** Visits up to `limit` records; sets `records`, `late` and `outcome` of the merge. */
  run(limit: number, visitor: RecordVisitor, other: RecordVisitor): void {
    const merge = this.#merge;
    const loop = this.#loops.loopFor(visitor);
    const pair = this.#pairs?.loopFor(visitor);
    let records = 0;
    let byPair = 0;
    let late = 0;
    // Whether the loop for two rings has moved the lanes since the tournament was played.
    let moved = false;
    do {
      if (pair !== undefined) {
        pair(Math.min(limit - records, CHUNK), visitor);
        records += merge.records;
        byPair += merge.records;
        moved ||= merge.records > 0;
        if (merge.outcome === SCAN_LIMIT && records < limit) continue;
        if (moved) merge.tournament.play();
        moved = false;
        if (merge.outcome !== SCAN_END) break;
      }
      loop(Math.min(limit - records, pair === undefined ? CHUNK : NOT_SIMPLE), visitor, other);
      records += merge.records;
      late += merge.late;
    } while (merge.outcome === SCAN_LIMIT && records < limit);
    merge.records = records;
    merge.late = late;
    const goesOn = visitor === this.#ran;
    this.#ran = visitor;
    this.#loops.countRecords(visitor, records - byPair, goesOn);
    this.#pairs?.countRecords(visitor, byPair, goesOn);
  }

  /** Visits one record. */
  step(visitor: RecordVisitor): void {
    this.#shared(1, visitor, visitor);
    this.counts.tournament.single += this.#merge.records;
  }
}

function emptyLane(index: number): Lane {
  return new Lane(internalsOf(PerfRing.initContiguous(new ArrayBuffer(4096), 1, 2048)), index);
}

function ignore(): void {}
