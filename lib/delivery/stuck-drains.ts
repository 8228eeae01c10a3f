/** This thread's draining closes and flushes that have not ended. */
const drains = new Set<() => void>();

const onBeforeExit = (): void => {
  for (const giveUp of [...drains]) giveUp();
  // The program may then begin another one. Node emits beforeExit again only when something has run since.
  setImmediate(() => undefined);
};

/**
 * Calls `giveUp` when the event loop has nothing left to do. Then the consumer holds a batch, or there is no consumer,
 * and the rest can never be delivered.
 * @returns a function that stops watching
 */
export function whenStuck(giveUp: () => void): () => void {
  if (drains.size === 0) process.on('beforeExit', onBeforeExit);
  drains.add(giveUp);
  return () => {
    if (drains.delete(giveUp) && drains.size === 0) process.off('beforeExit', onBeforeExit);
  };
}
