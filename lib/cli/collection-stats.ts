import type { Accounts, CpuAccounts, RingBufferStats } from '../index';

/** The counts that status line and summary show: of a ring, or of all together. */
export type ShownAccounts = Omit<Accounts, 'lost'> & {
  /** Undefined when nobody counts it. */
  readonly lost: number | undefined;
};

/** The counts of one ring. */
export type RingAccounts = Omit<CpuAccounts, 'lost'> & {
  /** -1 for a ring of all CPUs. */
  readonly cpu: number;
  readonly lost: number | undefined;
};

/** The counts of a reader. ReaderStats is one. */
export interface CollectionStats {
  readonly total: ShownAccounts;
  readonly cpus: readonly RingAccounts[];
}

/** The counts of a ring buffer map, in the form of those of a perf event array. */
export function ringBufferStats(stats: RingBufferStats): CollectionStats {
  const { received, bytes, lost, corrupt, wakeups, switches, highWaterBytes, capacityBytes } = stats;
  const total = {
    ...{ received, bytes, lost, corrupt, wakeups, highWaterBytes },
    ...{ swaps: switches, lostOthers: 0, late: 0, truncated: 0 },
  };
  return { total, cpus: [{ ...total, cpu: -1, capacityBytes, ringTooSmall: false, advisedBytes: 0 }] };
}
