import { join } from 'node:path';
import { Worker, workerData } from 'node:worker_threads';

const REGISTER = join(__dirname, 'register-typescript.cjs');

/** A thread that runs a TypeScript file of test/support and ends with one message, its answer. */
export class RingThread<Answer> {
  readonly #worker: Worker;
  /** Rejects when the thread throws, or ends without an answer. */
  readonly answer: Promise<Answer>;

  /** @param file name in test/support. The file gets `data` from {@link threadData} */
  constructor(file: string, data: unknown) {
    const start = `require(${JSON.stringify(REGISTER)}); require(${JSON.stringify(join(__dirname, file))})`;
    this.#worker = new Worker(start, { eval: true, workerData: data });
    this.answer = new Promise((resolve, reject) => {
      this.#worker.once('message', resolve);
      this.#worker.once('error', reject);
      this.#worker.once('exit', () => reject(new Error(`${file} ended without an answer`)));
    });
    // `answer` reports a failure. Until it is awaited the rejection must not be unhandled.
    this.answer.catch(() => undefined);
  }

  /** For `finally`: otherwise a thread would wait for ever for another one that has failed. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** The `data` that the thread was started with. */
export function threadData<Data>(): Data {
  return workerData as Data;
}
