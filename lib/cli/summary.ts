import type { Accounts, CpuAccounts, ReaderStats } from '../index';
import { LARGEST_RING_BYTES } from './collect-settings';
import { formatBytes, formatCount, formatSize } from './quantities';
import type { Style } from './style';

/** A table of what came and what was lost on each CPU, and what to do about losses. */
export async function summaryText(stats: ReaderStats, style: Style): Promise<string> {
  const rows = stats.cpus.map((cpu) => [`${cpu.cpu}`, ...counts(cpu, style), peakFill(cpu)]);
  if (stats.cpus.length > 1) rows.push(['all', ...counts(stats.total, style), '']);
  const head = ['cpu', 'received', 'lost', 'bytes', 'peak ring fill'];
  const table = await plainTable(head, rows, style);
  return [table, ...notes(stats).map((note) => style.warn(note))].map((part) => `${part}\n`).join('');
}

function counts({ received, lost, bytes }: Accounts, style: Style): string[] {
  const lostText = formatCount(lost);
  return [formatCount(received), lost > 0 ? style.bad(lostText) : lostText, formatBytes(bytes)];
}

function peakFill({ highWaterBytes, capacityBytes }: CpuAccounts): string {
  const percent = Math.ceil((100 * highWaterBytes) / capacityBytes);
  return `${percent} % of ${formatBytes(capacityBytes)}`;
}

/** What the numbers ask for, a line each. */
export function notes(stats: ReaderStats): string[] {
  const tooSmall = stats.cpus.filter((cpu) => cpu.ringTooSmall);
  const losers = stats.cpus.filter((cpu) => cpu.lost > 0);
  const lines: string[] = [];
  if (tooSmall.length > 0) {
    const advised = Math.max(...tooSmall.map((cpu) => cpu.advisedBytes));
    lines.push(
      `samples came that do not fit even into an empty ring: use --buffer-bytes ${formatSize(advised)}`,
    );
  } else if (losers.length > 0) {
    lines.push(`${formatCount(stats.total.lost)} samples were lost: ${adviceFor(losers)}`);
  }
  const { late, corrupt, truncated } = stats.total;
  if (late > 0) lines.push(`${formatCount(late)} samples came later than their time: they are out of order`);
  if (truncated > 0) {
    lines.push(
      `${formatCount(truncated)} samples were larger than the 64 KiB a record can have, and were left out`,
    );
  }
  if (corrupt > 0) {
    lines.push(`${formatCount(corrupt)} times a ring held what no kernel writes, and was skipped to its end`);
  }
  return lines;
}

function adviceFor(losers: readonly CpuAccounts[]): string {
  const advised = Math.max(...losers.map((cpu) => cpu.advisedBytes));
  if (advised <= LARGEST_RING_BYTES) return `with --buffer-bytes ${formatSize(advised)} none would have been`;
  return 'they came faster than they were taken; sample less, or take --format raw, which costs least';
}

/** Loaded when it is needed, which is at the end: the first sample does not wait for it. */
async function plainTable(head: readonly string[], rows: readonly string[][], style: Style): Promise<string> {
  const { default: Table } = await import('cli-table3');
  const table = new Table({
    head: head.map((title) => style.bold(title)),
    colAligns: head.map(() => 'right' as const),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    chars: NO_LINES,
  });
  table.push(...rows.map((row) => [...row]));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
} as const;
