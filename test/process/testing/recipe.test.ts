import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describeWith, READER_CAPABILITIES } from '../../support/privilege';

const ROOT = resolve(__dirname, '../../..');
const NOBODY = 65_534;

/** The program of docs/testing.md, as a file of node:test that imports the built package. */
describe('the recipe of docs/testing.md', () => {
  let directory: string;
  let file: string;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'perfring-recipe-'));
    chmodSync(directory, 0o755);
    mkdirSync(join(directory, 'node_modules'));
    symlinkSync(ROOT, join(directory, 'node_modules/perfring'));
    const [, program = ''] =
      /```js\n(.*?)```/s.exec(readFileSync(join(ROOT, 'docs/testing.md'), 'utf8')) ?? [];
    file = join(directory, 'exec.test.mjs');
    writeFileSync(file, program);
  });

  afterAll(() => rmSync(directory, { recursive: true }));

  function run(environment: NodeJS.ProcessEnv, uid?: number) {
    const { CI: _, NODE_TEST_CONTEXT: __, ...rest } = process.env;
    const { status, stdout } = spawnSync(process.execPath, ['--test', '--test-reporter=tap', file], {
      encoding: 'utf8',
      env: { ...rest, ...environment },
      cwd: directory,
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    return { status, stdout };
  }

  describeWith(READER_CAPABILITIES, 'with privilege', () => {
    it('passes', () => {
      const { status, stdout } = run({ CI: 'true' });
      expect(stdout).toMatch(/^ *ok \d+ - tells the arguments$/m);
      expect(status).toBe(0);
    });
  });

  // As another user, which only root can become. That user must be able to read this checkout.
  const canRead =
    process.getuid?.() === 0 && spawnSync('ls', [ROOT], { uid: NOBODY, gid: NOBODY }).status === 0;
  (canRead ? describe : describe.skip)(
    'without privilege (needs root, and a checkout that others can read)',
    () => {
      it('is skipped, with the reason', () => {
        const { status, stdout } = run({}, NOBODY);
        expect(stdout).toMatch(/ok \d+ - exec \(skipped: .*CAP_BPF.*# SKIP/);
        expect(status).toBe(0);
      });

      it('fails under CI', () => {
        const { status, stdout } = run({ CI: 'true' }, NOBODY);
        expect(stdout).toContain('exec: privilege is missing, and must not be here');
        expect(status).toBe(1);
      });
    },
  );
});
