import type { ReaderStats } from '../index';
import { formatBytes, formatCount, formatRate } from './quantities';

/** A terminal for one line at its lower end. */
export interface StatusTerminal {
  /** 0 where it does not know. */
  readonly columns?: number;
  write(text: string): unknown;
}

const REDRAW_MILLISECONDS = 250;
const ERASE_LINE = '\r\u001b[2K';

/** Rate, bytes and losses, on one line of a terminal, which redraws itself four times a second. */
export class StatusLine {
  readonly #terminal: StatusTerminal;
  readonly #stats: () => ReaderStats;
  #timer: NodeJS.Timeout | undefined;
  #text = '';
  #shown = false;
  #before = { at: 0, received: 0, bytes: 0 };

  constructor(terminal: StatusTerminal, stats: () => ReaderStats) {
    this.#terminal = terminal;
    this.#stats = stats;
  }

  start(): void {
    this.#before = { at: performance.now(), received: 0, bytes: 0 };
    this.#timer = setInterval(() => this.#update(), REDRAW_MILLISECONDS);
    // It shows what goes on; it is no reason to go on.
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.erase();
    this.#text = '';
  }

  /** Before something else is written to the same terminal. */
  erase(): void {
    if (this.#shown) this.#terminal.write(ERASE_LINE);
    this.#shown = false;
  }

  /** After that. */
  restore(): void {
    if (this.#text === '') return;
    this.#terminal.write(`${ERASE_LINE}${this.#text}`);
    this.#shown = true;
  }

  #update(): void {
    const now = performance.now();
    const stats = this.#stats();
    const seconds = (now - this.#before.at) / 1000;
    const { received, bytes } = stats.total;
    const line = statusText(
      stats,
      (received - this.#before.received) / seconds,
      (bytes - this.#before.bytes) / seconds,
    );
    this.#before = { at: now, received, bytes };
    // A line that wraps could not be erased.
    this.#text = line.slice(0, Math.max(0, (this.#terminal.columns || 80) - 1));
    this.restore();
  }
}

/** `1.23 k samples/s, 98 KiB/s, 12,345 in all, lost 34 (cpu 0: 30, cpu 3: 4)` */
export function statusText(stats: ReaderStats, samplesPerSecond: number, bytesPerSecond: number): string {
  const { received, lost } = stats.total;
  const losers = stats.cpus.filter((cpu) => cpu.lost > 0);
  const perCpu = losers.map(({ cpu, lost: lostThere }) => `cpu ${cpu}: ${formatCount(lostThere)}`).join(', ');
  return [
    `${formatRate(samplesPerSecond)} samples/s`,
    `${formatBytes(bytesPerSecond)}/s`,
    `${formatCount(received)} in all`,
    lost === 0 ? 'none lost' : `lost ${formatCount(lost)} (${perCpu})`,
  ].join(', ');
}
