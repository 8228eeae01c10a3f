import { collect } from './collect';
import { collectSettings } from './collect-settings';
import { runCommandLine } from './command-line';
import { doctor } from './doctor';
import { EXIT_FAILURE, EXIT_OK, exitCodeOf, failureText } from './failure';
import { gen } from './gen';
import { inspect } from './inspect';
import { script } from './script';
import { top } from './top/top';
import { topSettings } from './top/top-settings';

/**
 * Runs the command `perfring`.
 * @param args the arguments after node and the script
 * @returns the exit code
 */
export async function run(args: readonly string[]): Promise<number> {
  const debug = args.includes('--debug');
  let exitCode = EXIT_OK;
  // A closed stderr is not an error.
  process.stderr.on('error', () => undefined);
  // Show warnings of the library on one line, like errors.
  process.removeAllListeners('warning');
  process.on('warning', ({ message }) => {
    process.stderr.write(`${message.replace(/^(?:perfring: )?/, 'perfring: ')}\n`);
  });
  process.once('uncaughtException', (error) => {
    process.stderr.write(failureText(error, debug));
    process.exit(EXIT_FAILURE);
  });
  try {
    await runCommandLine(args, {
      collect: (given, object) => collect(collectSettings(given, object)),
      doctor: async (given) => {
        exitCode = await doctor(given);
      },
      gen,
      inspect,
      script,
      top: (given, object) => top(topSettings(given, object)),
    });
  } catch (error) {
    process.stderr.write(failureText(error, debug));
    exitCode = exitCodeOf(error);
  }
  return exitCode;
}
