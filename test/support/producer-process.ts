import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ProducerCounts } from './producers';

export interface ProducerProcessOptions {
  /** Id of the perf event array to write to, which the child opens by id (CAP_SYS_ADMIN). */
  readonly mapId: number;
  readonly cpu: number;
  /** See {@link ProducerOptions}. */
  readonly sizes?: readonly number[];
  /** Stop after that many samples; until stop() when left out. */
  readonly count?: number;
  /** Samples per second; as fast as it goes when left out. */
  readonly rate?: number;
  /** With a rate: so long it emits, and as long it does not, in turns. */
  readonly burstMilliseconds?: number;
}

export interface ProducerReport extends ProducerCounts {
  /** From the first sample to the last. */
  readonly elapsedNanoseconds: number;
  /** The producer's cost of one sample, by the kernel's measure. */
  readonly nanosecondsPerSample: number;
}

/** A {@link SampleProducer} in a process of its own, so that it runs while the reader does. */
export class ProducerProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #report: Promise<ProducerReport> | undefined;

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    this.#lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  }

  /** Starts the child and loads its program; resolves when start() would emit at once. */
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
    // Whoever awaits finished() or stop() hears of a failure; it must not be unhandled before that.
    this.#report.catch(() => undefined);
  }

  /** Resolves when `count` samples are emitted, or after stop(). */
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

  /** Ends the child, whatever it does. For `finally`. */
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
