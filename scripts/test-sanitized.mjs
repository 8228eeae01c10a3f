/**
 * Runs jest with the addon built for AddressSanitizer and UndefinedBehaviorSanitizer, leaks included:
 * `node scripts/test-sanitized.mjs [arguments of jest]`, by default the tests of the addon.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BuildError, buildAddon } from './build-addon.mjs';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const jest = createRequire(import.meta.url).resolve('jest/bin/jest');

/** The sanitizer's library must be there before node's own allocations: the addon alone could not bring it. */
function sanitizerLibrary() {
  return realpathSync(execFileSync('c++', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim());
}

try {
  const addon = buildAddon({ variant: 'asan' });
  const args = process.argv.slice(2);
  const { status, signal } = spawnSync(
    process.execPath,
    [jest, ...(args.length > 0 ? args : ['--testPathPatterns', '/addon/'])],
    {
      cwd: ROOT,
      stdio: 'inherit',
      env: {
        ...process.env,
        PERFRING_ADDON: addon,
        LD_PRELOAD: sanitizerLibrary(),
        ASAN_OPTIONS: 'detect_leaks=1',
        UBSAN_OPTIONS: 'print_stacktrace=1',
        LSAN_OPTIONS: `suppressions=${join(ROOT, 'test/native/leaks.supp')}:print_suppressions=0`,
      },
    },
  );
  if (signal !== null) console.error(`test-sanitized: jest ended by ${signal}`);
  process.exitCode = status ?? 1;
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  process.stderr.write(`${error.output}${error.output && '\n'}test-sanitized: ${error.message}\n`);
  process.exitCode = 1;
}
