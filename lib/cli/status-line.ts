import type { CollectionStats, ShownAccounts } from './collection-stats';
import { formatBytes, formatCount, formatRate } from './quantities';

/** The terminal that shows the status line. */
export interface StatusTerminal {
  /** 0 or undefined when unknown. */
  readonly columns?: number;
  write(text: string): unknown;
}

const REDRAW_MILLISECONDS = 250;
const ERASE_LINE = '\r\u001b[2K';

/**
 * Shows rate, bytes and losses, in total and for each CPU, on one line of a terminal. It is redrawn four times a
 * second.
 */
export class StatusLine {
  readonly #terminal: StatusTerminal;
  readonly #stats: () => CollectionStats;
  #timer: NodeJS.Timeout | undefined;
  #text = '';
  #shown = false;
  /** The time and the counts at the last redraw. CPUs can be added or removed in between. */
  #before: { readonly at: number; readonly stats: CollectionStats | undefined } = { at: 0, stats: undefined };

  constructor(terminal: StatusTerminal, stats: () => CollectionStats) {
    this.#terminal = terminal;
    this.#stats = stats;
  }

  start(): void {
    this.#before = { at: performance.now(), stats: undefined };
    this.#timer = setInterval(() => this.#update(), REDRAW_MILLISECONDS);
    // The status line does not keep the process alive.
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.erase();
    this.#text = '';
  }

  /** Call it before something else is written to the same terminal. */
  erase(): void {
    if (this.#shown) this.#terminal.write(ERASE_LINE);
    this.#shown = false;
  }

  /** Call it after something else was written to the same terminal. */
  restore(): void {
    if (this.#text === '') return;
    this.#terminal.write(`${ERASE_LINE}${this.#text}`);
    this.#shown = true;
  }

  #update(): void {
    const now = performance.now();
    const stats = this.#stats();
    const rates = ratesBetween(this.#before.stats, stats, (now - this.#before.at) / 1000);
    this.#before = { at: now, stats };
    // The text is cut to the terminal's width, because a line that wraps can't be erased.
    this.#text = statusText(stats, rates, Math.max(0, (this.#terminal.columns || 80) - 1));
    this.restore();
  }
}

interface Rate {
  readonly samplesPerSecond: number;
  readonly bytesPerSecond: number;
}

/** Samples and bytes for each second: in total, and for each CPU in the order of {@link CollectionStats.cpus}. */
export interface Rates {
  readonly total: Rate;
  readonly cpus: readonly (Rate & { readonly cpu: number })[];
}

/** @param before undefined at the first redraw: then `now` is compared with zero */
export function ratesBetween(
  before: CollectionStats | undefined,
  now: CollectionStats,
  seconds: number,
): Rates {
  const rate = (then: ShownAccounts | undefined, account: ShownAccounts): Rate => ({
    samplesPerSecond: (account.received - (then?.received ?? 0)) / seconds,
    bytesPerSecond: (account.bytes - (then?.bytes ?? 0)) / seconds,
  });
  const earlier = new Map(before?.cpus.map((account) => [account.cpu, account]));
  return {
    total: rate(before?.total, now.total),
    cpus: now.cpus.map((account) => ({ cpu: account.cpu, ...rate(earlier.get(account.cpu), account) })),
  };
}

/**
 * `1.23 k samples/s, 98 KiB/s, 12,345 in total, lost 34 (cpu 0: 30, cpu 3: 4) | cpu 0: 930/s, 74 KiB/s | …`. Losses
 * come before the CPUs, because a narrow terminal does not show the whole line.
 * @param columns the width that the line is cut to. If not all CPUs fit, the busiest are shown
 */
export function statusText(stats: CollectionStats, rates: Rates, columns: number): string {
  const { received, lost } = stats.total;
  const losers = stats.cpus.filter((cpu) => (cpu.lost ?? 0) > 0);
  const perCpu = losers
    .map(({ cpu, lost: lostThere = 0 }) => `cpu ${cpu}: ${formatCount(lostThere)}`)
    .join(', ');
  const head = [
    `${formatRate(rates.total.samplesPerSecond)} samples/s`,
    `${formatBytes(rates.total.bytesPerSecond)}/s`,
    `${formatCount(received)} in total`,
    lost === undefined
      ? 'losses unknown'
      : lost === 0
        ? 'none lost'
        : `lost ${formatCount(lost)} (${perCpu})`,
  ].join(', ');
  return `${head}${cpuParts(rates, columns - head.length)}`.slice(0, columns);
}

/** ` | cpu 0: 930/s, 74 KiB/s | cpu 1: 310/s, 24 KiB/s`, cut to `columns`. Empty when there is only one CPU. */
function cpuParts({ cpus }: Rates, columns: number): string {
  if (cpus.length < 2) return '';
  const parts = cpus.map(({ cpu, samplesPerSecond, bytesPerSecond }) => ({
    samplesPerSecond,
    text: ` | cpu ${cpu}: ${formatRate(samplesPerSecond)}/s, ${formatBytes(bytesPerSecond)}/s`,
  }));
  const all = parts.map(({ text }) => text).join('');
  if (all.length <= columns) return all;
  parts.sort((one, other) => other.samplesPerSecond - one.samplesPerSecond);
  const more = ' | …';
  let shown = '';
  for (const { text } of parts) {
    if (shown.length + text.length + more.length > columns) break;
    shown += text;
  }
  return `${shown}${more}`;
}
