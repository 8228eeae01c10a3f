import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { FuzzLine, FuzzTask } from './fuzz-task';

export interface FuzzReport {
  readonly sequences: number;
  /** The number of calls made, or of rings read. */
  readonly cases: number;
  /** Each names the seed that reproduces it. */
  readonly findings: readonly string[];
}

/** A sequence takes milliseconds. A child that prints nothing for this long hangs. */
const SILENCE_MILLISECONDS = 60_000;
const MOST_FINDINGS = 20;

/**
 * Runs a fuzzer in a child process. A crash or a hang is a finding like any other: the last printed seed reproduces it.
 */
export async function fuzz(task: FuzzTask): Promise<FuzzReport> {
  const register = join(__dirname, 'register-typescript.cjs');
  const main = join(__dirname, 'fuzz-main.ts');
  const args = ['--expose-gc', '-r', register, main, JSON.stringify(task)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors = `${errors}${chunk}`.slice(-4000);
  });
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const findings: string[] = [];
  let seed = task.seed;
  let done: { sequences: number; cases: number } | undefined;
  let hung = false;
  let timer: NodeJS.Timeout | undefined;
  const heard = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      hung = true;
      child.kill('SIGKILL');
    }, SILENCE_MILLISECONDS);
  };
  heard();
  for await (const text of createInterface(child.stdout)) {
    heard();
    const line = JSON.parse(text) as FuzzLine;
    if (line.kind === 'sequence') ({ seed } = line);
    else if (line.kind === 'done') done = line;
    else if (findings.length < MOST_FINDINGS) findings.push(`seed ${line.seed}: ${line.finding}`);
  }
  const [code, signal] = await exited;
  clearTimeout(timer);
  if (hung) findings.push(`seed ${seed}: it hangs`);
  else if (code !== 0 || done === undefined)
    findings.push(`seed ${seed}: ended by ${signal ?? `exit code ${code}`}: ${errors}`);
  return { sequences: done?.sequences ?? 0, cases: done?.cases ?? 0, findings };
}
