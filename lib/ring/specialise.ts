import type { LoopCounts } from '../records/record-ring';
import { type FunctionLiteral, literalOf } from './function-literal';

/**
 * Copies of the hot loops (lib/ring/record-scan.ts, lib/merge).
 *
 * V8 stores what it learns about a call in the function that contains the call. A loop that several visitors share
 * calls them all from one place, so V8 inlines none of them. A copy of the loop, made from its source, serves one
 * visitor.
 *
 * The copied function makes a loop for one ring, so the ring's memory is constant in the copy too.
 *
 * When a visitor gets a copy:
 * - at once, when its first batch is large;
 * - else after several batches and records (CALLS_BEFORE_COPY, RECORDS_BEFORE_COPY);
 * - visitors that one function literal makes anew for each batch share a copy.
 *
 * When no copy can be made, the shared loop delivers the same records, only slower. That is so where code from strings
 * is forbidden (`--disallow-code-generation-from-strings`) or where the source was altered (coverage, a bundler's
 * helpers). Each loop is tried once, separately from the other loops. `stats()` counts the records by loop.
 */

/**
 * A visitor gets a copy after this many batches and records. V8 takes milliseconds to compile a copy, and for functions
 * made anew for each batch it would do so in each batch.
 */
const CALLS_BEFORE_COPY = 4;
const RECORDS_BEFORE_COPY = 16_384;

/**
 * A visitor whose first batch has at least this many bytes gets its copy at once. Making a copy takes 0.12 ms, and V8
 * compiles the loop once. With a copy after four batches, V8 would start again, with 10 ms of slow code.
 */
const BYTES_FOR_COPY_AT_ONCE = 32_768;

/**
 * For one visitor, this many rings get a copy each, in which the ring's memory is constant: saves 0.5 to 1 ns per
 * record. Further rings share one copy, since V8 must compile every copy.
 */
const RINGS_WITH_COPIES = 8;

let copies = 0;

/**
 * Makes a new copy of a function that uses nothing from outside.
 * @throws EvalError where code from strings is forbidden, SyntaxError where the source is not valid code
 */
function copyOf<Fn extends (...args: never[]) => unknown>(fn: Fn): Fn {
  // The number makes the source unique: V8 shares feedback between equal sources. Strict mode, so that a visitor's
  // `caller` is null and not the loop.
  return new Function(`'use strict'; return (${fn.toString()}) // ${copies++}`)() as Fn;
}

interface Own<Factory> {
  rings: number;
  shared: Factory | undefined;
}

/** Makes copies of one factory: a function that takes a ring's parts and returns the loop for that ring. */
export class LoopCopies<Factory extends (...args: never[]) => unknown> {
  readonly #original: Factory;
  readonly #works: (factory: Factory) => void;
  readonly #visitors = new WeakMap<object, Own<Factory>>();
  /** Whether copies of this loop work; undefined before the trial. */
  #usable: boolean | undefined;

  /** @param works tries a copy on an empty ring; if it throws, this loop is never copied */
  constructor(original: Factory, works: (factory: Factory) => void) {
    this.#original = original;
    this.#works = works;
  }

  /**
   * Returns a copy of the factory for this visitor: a new one for each of the first RINGS_WITH_COPIES rings, then a
   * shared one.
   * @returns undefined where no copy can be made
   */
  copyFor(visitor: object): Factory | undefined {
    this.#usable ??= this.#tryCopy();
    if (!this.#usable) return undefined;
    let own = this.#visitors.get(visitor);
    if (own === undefined) {
      own = { rings: 0, shared: undefined };
      this.#visitors.set(visitor, own);
    }
    own.rings++;
    try {
      if (own.rings <= RINGS_WITH_COPIES) return copyOf(this.#original);
      own.shared ??= copyOf(this.#original);
      return own.shared;
    } catch {
      // Copies work, but there is too little stack or memory now: this visitor keeps the shared loop.
      return undefined;
    }
  }

  /** Tries a separate copy: V8 treats a factory's first loop specially only as long as it is the only one. */
  #tryCopy(): boolean {
    try {
      this.#works(copyOf(this.#original));
      return true;
    } catch {
      return false;
    }
  }
}

/** How many new visitors with a literal are remembered; visitors called in a second batch are remembered for good. */
const MOST_RECENT = 4;

interface Entry<Loop> {
  readonly visitor: object;
  /** If the entry is for a literal: how many visitors it has made. */
  visitors: number;
  calls: number;
  records: number;
  loop: Loop | undefined;
  /** The entry of all visitors made from the same literal; undefined if the literal is unknown. */
  readonly literal: Entry<Loop> | undefined;
}

/**
 * Remembers, for each visitor of a ring, the number of records it has seen and its copy of the loop. Visitors made anew
 * for each batch, as in `drain((r) => …)`, share the copy of their function literal.
 */
export class LoopCache<Loop> {
  readonly #shared: Loop;
  readonly #fresh: (visitor: object) => Loop | undefined;
  readonly #counts: LoopCounts;
  /** Keys: literals, and visitors that have no literal or were called again. An entry costs 1 µs, mostly in the GC. */
  readonly #entries = new WeakMap<object, Entry<Loop>>();
  readonly #recent: Entry<Loop>[] = [];
  #oldest = 0;
  /** Entry of the last call, usually also that of the next call. */
  #last: Entry<Loop> | undefined;

  /**
   * @param fresh makes a copy of the loop for a visitor or a literal; returns undefined where no copy can be made
   * @param counts where the records are counted, by loop
   */
  constructor(shared: Loop, fresh: (visitor: object) => Loop | undefined, counts: LoopCounts) {
    this.#shared = shared;
    this.#fresh = fresh;
    this.#counts = counts;
  }

  /** @param bytes bytes of the batch that the visitor is about to visit */
  loopFor(visitor: object, bytes = 0): Loop {
    const entry = this.#entryOf(visitor);
    if (bytes >= BYTES_FOR_COPY_AT_ONCE && entry.calls === 0) this.#copyAtOnce(entry);
    return this.#loopOf(entry);
  }

  /**
   * Gives the first visitor of a literal its own copy, since most visitors are used again. When the literal makes a
   * second visitor, it probably makes one for each batch: these share one copy.
   */
  #copyAtOnce(entry: Entry<Loop>): void {
    const { visitor, literal } = entry;
    // Visitors without a literal may also be made anew for each batch; then each copy would be used once only.
    if (literal === undefined || (entry.loop ?? literal.loop) !== undefined) return;
    if (literal.visitors === 1) {
      this.#entries.set(visitor, entry);
      entry.loop = this.#copyFor(visitor);
    } else {
      literal.loop ??= this.#copyFor(literal.visitor);
    }
  }

  #copyFor(visitor: object): Loop {
    return this.#fresh(visitor) ?? this.#shared;
  }

  #loopOf(entry: Entry<Loop>): Loop {
    return entry.loop ?? entry.literal?.loop ?? this.#shared;
  }

  /**
   * Counts the records that the visitor's loop delivered, and makes a copy after enough calls and records.
   * @param sameBatch the visitor was already called in this batch: calls within one batch count as one call
   */
  countRecords(visitor: object, records: number, sameBatch = false): void {
    const entry = this.#entryOf(visitor);
    if (this.#loopOf(entry) === this.#shared) this.#counts.shared += records;
    else this.#counts.own += records;
    if (entry.loop !== undefined) return;
    this.#count(entry, records, sameBatch);
    if (entry.calls === 2 && !sameBatch) this.#entries.set(visitor, entry);
    // Later calls do not count for the literal: a visitor that is called again gets its own copy.
    if (entry.calls <= 1 && entry.literal !== undefined && entry.literal.loop === undefined) {
      this.#count(entry.literal, records, sameBatch);
    }
  }

  #count(entry: Entry<Loop>, records: number, sameBatch: boolean): void {
    if (!sameBatch) entry.calls++;
    entry.records += records;
    if (entry.calls >= CALLS_BEFORE_COPY && entry.records >= RECORDS_BEFORE_COPY) {
      entry.loop = this.#copyFor(entry.visitor);
    }
  }

  #entryOf(visitor: object): Entry<Loop> {
    if (this.#last?.visitor === visitor) return this.#last;
    const entry =
      this.#recent.find((one) => one.visitor === visitor) ??
      this.#entries.get(visitor) ??
      this.#newEntry(visitor);
    this.#last = entry;
    return entry;
  }

  #newEntry(visitor: object): Entry<Loop> {
    const literal = literalOf(visitor);
    const ofLiteral = literal && this.#entryOfLiteral(literal);
    const entry = entryFor(visitor, ofLiteral);
    if (ofLiteral === undefined) {
      // Only this map finds the visitor again after others were called.
      this.#entries.set(visitor, entry);
    } else {
      ofLiteral.visitors++;
      this.#recent[this.#oldest] = entry;
      this.#oldest = (this.#oldest + 1) % MOST_RECENT;
    }
    return entry;
  }

  #entryOfLiteral(literal: FunctionLiteral): Entry<Loop> {
    let entry = this.#entries.get(literal);
    if (entry === undefined) {
      entry = entryFor<Loop>(literal, undefined);
      this.#entries.set(literal, entry);
    }
    return entry;
  }
}

function entryFor<Loop>(visitor: object, literal: Entry<Loop> | undefined): Entry<Loop> {
  return { visitor, visitors: 0, calls: 0, records: 0, loop: undefined, literal };
}
