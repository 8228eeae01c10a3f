/**
 * Copies of files that another user can read and run. This checkout and node may be in folders of mode 0700, as /root
 * and many home directories are.
 */

import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';

const ROOT = join(__dirname, '../..');

/** The files that the command needs, and those for programs of test/ that use register-typescript.cjs. */
const COPIED = [
  'package.json',
  'lib',
  'dist',
  'test',
  'build/Release/perfring.node',
  'node_modules/bindings',
  'node_modules/file-uri-to-path',
  'node_modules/@swc',
];

let copy: string | undefined;

afterAll(() => {
  if (copy !== undefined) rmSync(copy, { recursive: true });
  copy = undefined;
});

/**
 * The path at which another user can read a file of this checkout, or node. Other paths are returned unchanged. The
 * copy is made on the first call and removed after the tests of the file.
 */
export function reachable(path: string): string {
  if (path === process.execPath) return join(copyOfProject(), 'node');
  if (!path.startsWith(`${ROOT}${sep}`)) return path;
  const copied = join(copyOfProject(), 'project', relative(ROOT, path));
  // The addon that PERFRING_ADDON names is copied on demand.
  if (!existsSync(copied)) cpSync(path, copied);
  return copied;
}

/** Creates a folder that every user can enter. */
export function makeReachableDirectory(prefix: string): string {
  const parent = [tmpdir(), '/tmp', '/var/tmp'].find(everyoneCanEnter);
  if (parent === undefined) throw new Error('no folder for temporary files that every user can enter');
  const directory = mkdtempSync(join(parent, prefix));
  execFileSync('chmod', ['755', directory]);
  return directory;
}

function everyoneCanEnter(directory: string): boolean {
  if (!existsSync(directory)) return false;
  const { mode } = statSync(directory);
  return (mode & 1) === 1 && (directory === dirname(directory) || everyoneCanEnter(dirname(directory)));
}

function copyOfProject(): string {
  if (copy !== undefined) return copy;
  copy = makeReachableDirectory('perfring-copy-');
  copyFileSync(process.execPath, join(copy, 'node'));
  for (const name of COPIED) cpSync(join(ROOT, name), join(copy, 'project', name), { recursive: true });
  // The umask of the checkout may have removed these permissions.
  execFileSync('chmod', ['-R', 'a+rX', copy]);
  return copy;
}
