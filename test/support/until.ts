import { setTimeout } from 'node:timers/promises';

/** Far longer than any of the awaited conditions takes. */
const BOUND_MILLISECONDS = 20_000;

/** Waits for a condition while the event loop runs. @throws Error that names `what` after 20 seconds */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + BOUND_MILLISECONDS;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`${what}: not within ${BOUND_MILLISECONDS} ms`);
    await setTimeout(1);
  }
}
