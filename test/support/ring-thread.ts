import { join } from 'node:path';
import { Worker, workerData } from 'node:worker_threads';

const REGISTER = join(__dirname, 'register-typescript.cjs');

/** A thread that runs a TypeScript file of test/support as it is, and ends with one message: its answer. */
export class RingThread<Answer> {
  readonly #worker: Worker;
  /** Rejects when the thread throws, or ends without an answer. */
  readonly answer: Promise<Answer>;

  /** @param file name in test/support; it gets `data` by {@link threadData} */
  constructor(file: string, data: unknown) {
    const start = `require(${JSON.stringify(REGISTER)}); require(${JSON.stringify(join(__dirname, file))})`;
    this.#worker = new Worker(start, { eval: true, workerData: data });
    this.answer = new Promise((resolve, reject) => {
      this.#worker.once('message', resolve);
      this.#worker.once('error', reject);
      this.#worker.once('exit', () => reject(new Error(`${file} ended without an answer`)));
    });
    // Whoever awaits the answer hears of a failure; it must not be unhandled before that.
    this.answer.catch(() => undefined);
  }

  /** For `finally`: a thread that waits for another that failed would wait for ever. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** What the thread was given. */
export function threadData<Data>(): Data {
  return workerData as Data;
}
