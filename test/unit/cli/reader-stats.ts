import type { CpuAccounts, ReaderStats } from '../../../lib/index';

const NOTHING: CpuAccounts = {
  cpu: 0,
  received: 0,
  bytes: 0,
  lost: 0,
  lostOthers: 0,
  late: 0,
  corrupt: 0,
  truncated: 0,
  wakeups: 0,
  swaps: 0,
  highWaterBytes: 0,
  capacityBytes: 262_144,
  ringTooSmall: false,
  advisedBytes: 0,
};

/** Stats of a reader whose CPUs have these counts. All others are 0. */
export function statsWith(given: readonly Partial<CpuAccounts>[]): ReaderStats {
  const cpus = given.map((one, index) => ({ ...NOTHING, cpu: index, ...one }));
  const sum = (name: 'received' | 'bytes' | 'lost' | 'late' | 'corrupt' | 'truncated'): number =>
    cpus.reduce((total, cpu) => total + cpu[name], 0);
  return {
    total: {
      ...NOTHING,
      received: sum('received'),
      bytes: sum('bytes'),
      lost: sum('lost'),
      late: sum('late'),
      corrupt: sum('corrupt'),
      truncated: sum('truncated'),
    },
    cpus,
    loops: { own: 0, shared: 0, single: 0 },
  };
}
