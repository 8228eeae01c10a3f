import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What scripts/pack.mjs builds with. */
const TOOLS = ['cmake', 'g++', 'aarch64-linux-gnu-g++'];

/**
 * A `describe` that packs the package. On a machine that cannot it is skipped, and its title says what is missing;
 * under CI it is a failure.
 */
export function describePacked(title: string, body: () => void): void {
  const missing = [
    ...(process.arch === 'x64' ? [] : ['an x64 machine']),
    ...TOOLS.filter((tool) => !isProgram(tool)),
  ];
  const { CI } = process.env;
  if (missing.length === 0 || (CI !== undefined && CI !== '')) {
    describe(title, body);
    return;
  }
  const why = `${title} (packing needs ${missing.join(' and ')})`;
  process.stderr.write(`skipped: ${why}\n`);
  describe.skip(why, body);
}

function isProgram(name: string): boolean {
  const { PATH = '' } = process.env;
  return PATH.split(delimiter).some((directory) => existsSync(join(directory, name)));
}
