import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { onlineCpus } from '../../../lib/index';

/** Says that it runs, then makes system calls and leaves its CPU about a thousand times a second. */
const RESTLESS = "process.stdout.write('.'); setInterval(() => {}, 1)";

/**
 * A process on every online CPU that switches threads and makes system calls for as long as it is there: what a test
 * observes is then to be seen on a machine that has nothing else to do.
 */
export class Neighbours {
  readonly #children: readonly ChildProcess[];

  private constructor(children: readonly ChildProcess[]) {
    this.#children = children;
  }

  /** Resolves when all of them run. */
  static async start(): Promise<Neighbours> {
    const children = onlineCpus().map((cpu) =>
      spawn('taskset', ['-c', `${cpu}`, process.execPath, '-e', RESTLESS], {
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    );
    await Promise.all(children.map((child) => once(child.stdout as NodeJS.ReadableStream, 'data')));
    return new Neighbours(children);
  }

  get pids(): number[] {
    return this.#children.map((child) => child.pid as number);
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#children.map((child) => {
        const gone = once(child, 'close');
        child.kill('SIGKILL');
        return gone;
      }),
    );
  }
}
