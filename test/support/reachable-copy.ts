/**
 * What another user is to run, where that user can reach it. A checkout may lie in a folder of mode 0700, as /root and
 * many home directories are, and so may Node.
 */

import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';

const ROOT = join(__dirname, '../..');

/** What the command needs, and programs of test/ run by register-typescript.cjs. */
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
 * Where another user finds a file of this checkout, or this process's Node. Anything else is answered as it is. The copy
 * is made at the first call and removed after the tests of the file.
 */
export function reachable(path: string): string {
  if (path === process.execPath) return join(copyOfProject(), 'node');
  if (!path.startsWith(`${ROOT}${sep}`)) return path;
  const copied = join(copyOfProject(), 'project', relative(ROOT, path));
  // An addon that PERFRING_ADDON names.
  if (!existsSync(copied)) cpSync(path, copied);
  return copied;
}

/** A new folder that every user can enter. */
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
  // Whatever the umask of the checkout was.
  execFileSync('chmod', ['-R', 'a+rX', copy]);
  return copy;
}
