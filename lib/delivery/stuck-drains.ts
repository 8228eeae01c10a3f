/** Closes that drain, and flushes, of this thread's readers that have not ended. */
const drains = new Set<() => void>();

const onBeforeExit = (): void => {
  for (const giveUp of [...drains]) giveUp();
  // Whoever learns of it may begin another: without something to run, node would not ask again.
  setImmediate(() => undefined);
};

/**
 * Calls `giveUp` when the event loop has nothing left to do: whoever reads holds a batch then, or nobody reads, and
 * nothing can ever happen that delivers the rest.
 * @returns a function that stops watching
 */
export function whenStuck(giveUp: () => void): () => void {
  if (drains.size === 0) process.on('beforeExit', onBeforeExit);
  drains.add(giveUp);
  return () => {
    if (drains.delete(giveUp) && drains.size === 0) process.off('beforeExit', onBeforeExit);
  };
}
