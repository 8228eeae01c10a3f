import type { CollectionStats, RingAccounts, ShownAccounts } from './collection-stats';
import { formatBytes, formatCount, formatSize } from './quantities';
import type { Style } from './style';

/** A table of received and lost samples for each CPU, and what to do about losses. */
export async function summaryText(stats: CollectionStats, style: Style): Promise<string> {
  const rows = stats.cpus.map((cpu) => [
    cpu.cpu < 0 ? 'all' : `${cpu.cpu}`,
    ...counts(cpu, style),
    peakFill(cpu),
  ]);
  if (stats.cpus.length > 1) rows.push(['all', ...counts(stats.total, style), '']);
  const head = ['cpu', 'received', 'lost', 'bytes', 'peak ring fill'];
  const table = await plainTable(head, rows, style);
  return [table, ...notes(stats).map((note) => style.warn(note))].map((part) => `${part}\n`).join('');
}

function counts({ received, lost, bytes }: ShownAccounts, style: Style): string[] {
  if (lost === undefined) return [formatCount(received), 'unknown', formatBytes(bytes)];
  const lostText = formatCount(lost);
  return [formatCount(received), lost > 0 ? style.bad(lostText) : lostText, formatBytes(bytes)];
}

function peakFill({ highWaterBytes, capacityBytes }: RingAccounts): string {
  const percent = Math.ceil((100 * highWaterBytes) / capacityBytes);
  return `${percent} % of ${formatBytes(capacityBytes)}`;
}

/** Advice for the user that follows from the counts, one line each. */
export function notes(stats: CollectionStats): string[] {
  const losers = stats.cpus.filter(({ lost = 0 }) => lost > 0);
  return [
    ...sizeNotes(losers.filter((cpu) => cpu.ringTooSmall)),
    ...lossNotes(losers.filter((cpu) => !cpu.ringTooSmall)),
    ...otherNotes(stats.total),
  ];
}

function sizeNotes(tooSmall: readonly RingAccounts[]): string[] {
  const [first] = tooSmall;
  if (first === undefined) return [];
  const advised = advisedBytes(tooSmall);
  const advice = advised > 0 ? `use --buffer-bytes ${formatSize(advised)}` : NO_SIZE;
  return [`samples larger than half a ring of ${formatSize(first.capacityBytes)} were lost: ${advice}`];
}

function lossNotes(losers: readonly RingAccounts[]): string[] {
  if (losers.length === 0) return [];
  const lost = losers.reduce((sum, { lost = 0 }) => sum + lost, 0);
  const advised = advisedBytes(losers);
  const advice = advised > 0 ? `--buffer-bytes ${formatSize(advised)} would have avoided it` : NO_SIZE;
  return [`${formatCount(lost)} samples were lost from full rings: ${advice}`, FASTER];
}

const NO_SIZE = 'no possible ring size would have avoided it';

const FASTER =
  'also helpful: --order cpu and --format raw need less time for each sample; --cpus, --pid and --syscall select fewer samples';

/** The ring size with which none of these CPUs would have lost samples; 0 when that size is not possible. */
function advisedBytes(losers: readonly RingAccounts[]): number {
  const advised = losers.map((cpu) => cpu.advisedBytes);
  return advised.includes(0) ? 0 : Math.max(...advised);
}

function otherNotes({ late, corrupt, truncated }: ShownAccounts): string[] {
  const lines: string[] = [];
  if (late > 0) lines.push(`${formatCount(late)} samples came too late to be in time order`);
  if (truncated > 0) {
    lines.push(
      `${formatCount(truncated)} samples were larger than 64 KiB, the limit for a record, and were skipped`,
    );
  }
  if (corrupt > 0) {
    lines.push(
      `${formatCount(corrupt)} times a ring contained an invalid record, and its unread content was skipped`,
    );
  }
  return lines;
}

/** Formats the table. cli-table3 is loaded only here, at the end, so that it does not delay the first sample. */
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
