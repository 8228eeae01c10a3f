import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { askPrograms } from '../../support/programs';

const ROOT = join(__dirname, '../../..');

describe('the programs that scripts and tests call', () => {
  it('are installed by one line of the README', () => {
    const packages = askPrograms<string[]>('programs.packagesOf(programs.FOR_TESTS)');
    expect(readFileSync(join(ROOT, 'README.md'), 'utf8')).toContain(`apt-get install ${packages.join(' ')} `);
  });

  it('are enough, for tests, to pack the package', () => {
    const [tests, packing] = ['FOR_TESTS', 'FOR_PACKING'].map((list) =>
      askPrograms<string[]>(`programs.packagesOf(programs.${list})`),
    ) as [string[], string[]];
    // Each compiler's package depends on the binutils of its architecture.
    expect(packing.filter((name) => !tests.includes(name) && !name.startsWith('binutils'))).toEqual([]);
  });

  it('are named with their packages where they are missing', () => {
    const missing = (path: string): string | null =>
      askPrograms(
        `(process.env.PATH = '${path}', programs.missingPrograms(['c++', 'cmake', 'aarch64-linux-gnu-g++']))`,
      );
    expect(missing('/nowhere')).toBe(
      'c++ and cmake and aarch64-linux-gnu-g++ are not installed: apt-get install g++ cmake g++-aarch64-linux-gnu',
    );
  });
});
