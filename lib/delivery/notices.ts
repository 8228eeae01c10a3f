import { throwLater } from '../input/throw-later';

/**
 * Calls a reader's listeners: the option `onLoss`, diagnostics channels, warnings. They are called when no method of
 * the reader is running, so that they may call any method, including close().
 */
export class Notices {
  #waiting: (() => void)[] = [];
  #running = 0;
  #telling = false;

  add(notice: () => void): void {
    this.#waiting.push(notice);
  }

  /** A method of the reader begins. */
  begin(): void {
    this.#running++;
  }

  /** The method ends. After the outermost one the listeners are called. */
  end(): void {
    if (--this.#running === 0 && this.#waiting.length > 0) this.#tell();
  }

  readonly #tell = (): void => {
    if (this.#telling) return;
    this.#telling = true;
    const notices = this.#waiting;
    this.#waiting = [];
    for (const notice of notices) {
      try {
        notice();
      } catch (error) {
        throwLater(error);
      }
    }
    this.#telling = false;
    // Notices caused by these listeners wait for the event loop: a listener that calls stats() at every loss may never
    // stop causing more.
    if (this.#waiting.length > 0) setImmediate(this.#tell);
  };
}
