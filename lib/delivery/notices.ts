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

  /** Runs a method of the reader. After the outermost one the listeners are called. */
  run<Result>(method: () => Result): Result {
    this.begin();
    try {
      return method();
    } finally {
      this.end();
    }
  }

  /** As {@link run}, for a method that is called often: it begins here, and ends with {@link end}. */
  begin(): void {
    this.#running++;
  }

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
