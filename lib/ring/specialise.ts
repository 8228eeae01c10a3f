/**
 * Copies of the hot loops, one a visitor.
 *
 * V8 keeps what it learns about a call site in the function that holds it. A loop shared by several visitors has
 * a call site that has seen them all, and none is inlined any more: 5 to 8 ns a record in place of 3. A copy of
 * the loop, made from its own source, learns about one visitor alone. Where making code from strings is
 * forbidden, or the source has been altered (coverage, a bundler's helpers), the shared loop serves.
 */

/** A visitor earns its copy by this many records: making one costs about as much as visiting them. */
const RECORDS_BEFORE_COPY = 16_384;

let copies = 0;

/**
 * A fresh copy of `loop`, or `loop` itself where none can be made.
 * @param loop names nothing outside itself
 * @param works tries a copy on nothing; a copy that throws there is not used
 */
export function copyOf<Loop extends (...args: never[]) => void>(
  loop: Loop,
  works: (copy: Loop) => void,
): Loop {
  try {
    // The number makes the source unique: V8 shares feedback between equal sources.
    const copy = new Function(`return (${loop.toString()}) // ${copies++}`)() as Loop;
    works(copy);
    return copy;
  } catch {
    return loop;
  }
}

/** Remembers, for each visitor, how much it has seen and the loop that is its own. */
export class LoopCache<Loop extends (...args: never[]) => void> {
  readonly #loop: Loop;
  readonly #works: (copy: Loop) => void;
  readonly #entries = new WeakMap<object, { records: number; loop: Loop | undefined }>();

  constructor(loop: Loop, works: (copy: Loop) => void) {
    this.#loop = loop;
    this.#works = works;
  }

  loopFor(visitor: object): Loop {
    return this.#entries.get(visitor)?.loop ?? this.#loop;
  }

  /** Counts what a visitor has seen, and gives it a loop of its own when that pays. */
  saw(visitor: object, records: number): void {
    let entry = this.#entries.get(visitor);
    if (entry === undefined) {
      entry = { records: 0, loop: undefined };
      this.#entries.set(visitor, entry);
    }
    if (entry.loop !== undefined) return;
    entry.records += records;
    if (entry.records >= RECORDS_BEFORE_COPY) entry.loop = copyOf(this.#loop, this.#works);
  }
}
