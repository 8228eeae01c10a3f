import { CpuAccount, statsOf } from '../../lib/delivery/accounts';
import { type Labels, type Metric, metricsOf } from '../../lib/delivery/metrics';
import { noLoopCounts, RingCounters } from '../../lib/records/record-ring';

export const anySize = (): number => Number.POSITIVE_INFINITY;

/** The account of a CPU with samples of 64 bytes. */
export function accountOf(cpu: number, received: number): CpuAccount {
  const account = new CpuAccount(cpu, 4096);
  const ring = new RingCounters();
  ring.samples = received;
  ring.consumedBytes = received * 64 + 8;
  ring.skippedBytes = 8;
  ring.updateHighWater(640 * (cpu + 1));
  account.addRing(ring);
  account.lost = 3;
  return account;
}

/** The metrics of these accounts, as a PerfMapReader gives them. */
export function metricsOfAccounts(accounts: readonly CpuAccount[], labels: Labels = {}): Metric[] {
  const { cpus } = statsOf(accounts, anySize, noLoopCounts());
  return metricsOf(
    cpus.map((counts) => ({ labels: { cpu: String(counts.cpu) }, counts })),
    labels,
  );
}
