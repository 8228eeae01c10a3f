/** Drains of this thread's readers that have not ended. */
const drains = new Set<() => void>();

const onBeforeExit = (): void => {
  for (const giveUp of [...drains]) giveUp();
};

/**
 * Calls `giveUp` when the event loop has nothing left to do: whoever reads holds a batch then, and nothing can ever
 * happen that makes it ask for the next.
 * @returns a function that stops watching
 */
export function whenStuck(giveUp: () => void): () => void {
  if (drains.size === 0) process.on('beforeExit', onBeforeExit);
  drains.add(giveUp);
  return () => {
    if (drains.delete(giveUp) && drains.size === 0) process.off('beforeExit', onBeforeExit);
  };
}
