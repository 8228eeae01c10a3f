import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const PROGRAMS = pathToFileURL(join(__dirname, '../../scripts/shared/programs.mjs')).href;

/** Evaluates an expression with the exports of scripts/shared/programs.mjs, which jest can't import. */
export function askPrograms<Answer>(expression: string): Answer {
  const code = `import * as programs from '${PROGRAMS}'; console.log(JSON.stringify(${expression} ?? null));`;
  const stdout = execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' });
  return JSON.parse(stdout) as Answer;
}

/**
 * A `describe` that runs programs of the machine. If some are missing it is skipped, and its title says what to
 * install.
 * Under CI it fails instead.
 * @param programs the name of a list in scripts/shared/programs.mjs
 */
export function describeWithPrograms(
  programs: 'FOR_BUILDING' | 'FOR_OBJECTS' | 'FOR_TESTS' | 'FOR_PACKING',
  title: string,
  body: () => void,
): void {
  const missing = askPrograms<string | null>(`programs.missingPrograms(programs.${programs})`);
  const { CI } = process.env;
  if (missing === null || (CI !== undefined && CI !== '')) {
    describe(title, body);
    return;
  }
  const why = `${title} (${missing})`;
  process.stderr.write(`skipped: ${why}\n`);
  describe.skip(why, body);
}
