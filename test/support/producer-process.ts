import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ProducerCounts } from './producers';

export interface ProducerProcessOptions {
  /** The id of the perf event array to write to. The child opens it by id, which needs CAP_SYS_ADMIN. */
  readonly mapId: number;
  readonly cpu: number;
  /** See {@link ProducerOptions}. */
  readonly sizes?: readonly number[];
  /** The number of samples to emit. By default the child emits until stop(). */
  readonly count?: number;
  /** Samples per second; unlimited by default. */
  readonly rate?: number;
  /** With a rate: the length of the periods in which it emits and then pauses, in turns. */
  readonly burstMilliseconds?: number;
}

export interface ProducerReport extends ProducerCounts {
  /** The time from the first sample to the last. */
  readonly elapsedNanoseconds: number;
  /** The time that one sample takes the producer, as the kernel measured it. */
  readonly nanosecondsPerSample: number;
}

/** A {@link SampleProducer} in a child process, which runs at the same time as the reader. */
export class ProducerProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #report: Promise<ProducerReport> | undefined;

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    this.#lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  }

  /** Starts the child, which loads its program. Resolves when it is ready for start(). */
  static async spawn(options: ProducerProcessOptions): Promise<ProducerProcess> {
    const register = join(__dirname, 'register-typescript.cjs');
    const main = join(__dirname, 'producer-main.ts');
    const child = spawn(process.execPath, ['-r', register, main, JSON.stringify(options)]);
    child.stderr.pipe(process.stderr);
    const producer = new ProducerProcess(child);
    try {
      await producer.#nextLine();
      return producer;
    } catch (error) {
      producer.kill();
      throw error;
    }
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** Begins to emit. */
  start(): void {
    this.#child.stdin.write('start\n');
    this.#report = this.#nextLine().then((line) => JSON.parse(line) as ProducerReport);
    // finished() and stop() report a failure. Until one of them is called the rejection must not be unhandled.
    this.#report.catch(() => undefined);
  }

  /** Resolves when `count` samples have been emitted, or after stop(). */
  async finished(): Promise<ProducerReport> {
    if (this.#report === undefined) throw new Error('start() comes first');
    const report = await this.#report;
    if (!this.#hasExited()) await once(this.#child, 'exit');
    return report;
  }

  /** Ends emitting. */
  async stop(): Promise<ProducerReport> {
    this.#child.stdin.end();
    return await this.finished();
  }

  /** Kills the child in any state. For `finally`. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async #nextLine(): Promise<string> {
    const line = await this.#lines.next();
    if (line.done !== true) return line.value;
    if (!this.#hasExited()) await once(this.#child, 'exit');
    const { exitCode, signalCode } = this.#child;
    throw new Error(`the producer process ended early, by ${signalCode ?? `exit code ${exitCode}`}`);
  }

  #hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }
}
