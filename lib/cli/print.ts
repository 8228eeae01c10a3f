import { isReaderGone, writeError } from './write-error';

/**
 * Writes a command's help, version or diagnosis to stdout. Samples are written by SampleOutput. process.stdout is used
 * only here, because it would be a second stream on the descriptor.
 * @returns a promise that resolves when the text has been written, or when the reader has closed the pipe
 * @throws CommandError when the text could not be written
 */
export function print(text: string): Promise<void> {
  const { stdout } = process;
  return new Promise((resolve, reject) => {
    const end = (error?: Error | null): void => {
      if (error === undefined || error === null || isReaderGone(error)) resolve();
      else reject(writeError('stdout', error));
    };
    // The stream also emits the error. Without a listener it would be an uncaught exception.
    stdout.once('error', end);
    stdout.write(text, end);
  });
}
