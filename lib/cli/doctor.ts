import { type Check, diagnose, type Diagnosis } from '../index';
import { EXIT_FAILURE, EXIT_OK } from './failure';
import { print } from './print';
import { type Style, styleFor } from './style';

/** Prints the checks of this machine. @returns the exit code: 0 only when `collect` works */
export async function doctor(options: { readonly json?: true }): Promise<number> {
  const diagnosis = diagnose();
  await print(options.json === true ? jsonOf(diagnosis) : diagnosisText(diagnosis, styleFor(process.stdout)));
  return diagnosis.ready ? EXIT_OK : EXIT_FAILURE;
}

function jsonOf(diagnosis: Diagnosis): string {
  return `${JSON.stringify(diagnosis, undefined, 2)}\n`;
}

/**
 * One line for each check, followed by the command that fixes it if there is one; at the end, whether `collect` works.
 */
export function diagnosisText({ checks, ready }: Diagnosis, style: Style): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap((check) => linesOf(check, width, style));
  const verdict = ready
    ? style.good('collect works here')
    : style.bad('collect does not work here: fix the lines marked ✗, beginning with the first');
  return `${[...lines, '', verdict].join('\n')}\n`;
}

function linesOf({ name, status, value, fix }: Check, width: number, style: Style): string[] {
  const line = `${markOf(status, style)} ${name.padEnd(width)}  ${value}`;
  if (fix === undefined) return [line];
  return [line, `${' '.repeat(width + 4)}${style.dim('fix:')} ${style.bold(fix)}`];
}

function markOf(status: Check['status'], style: Style): string {
  switch (status) {
    case 'ok':
      return style.good('✓');
    case 'missing':
      return style.bad('✗');
    case 'note':
      return style.warn('•');
  }
}
