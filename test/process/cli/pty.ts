import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { MAIN } from './cli-process';

/** The command on a terminal of its own, made by script(1): what is written to stdin are keys. */
export class PtyProcess {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown[]>;
  /** What the terminal got so far, stdout and stderr alike. */
  text = '';

  /** @param before shell commands that run on the terminal first, such as one that changes its size later */
  constructor(
    args: string,
    {
      columns = 80,
      rows = 24,
      environment = {},
      before = ':',
    }: { columns?: number; rows?: number; environment?: NodeJS.ProcessEnv; before?: string } = {},
  ) {
    const command = `stty cols ${columns} rows ${rows}; ${before}; exec "${process.execPath}" "${MAIN}" ${args}`;
    this.#child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, TERM: 'xterm', LANG: 'C.UTF-8', ...environment },
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      this.text += chunk;
    });
    this.#closed = once(this.#child, 'close');
  }

  type(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  /** Resolves when the terminal has got that text. */
  async until(found: (text: string) => boolean): Promise<void> {
    while (!found(this.text)) await once(this.#child.stdout as NodeJS.ReadableStream, 'data');
  }

  /** @returns the exit code */
  async finished(): Promise<number | null> {
    const [code] = (await this.#closed) as [number | null];
    return code;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
