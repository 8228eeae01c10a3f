import { GREATEST_WORD, type Lane, LEAST_WORD } from './lane';

/** Number of leaves: the least power of 4 that has one for each lane, at least 4. */
function leavesFor(lanes: number): number {
  let leaves = 4;
  while (leaves < lanes) leaves *= 4;
  return leaves;
}

/**
 * Finds the lane whose record comes first: a tree of losers. Each node stores the lane that lost the match there. So a
 * lane whose time has changed plays log2(leaves) matches on the path from its leaf to the root, against opponents known
 * in advance; the last winner comes first.
 *
 * A match compares keys of 31 bits: the low bits of a time within the tournament's epoch, which is 2^31 ns (2.1 s)
 * long. It is a subtraction whose sign chooses the winner, without a branch that could be mispredicted. Times before
 * the epoch have key 0, times after it have the key `far`. When keys are equal, the full times of the lanes are
 * compared, so the order is exact. lib/merge/merge.ts contains the same match, written inline.
 */
export class Tournament {
  /** The lanes that play, by index. Nodes store positions in this list. Play again after changing it. */
  readonly lanes: Lane[] = [];
  /** Key and lane of the loser, two words for each node, the root being node 1; node 0 stores the winner. */
  readonly nodes: Int32Array;
  /** Leaves of the tree that is played; it grows with the number of lanes that play, up to {@link most}. */
  leaves = 4;
  /** Key of times after the epoch. Lanes that have run out have greater keys, each a different one. */
  readonly far: number;
  /** A time in the epoch. All times of the epoch have its high word and the highest bit of its low word. */
  epochHigh = LEAST_WORD;
  epochLow = LEAST_WORD;
  /** Scratch memory of {@link play}: the winner by node (leaves after inner nodes), and the keys by leaf. */
  readonly #winners: Int32Array;
  readonly #keys: Int32Array;

  /** @param most number of lanes that may play at one time */
  constructor(readonly most: number) {
    const leaves = leavesFor(most);
    this.far = GREATEST_WORD - leaves;
    this.nodes = new Int32Array(2 * leaves);
    this.#winners = new Int32Array(2 * leaves);
    this.#keys = new Int32Array(leaves);
  }

  /** Key of a biased time: 0 before the epoch, `far` after it. */
  keyOf(high: number, low: number): number {
    if (high === this.epochHigh && (low ^ this.epochLow) >= 0) {
      const key = low & GREATEST_WORD;
      return key < this.far ? key : this.far;
    }
    return high < this.epochHigh || (high === this.epochHigh && low < this.epochLow) ? 0 : this.far;
  }

  /** The lane that comes first; valid while a lane waits. */
  get first(): Lane | undefined {
    return this.lanes[this.nodes[1] as number];
  }

  /** Plays all matches again, in the epoch of the earliest time of the waiting lanes. */
  play(): void {
    this.leaves = leavesFor(this.lanes.length);
    const { leaves, nodes } = this;
    const winners = this.#winners;
    const keys = this.#keys;
    let first: Lane | undefined;
    for (const lane of this.lanes) {
      if (lane.position < lane.end && (first === undefined || lane.isBefore(first))) first = lane;
    }
    if (first !== undefined) [this.epochHigh, this.epochLow] = [first.high, first.low];
    for (let leaf = 0; leaf < leaves; leaf++) {
      const lane = this.lanes[leaf];
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
        leftKey === rightKey
          ? (this.lanes[left] as Lane).isBefore(this.lanes[right] as Lane)
          : leftKey < rightKey;
      winners[node] = leftWins ? left : right;
      nodes[2 * node] = leftWins ? rightKey : leftKey;
      nodes[2 * node + 1] = leftWins ? right : left;
    }
    const winner = winners[1] as number;
    nodes[0] = keys[winner] as number;
    nodes[1] = winner;
  }
}
