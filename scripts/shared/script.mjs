/** Common parts of the scripts: they run a tool and, if it fails, print its output and a message of one line. */

import { spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ROOT } from './programs.mjs';

/** A failure that needs no stack: one line for the user, and the output of the tool that failed. */
export class ScriptError extends Error {
  constructor(message, output = '') {
    super(message);
    this.output = output;
  }
}

/** Runs a script's main function. A ScriptError goes to stderr, and the process ends with 1. */
export async function runScript(name, main) {
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof ScriptError)) throw error;
    process.stderr.write(`${error.output}${error.output && '\n'}${name}: ${error.message}\n`);
    process.exitCode = 1;
  }
}

/** Whether this module is the script that node was started with; symbolic links are resolved. */
export function isMain(url) {
  const [, script] = process.argv;
  return script !== undefined && realpathSync(script) === fileURLToPath(url);
}

/**
 * Runs a program in the project's folder and waits for it.
 * @returns {{ failed: boolean, stdout: string, output: string }} output holds stdout and stderr, or why it did not run
 */
export function attempt(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 2 ** 28, ...options });
  if (result.error !== undefined) return { failed: true, stdout: '', output: String(result.error) };
  return {
    failed: result.status !== 0,
    stdout: result.stdout,
    output: `${result.stdout}${result.stderr}`,
  };
}

/**
 * Like attempt(), but throws when the program fails.
 * @param {string} [failure] the message for a failure
 * @returns {string} its stdout
 * @throws ScriptError
 */
export function run(command, args, failure = `${command} failed`, options = {}) {
  const { failed, stdout, output } = attempt(command, args, options);
  if (failed) throw new ScriptError(failure, output);
  return stdout;
}
