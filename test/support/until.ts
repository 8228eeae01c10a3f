import { setTimeout } from 'node:timers/promises';

/** Far longer than anything takes: what has not happened by then does not happen. */
const BOUND_MILLISECONDS = 20_000;

/** Waits for a condition, letting the event loop go on meanwhile. @throws Error naming what did not happen */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + BOUND_MILLISECONDS;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`${what}: not within ${BOUND_MILLISECONDS} ms`);
    await setTimeout(1);
  }
}
