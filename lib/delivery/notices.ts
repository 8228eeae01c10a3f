import { throwLater } from '../input/throw-later';

/**
 * What a reader has to tell its listeners: the option `onLoss`, diagnostics channels, warnings. They are called when no
 * method of the reader runs any more, so that they may call any of them, close() included.
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
    // What these listeners caused waits for the event loop: one that reads stats() at every loss may cause more for ever.
    if (this.#waiting.length > 0) setImmediate(this.#tell);
  };
}
