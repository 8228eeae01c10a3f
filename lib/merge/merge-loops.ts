import type { RecordVisitor } from '../records/record';
import { type LoopCounts, noLoopCounts } from '../records/record-ring';
import { internalsOf, PerfRing } from '../ring/perf-ring';
import { SCAN_END, SCAN_LIMIT } from '../ring/record-scan';
import { LoopCache, LoopCopies } from '../ring/specialise';
import { Lane } from './lane';
import { type Merge, MergeState, mergeOf } from './merge';
import { type PairMerge, pairMergeOf } from './pair-merge';
import { Tournament } from './tournament';

/** Records a call of a loop, as those of a scan in PerfRing. */
const CHUNK = 1024;
/** Records that the merge takes where two rings are not simple, before the pair is tried again. */
const NOT_SIMPLE = 32;

const merges = new LoopCopies(mergeOf, (factory) => {
  const probe = new MergeState();
  probe.tournament = new Tournament([emptyLane(0)]);
  probe.count = 1;
  // An empty ring: its first header is a fault, and everything before that has been tried.
  factory(probe)(1, nobody, nobody);
});

const pairs = new LoopCopies(pairMergeOf, (factory) => {
  const probe = new MergeState();
  probe.count = 2;
  factory(probe, emptyLane(0), emptyLane(1), null)(1, nobody);
});

/** Records that a merge has delivered, by what delivered them. */
export interface MergeLoopCounts {
  /** By the loop for two rings. */
  readonly pair: LoopCounts;
  /** By the loop for any number of rings; `single` are those that were popped or iterated. */
  readonly tournament: LoopCounts;
}

/** The loops that merge: for any number of rings, and for two; shared, or a copy that a visitor has earned. */
export class MergeLoops {
  readonly #merge: MergeState;
  readonly #lanes: readonly Lane[];
  #shared: Merge;
  #loops: LoopCache<Merge>;
  #pairs: LoopCache<PairMerge> | undefined;
  /** The visitor of the last visit in this batch, see ReadSide. */
  #ran: RecordVisitor | undefined;
  /** Records delivered, by loop. */
  readonly counts: MergeLoopCounts = { pair: noLoopCounts(), tournament: noLoopCounts() };

  /** @param lanes by index; tell {@link lanesChanged} */
  constructor(merge: MergeState, lanes: readonly Lane[]) {
    this.#merge = merge;
    this.#lanes = lanes;
    [this.#shared, this.#loops] = this.#makeLoops();
  }

  /** A batch begins. */
  begin(): void {
    this.#ran = undefined;
    if (this.#merge.tournament.fits(this.#lanes)) return;
    this.#merge.tournament = new Tournament(this.#lanes);
    [this.#shared, this.#loops] = this.#makeLoops();
  }

  /** Its nodes are constants to a loop: a tournament of another size needs new ones. */
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

  /** Visits up to `limit` records; the merge then tells how many, how many of them late, and how it ended. */
  run(limit: number, visitor: RecordVisitor, other: RecordVisitor): void {
    const merge = this.#merge;
    const loop = this.#loops.loopFor(visitor);
    const pair = this.#pairs?.loopFor(visitor);
    let records = 0;
    let byPair = 0;
    let late = 0;
    // Whether a pair's loop has moved lanes that the tournament has not seen.
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

function nobody(): void {}
