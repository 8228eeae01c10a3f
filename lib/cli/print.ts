import { isReaderGone, writeError } from './write-error';

/**
 * Writes the text of a command itself: help, version, diagnosis. Samples go through SampleOutput. Until something is
 * printed process.stdout is not touched, because it would be a second stream on the descriptor.
 * Resolves when the text was written, or when the reader of the pipe has gone away.
 * @throws CommandError when it could not be written
 */
export function print(text: string): Promise<void> {
  const { stdout } = process;
  return new Promise((resolve, reject) => {
    const end = (error?: Error | null): void => {
      if (error === undefined || error === null || isReaderGone(error)) resolve();
      else reject(writeError('stdout', error));
    };
    // The stream emits its error as well: without a listener it would be an uncaught exception.
    stdout.once('error', end);
    stdout.write(text, end);
  });
}
