/**
 * Installs the programs that .ci/run calls and that are missing, from Debian's packages, as root:
 * `node scripts/install-programs.mjs`.
 */

import { FOR_KERNELS, FOR_PACKING, FOR_TESTS, isProgram, packagesOf } from './shared/programs.mjs';
import { run, runScript } from './shared/script.mjs';

/** @param {string[]} programs */
function installPrograms(programs) {
  const packages = packagesOf(programs.filter((name) => !isProgram(name)));
  if (packages.length === 0) return;
  console.error(`install-programs: ${packages.join(' ')}`);
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  run('apt-get', ['update'], 'apt-get update failed', options);
  run(
    'apt-get',
    ['install', '-y', '--no-install-recommends', ...packages],
    'apt-get install failed',
    options,
  );
}

await runScript('install-programs', () =>
  installPrograms([...FOR_TESTS, ...FOR_PACKING, ...FOR_KERNELS, 'setpriv', 'clang-tidy']),
);
