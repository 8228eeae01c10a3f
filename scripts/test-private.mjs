/**
 * Runs the tests that start programs as another user in a copy of this checkout that other users can't enter, with a
 * space and an umlaut in its path: `node scripts/test-private.mjs`, as root. First as root, then as an ordinary user,
 * to whom the copy belongs, in a home directory of its own.
 */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setup } from './setup.mjs';
import { ROOT } from './shared/programs.mjs';
import { run, runScript } from './shared/script.mjs';

/** A user id that owns no other files on this machine. */
const USER = 65_534;

const TESTS = [
  'test/process/(privilege|package/bundled|cli/command-line)',
  'test/process/faults/faults',
  'test/integration/doctor',
  'test/unit/(addon|scripts|build-files)',
];

/** Files that the copy does not need, or that are large. */
const LEFT_OUT = /^(\.git|build-.*|prebuilds|coverage|bench)$/;

function testIn(checkout, title, command, environment) {
  const [program, ...args] = [
    ...command,
    process.execPath,
    'scripts/test.mjs',
    '--count',
    '--testPathPatterns',
  ];
  const { status, stdout } = spawnSync(program, [...args, ...TESTS], {
    cwd: checkout,
    encoding: 'utf8',
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return { passed: status === 0, line: stdout.trim().replace('npm test', title) };
}

await runScript('test-private', () => {
  setup();
  const directory = mkdtempSync(join(tmpdir(), 'perfring-private-'));
  const home = join(directory, 'home');
  const checkout = join(home, 'Größe und Raum');
  try {
    mkdirSync(home, { mode: 0o700 });
    for (const name of readdirSync(ROOT).filter((entry) => !LEFT_OUT.test(entry))) {
      cpSync(join(ROOT, name), join(checkout, name), { recursive: true, verbatimSymlinks: true });
    }
    const root = testIn(checkout, 'as root', [], {});
    console.log(root.line);

    run('chown', ['-R', `${USER}:${USER}`, directory]);
    const identity = [
      'setpriv',
      `--reuid=${USER}`,
      `--regid=${USER}`,
      '--clear-groups',
      '--bounding-set=-all',
    ];
    const user = testIn(checkout, 'as an ordinary user', identity, { HOME: home, CI: '' });
    // Tests that need privilege are skipped here. They ran as root before, so the skips are not counted.
    console.log(user.line.replace(/\d+ skipped/, '0 skipped'));
    process.exitCode = root.passed && user.passed ? 0 : 1;
  } finally {
    rmSync(directory, { recursive: true });
  }
});
