import { createWriteStream, writeSync } from 'node:fs';
import type { ReadStream } from 'node:tty';

/**
 * Escape sequences of ECMA-48 and xterm.
 * @see https://invisible-island.net/xterm/ctlseqs/ctlseqs.html
 */
const ESCAPE = '\u001b[';
const ENTER_PAGE = `${ESCAPE}?1049h${ESCAPE}?25l`;
const LEAVE_PAGE = `${ESCAPE}?25h${ESCAPE}?1049l`;
const HOME = `${ESCAPE}H`;
const ERASE_TO_END_OF_LINE = `${ESCAPE}K`;
const ERASE_BELOW = `${ESCAPE}J`;

const CTRL_C = '\u0003';

/** What {@link TopScreen} tells. */
export interface ScreenListener {
  /** A key, as the terminal sends it; Ctrl-C is a key too, because the terminal is in raw mode. */
  key(key: string): void;
  resized(): void;
}

/**
 * A page on the terminal's second screen, drawn in place. What was on the terminal comes back at the end, also when the
 * process is ended by an error.
 */
export class TopScreen {
  readonly #listener: ScreenListener;
  readonly #stdin: ReadStream | undefined;
  /** Written by the thread pool: a slow terminal must not stop the reading of the rings. */
  readonly #stream = createWriteStream('', { fd: 1, autoClose: false });
  #isOpen = false;
  #isWriting = false;

  constructor(listener: ScreenListener) {
    this.#listener = listener;
    this.#stdin = process.stdin.isTTY ? process.stdin : undefined;
    // A terminal that has gone away sends SIGHUP, which ends the command.
    this.#stream.on('error', () => undefined);
  }

  /** Whether the terminal can send keys. */
  get hasKeys(): boolean {
    return this.#stdin !== undefined;
  }

  get columns(): number {
    return process.stdout.columns || 80;
  }

  get lines(): number {
    return process.stdout.rows || 24;
  }

  open(): void {
    this.#isOpen = true;
    process.on('exit', this.#restore);
    process.stdout.on('resize', this.#onResize);
    if (this.#stdin !== undefined) {
      this.#stdin.setRawMode(true);
      this.#stdin.setEncoding('utf8');
      this.#stdin.on('data', this.#onData);
    }
    this.#write(ENTER_PAGE);
  }

  /** Replaces the page. A page that the terminal is too slow for is left out: the next one shows newer counts. */
  draw(lines: readonly string[]): void {
    if (!this.#isOpen || this.#isWriting) return;
    const text = lines.map((line) => `${line}${ERASE_TO_END_OF_LINE}`).join('\r\n');
    this.#isWriting = true;
    this.#write(`${HOME}${text}${ERASE_BELOW}`, () => {
      this.#isWriting = false;
    });
  }

  /** Restores what was on the terminal. Resolves when the terminal has taken everything. Idempotent. */
  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#forget();
    await new Promise<void>((resolve) => this.#write(LEAVE_PAGE, () => resolve()));
  }

  #write(text: string, done?: () => void): void {
    this.#stream.write(text, () => done?.());
  }

  #forget(): void {
    process.off('exit', this.#restore);
    process.stdout.off('resize', this.#onResize);
    if (this.#stdin === undefined) return;
    this.#stdin.off('data', this.#onData);
    this.#stdin.setRawMode(false);
    this.#stdin.pause();
  }

  readonly #restore = (): void => {
    this.#forget();
    try {
      writeSync(1, LEAVE_PAGE);
    } catch {
      // The terminal has gone away.
    }
  };

  readonly #onResize = (): void => this.#listener.resized();

  /** Several keys may come at once. */
  readonly #onData = (text: string): void => {
    for (const key of text) this.#listener.key(key === CTRL_C ? 'ctrl-c' : key);
  };
}
