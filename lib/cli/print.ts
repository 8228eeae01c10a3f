/**
 * Writes what a command answers by itself: help, version, diagnosis. Samples go another way, by SampleOutput, and until
 * something is printed process.stdout is not touched: it would be a second stream on the descriptor.
 */
export function print(text: string): void {
  const { stdout } = process;
  // Whoever closed the pipe has read enough.
  if (stdout.listenerCount('error') === 0) stdout.on('error', () => undefined);
  stdout.write(text);
}
