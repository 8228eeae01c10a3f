import { GREATEST_WORD, type Lane, LEAST_WORD } from './lane';

/** The least power of 4 that has a leaf for each lane, and 4 at the least. */
function leavesFor(lanes: number): number {
  let leaves = 4;
  while (leaves < lanes) leaves *= 4;
  return leaves;
}

/**
 * Which lane's record comes first: a tree of losers. Each node keeps who lost there, so a lane whose time has changed
 * plays log2(lanes) matches on the way from its leaf up, against opponents that are known beforehand, and what remains
 * is the winner.
 *
 * A match compares keys of 31 bits, the low bits of a time in the tournament's epoch, two seconds of nanoseconds: so it
 * is a subtraction, whose sign chooses without a branch that could be mispredicted. Times out of the epoch share the
 * least key, or the greatest, `far`. Equal keys say nothing: then the lanes themselves are compared, and the order is
 * exact over 64 bits. A match of lib/merge/merge.ts is the same as here, in line.
 */
export class Tournament {
  /** By node, from 1 at the root on, the loser's key and the loser's index; node 0 has the winner's. */
  readonly nodes: Int32Array;
  readonly leaves: number;
  /** Key of a time after the epoch. Lanes that have run out have greater keys yet, and no two the same. */
  readonly far: number;
  /** A time in the epoch: its times have the same high word, and the same highest bit of the low word. */
  epochHigh = LEAST_WORD;
  epochLow = LEAST_WORD;
  /** Of {@link play}: the winner's index by node, the leaves' nodes after the others; keys by lane. */
  readonly #winners: Int32Array;
  readonly #keys: Int32Array;

  constructor(readonly lanes: readonly Lane[]) {
    this.leaves = leavesFor(lanes.length);
    this.far = GREATEST_WORD - this.leaves;
    this.nodes = new Int32Array(2 * this.leaves);
    this.#winners = new Int32Array(2 * this.leaves);
    this.#keys = new Int32Array(this.leaves);
  }

  /** Whether it is these lanes', and has the leaves for as many. */
  fits(lanes: readonly Lane[]): boolean {
    return lanes === this.lanes && leavesFor(lanes.length) === this.leaves;
  }

  /** 0 before the epoch, `far` after it. */
  keyOf(high: number, low: number): number {
    if (high === this.epochHigh && (low ^ this.epochLow) >= 0) {
      const key = low & GREATEST_WORD;
      return key < this.far ? key : this.far;
    }
    return high < this.epochHigh || (high === this.epochHigh && low < this.epochLow) ? 0 : this.far;
  }

  /** The lane that comes first, of those that wait. Undefined before there was a tournament. */
  get first(): Lane | undefined {
    return this.lanes[this.nodes[1] as number];
  }

  /** Plays all matches anew, in the epoch of the first of the lanes that wait. */
  play(): void {
    const { lanes, leaves, nodes } = this;
    const winners = this.#winners;
    const keys = this.#keys;
    let first: Lane | undefined;
    for (const lane of lanes) {
      if (lane.position < lane.end && (first === undefined || lane.isBefore(first))) first = lane;
    }
    if (first !== undefined) [this.epochHigh, this.epochLow] = [first.high, first.low];
    for (let leaf = 0; leaf < leaves; leaf++) {
      const lane = lanes[leaf];
      const waits = lane !== undefined && lane.position < lane.end;
      keys[leaf] = waits ? this.keyOf(lane.high, lane.low) : GREATEST_WORD - leaf;
      winners[leaves + leaf] = leaf;
    }
    for (let node = leaves - 1; node > 0; node--) {
      const left = winners[2 * node] as number;
      const right = winners[2 * node + 1] as number;
      const leftKey = keys[left] as number;
      const rightKey = keys[right] as number;
      const leftWins =
        leftKey === rightKey ? (lanes[left] as Lane).isBefore(lanes[right] as Lane) : leftKey < rightKey;
      winners[node] = leftWins ? left : right;
      nodes[2 * node] = leftWins ? rightKey : leftKey;
      nodes[2 * node + 1] = leftWins ? right : left;
    }
    const winner = winners[1] as number;
    nodes[0] = keys[winner] as number;
    nodes[1] = winner;
  }
}
