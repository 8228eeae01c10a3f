/**
 * Throws an error of a user's callback later, as an uncaught exception. So the calling code can go on, as it does in
 * node.
 */
export function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
