import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { objectPath } from '../../support/bpf-objects';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith, READER_CAPABILITIES } from '../../support/privilege';
import { describeWithPrograms } from '../../support/programs';

const MAIN = join(__dirname, 'objects-main.cjs');
const PERFRING = join(__dirname, '../../../dist/index.js');
const ROUNDS = 60;

describeWithPrograms('FOR_OBJECTS', 'an object with random damage', () => {
  describeWith(READER_CAPABILITIES, 'that is loaded', () => {
    afterAll(expectNothingLeft);

    it.each(['.BTF', '.BTF.ext', '.symtab', 'all'])(
      'in %s is refused with a code, or loads, and never ends the process',
      (section) => {
        const seed = String(Math.floor(Math.random() * 2 ** 32));
        const args = [MAIN, PERFRING, objectPath('many'), section, seed, String(ROUNDS)];
        const { status, signal, stdout, stderr, output } = spawnSync(process.execPath, args, {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
          // Freed memory is overwritten, and damage to the heap ends the process.
          env: { ...process.env, MALLOC_PERTURB_: '165', MALLOC_CHECK_: '3' },
        });
        const last = output[3]?.trim().split('\n').at(-1);
        expect({ status, signal, stderr, seed: last }).toEqual({
          status: 0,
          signal: null,
          stderr: '',
          seed: last,
        });
        const codes = Object.entries(JSON.parse(stdout) as Record<string, number>);
        for (const [code] of codes) expect(code).toMatch(/^(?:loaded|E[A-Z\d]+|ERR_PERF_[A-Z_]+)$/);
        expect(codes.reduce((sum, [, count]) => sum + count, 0)).toBe(ROUNDS);
        // Damage is found: not all of them load.
        expect(codes.length).toBeGreaterThan(1);
      },
    );
  });
});
