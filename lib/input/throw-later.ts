/** What a callback of the user's threw becomes an uncaught exception, as it does in node's own: nothing else stops for it. */
export function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
