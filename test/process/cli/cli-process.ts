import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { BpfMap } from '../../../lib/index';
import { reachable } from '../../support/reachable-copy';

export const MAIN = join(__dirname, '../../../dist/bin/perfring.js');

export interface CliOptions {
  /** Runs as that user and its group, with no other group and no capability, from a copy that the user can reach. */
  readonly user?: number;
  /** Where it runs; the test's own directory when left out. */
  readonly directory?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** A descriptor in place of a pipe. */
  readonly stdout?: number;
}

export interface CliResult {
  /** Exit code; null after a signal. */
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** The command in a process of its own, run as a user runs it. */
export class CliProcess {
  readonly child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #stdout: Buffer[] = [];
  #stderr = '';

  constructor(args: readonly string[], options: CliOptions = {}) {
    if (!existsSync(MAIN)) throw new Error('dist/bin/perfring.js is not there: npm run build:ts');
    const { user, directory, environment, stdout = 'pipe' } = options;
    const [node, main] = [process.execPath, MAIN].map(user === undefined ? String : reachable) as [
      string,
      string,
    ];
    this.child = spawn(node, [main, ...args], {
      stdio: ['ignore', stdout, 'pipe'],
      env: { ...process.env, ...environment },
      ...(directory === undefined ? {} : { cwd: directory }),
      ...(user === undefined ? {} : { uid: user, gid: user, cwd: '/' }),
    });
    this.#exited = once(this.child, 'close');
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr += chunk;
    });
  }

  get pid(): number {
    return this.child.pid as number;
  }

  get stdout(): Readable {
    return this.child.stdout as Readable;
  }

  /** Begins to read stdout: until then the command writes into a pipe that nobody reads. */
  read(): this {
    this.stdout.on('data', (chunk: Buffer) => this.#stdout.push(chunk));
    return this;
  }

  get text(): string {
    return Buffer.concat(this.#stdout).toString();
  }

  get stderrText(): string {
    return this.#stderr;
  }

  /** Waits until something is so. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.child.exitCode !== null)
        throw new Error(`it ended with ${this.child.exitCode}: ${this.#stderr}`);
      await pause(5);
    }
  }

  async finished(): Promise<CliResult> {
    await this.#exited;
    return { code: this.child.exitCode, stdout: Buffer.concat(this.#stdout), stderr: this.#stderr };
  }

  /** Ids of the BPF maps it has open. */
  mapIds(): number[] {
    return this.#descriptors().flatMap((text) => {
      const id = /^map_id:\s*(\d+)$/m.exec(text)?.[1];
      return id === undefined ? [] : [Number(id)];
    });
  }

  /** Whether its program runs: that is attached to a raw tracepoint from then on, and sees every event. */
  get isAttached(): boolean {
    return this.attachedCount > 0;
  }

  /** How many of its programs are attached to a raw tracepoint. */
  get attachedCount(): number {
    return this.#descriptors().filter((text) => /^link_type:\s*raw_tracepoint$/m.test(text)).length;
  }

  /** What the kernel tells of each descriptor; of none when it has ended. */
  #descriptors(): string[] {
    const directory = `/proc/${this.pid}/fdinfo`;
    return existsSync(directory) ? readdirSync(directory).map((fd) => textOf(join(directory, fd))) : [];
  }

  /** For `finally`. */
  kill(): void {
    this.child.kill('SIGKILL');
  }
}

/** Runs the command to its end. */
export async function cli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const process = new CliProcess(args, options);
  if (options.stdout === undefined) process.read();
  return await process.finished();
}

/** Lines without their ends; fails when the last one has none. */
export function linesOf(output: Buffer | string): string[] {
  const lines = String(output).split('\n');
  expect(lines.pop()).toBe('');
  return lines;
}

/** The payloads of `--format raw`, as docs/cli.md has it. */
export function payloadsOf(output: Buffer): Buffer[] {
  const payloads: Buffer[] = [];
  for (let at = 0; at < output.length; ) {
    const length = output.readUInt32LE(at);
    payloads.push(output.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return payloads;
}

/**
 * Resolves when none of these maps is left in the kernel: whatever was attached held one. The kernel frees a moment
 * after the last holder is gone.
 */
export async function gone(mapIds: readonly number[]): Promise<void> {
  for (const id of mapIds) while (isThere(id)) await pause(5);
}

function isThere(id: number): boolean {
  try {
    BpfMap.openById(id).close();
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return false;
    throw error;
  }
}

/** A descriptor may be closed between being listed and being read. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
