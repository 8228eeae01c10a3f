import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const SUPPORT = join(__dirname, '..', '..', 'support');

/** Ways to run code that a user may have chosen, or that show what an optimising compiler may do. */
const FLAGS: [string, number, string[]][] = [
  ['as it comes', 200_000, []],
  ['that makes no code from strings', 200_000, ['--disallow-code-generation-from-strings']],
  ['without a compiler', 20_000, ['--jitless']],
  ['without the optimising compiler', 50_000, ['--no-opt']],
  ['that optimises every function at once', 100_000, ['--always-turbofan']],
  ['that throws optimised code away again and again', 20_000, ['--deopt-every-n-times=20000']],
  ['whose garbage collector moves everything', 20_000, ['--gc-interval=500', '--stress-compaction']],
];

describe('a ring that is written and read', () => {
  it.each(FLAGS)('by an engine %s passes %d records, every byte right', async (_, records, flags) => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...flags,
      '-r',
      join(SUPPORT, 'register-typescript.cjs'),
      join(SUPPORT, 'ring-alone-main.ts'),
      String(records),
    ]);
    expect(stdout).toBe(`${records} right\n`);
  });
});
