import { createInterface } from 'node:readline';

/** Taken once: `process` in the global scope is a getter. */
const { hrtime } = process;

/**
 * Milliseconds of CLOCK_MONOTONIC. performance.now() touches more code: in cold caches, as a ring that was just filled leaves
 * them, it takes 1 to 2 µs, which is half of what a ring of 500 records takes.
 */
export const now = () => {
  const [seconds, nanoseconds] = hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
};

/** Answers one line. */
export function answer(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/**
 * The line protocol (bench/protocol.md) for a subject in Node.js: each question goes to the handler named by `do`,
 * and what it answers, awaited, goes back. A handler that throws ends the process with its message.
 * @param {Record<string, (question: object) => object | Promise<object>>} handlers
 */
export async function serve(handlers) {
  try {
    for await (const line of createInterface({ input: process.stdin })) {
      const question = JSON.parse(line);
      answer(await handlers[question.do](question));
    }
  } catch (error) {
    answer({ error: String(error.message).split('\n')[0] });
    process.exitCode = 1;
    process.stdin.destroy();
  }
}

/**
 * CLOCK_MONOTONIC in nanoseconds at now() = 0. Both clocks are read several times and the closest pair is
 * taken: the first readings take up to a millisecond.
 */
function monotonicOrigin() {
  let origin = 0;
  let closest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 100; i++) {
    const before = Number(process.hrtime.bigint());
    const milliseconds = now();
    const after = Number(process.hrtime.bigint());
    if (after - before >= closest) continue;
    closest = after - before;
    origin = (before + after) / 2 - milliseconds * 1e6;
  }
  return origin;
}

const origin = monotonicOrigin();

/** CLOCK_MONOTONIC in nanoseconds, as a number: exact to a nanosecond or so for 104 days of uptime. */
export function monotonicNanoseconds() {
  return origin + now() * 1e6;
}

const NONE = -1;

/**
 * Checks the 64-bit sequence number of every record of one CPU, as the C and Go readers do; the first one only sets
 * what comes next. Exact up to 2^53, beyond which u64AsNumber() throws.
 */
export class SequenceCheck {
  gaps = 0;
  missing = 0;
  /** What must come next; no record has this number before the first has come. */
  #next = NONE;
  /** What came next when the counts were set to 0. */
  #base = NONE;

  /** Records seen, by their numbers: to count each costs more than to check it, and shows nothing that the numbers do not. */
  get records() {
    return this.#next - this.#base - this.missing;
  }

  reset() {
    this.gaps = 0;
    this.missing = 0;
    this.#base = this.#next;
  }

  /** For a source that counts from the start again. */
  restart() {
    this.#next = NONE;
    this.reset();
  }

  see(sequence) {
    if (sequence !== this.#next) this.#jump(sequence);
    this.#next = sequence + 1;
  }

  #jump(sequence) {
    if (this.#next === NONE) {
      this.#base = sequence;
    } else {
      this.gaps++;
      this.missing += sequence - this.#next;
    }
  }
}
