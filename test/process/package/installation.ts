import { execFileSync, spawnSync } from 'node:child_process';
import {
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { makeReachableDirectory } from '../../support/reachable-copy';

export const ROOT = join(__dirname, '..', '..', '..');

/** A user who may do nothing in particular. */
const NOBODY = 65_534;

/** A program that prints what the doctor says of the addon: `loaded`, or why not. */
export const ADDON_CHECK = `
  const { checks } = require('perfring').diagnose();
  console.log(checks.find(({ name }) => name === 'addon').value);`;

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  /** With the privilege of whoever runs the tests; else as an ordinary user. */
  readonly privileged?: boolean;
  /** With what else there is on this machine's PATH. */
  readonly compiler?: boolean;
}

/**
 * The package in another project, as its user has it: packed by `npm pack`, and installed by npm without a network,
 * without a compiler and, where root runs the tests, as an ordinary user. Node and npm are this machine's; nothing else
 * is on the PATH, and nothing of this process's environment is left.
 */
export class Installation {
  readonly #directory = makeReachableDirectory('perfring-package-');
  readonly #bin = join(this.#directory, 'bin');
  readonly #home = join(this.#directory, 'home');
  readonly #tarballs = join(this.#directory, 'tarballs');
  readonly #npm = npmOfThisMachine();
  readonly project = join(this.#directory, 'project');
  /** The package, once it is installed. */
  readonly package = join(this.project, 'node_modules', 'perfring');
  readonly tarball: string;

  constructor() {
    for (const directory of [this.#bin, this.#home, this.#tarballs, this.project]) mkdirSync(directory);
    for (const directory of [this.#home, this.project]) chownSync(directory, this.#user.uid, this.#user.gid);
    // A copy: the ordinary user may have no way to where this one lies.
    copyFileSync(process.execPath, join(this.#bin, 'node'));
    symlinkSync(this.#npm, join(this.#bin, 'npm'));
    this.write('package.json', '{ "private": true }');
    this.tarball = this.#pack();
  }

  /** `npm install` of the tarball. npm's cache is empty: the package brings what it depends on. */
  install(): Outcome {
    return this.run('npm', ['install', '--offline', this.tarball]);
  }

  /** @param file below the project */
  write(file: string, text: string): string {
    const path = join(this.project, file);
    writeFileSync(path, text);
    chownSync(path, this.#user.uid, this.#user.gid);
    return path;
  }

  /** @param command `node`, `npm` or a path, below the project or absolute */
  run(command: string, args: readonly string[], options: RunOptions = {}): Outcome {
    const { privileged = false, compiler = false } = options;
    const PATH = compiler ? `${this.#bin}${delimiter}${process.env['PATH']}` : this.#bin;
    const { status, stdout, stderr, error } = spawnSync(command, args, {
      cwd: this.project,
      encoding: 'utf8',
      env: { PATH, HOME: this.#home },
      ...(privileged ? {} : this.#user),
    });
    if (error !== undefined) throw error;
    return { code: status, stdout, stderr };
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true });
  }

  get #user(): { readonly uid: number; readonly gid: number } {
    const [uid, gid] = [process.getuid?.() ?? NOBODY, process.getgid?.() ?? NOBODY];
    return uid === 0 ? { uid: NOBODY, gid: NOBODY } : { uid, gid };
  }

  #pack(): string {
    const args = ['pack', '--json', '--pack-destination', this.#tarballs, ROOT];
    const stdout = execFileSync(process.execPath, [this.#npm, ...args], {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
    return join(this.#tarballs, filename);
  }
}

/** npm's main file: what is called npm on the PATH is a link to it. */
function npmOfThisMachine(): string {
  const { PATH = '' } = process.env;
  const npm = PATH.split(delimiter)
    .map((directory) => join(directory, 'npm'))
    .find((path) => existsSync(path));
  if (npm === undefined) throw new Error('npm is not on the PATH');
  return realpathSync(npm);
}
