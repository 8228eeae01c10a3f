import { type FunctionLiteral, literalOf } from './function-literal';

/**
 * Copies of the hot loops, one for each visitor, or one for all visitors that one piece of code makes.
 *
 * V8 keeps what it learns about a call site in the function that holds it. A loop shared by several visitors has
 * a call site that has seen them all, and none is inlined any more. A copy of the loop, made from its own source,
 * learns about one visitor alone. Where making code from strings is forbidden, or the source has been altered
 * (coverage, a bundler's helpers), the shared loop is used.
 */

/**
 * A visitor gets a copy after so many calls and records: making and compiling one costs milliseconds, and a function
 * made anew for every call would pay that again and again. Such a function uses the copy of the code that makes it.
 */
const CALLS_BEFORE_COPY = 4;
const RECORDS_BEFORE_COPY = 16_384;

/**
 * Loops that are copied for a ring as well know its memory as constants, 0.5 to 1 ns a record. So many rings of one
 * visitor get that; the others share a copy, since each costs V8 a compilation.
 */
const RINGS_WITH_COPIES = 8;

let copies = 0;

/**
 * A fresh copy of a function that names nothing outside itself.
 * @throws what `new Function` throws: EvalError where code from strings is forbidden, SyntaxError where the source is none
 */
function copyOf<Fn extends (...args: never[]) => unknown>(fn: Fn): Fn {
  // The number makes the source unique: V8 shares feedback between equal sources. Strict: a visitor's `caller` is null
  // and not the loop.
  return new Function(`'use strict'; return (${fn.toString()}) // ${copies++}`)() as Fn;
}

interface Own<Factory> {
  rings: number;
  shared: Factory | undefined;
}

/** Makes the copies of one loop. The loop is a factory: it takes what belongs to the ring, and returns the loop for it. */
export class LoopCopies<Factory extends (...args: never[]) => unknown> {
  readonly #original: Factory;
  readonly #works: (factory: Factory) => void;
  readonly #visitors = new WeakMap<object, Own<Factory>>();
  /** Whether copies of this loop work; undefined before the first was tried. */
  #usable: boolean | undefined;

  /** @param works tries a copy on an empty ring; when it throws there, this loop is never copied */
  constructor(original: Factory, works: (factory: Factory) => void) {
    this.#original = original;
    this.#works = works;
  }

  /**
   * A factory that has seen no other visitor; and, for the first rings, will make one loop only.
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
      // Copies work, but the stack or the memory does not suffice now: this visitor keeps the shared loop.
      return undefined;
    }
  }

  /** Tries a copy of its own: the first loop that a factory makes is special to V8 only while it is the only one. */
  #tryCopy(): boolean {
    try {
      this.#works(copyOf(this.#original));
      return true;
    } catch {
      return false;
    }
  }
}

/** Records that the loops of one ring, or of one merge, have delivered, by loop. */
export interface LoopCounts {
  /** By the loop that all visitors share. */
  shared: number;
  /** By copies, each of one visitor or of one piece of code. */
  own: number;
}

export function noLoopCounts(): LoopCounts {
  return { shared: 0, own: 0 };
}

/** New visitors with a literal that are remembered at once; those that are seen again are remembered for good. */
const MOST_RECENT = 4;

interface Entry<Loop> {
  readonly visitor: object;
  calls: number;
  records: number;
  loop: Loop | undefined;
  /** Of all visitors made by the same code; undefined where that cannot be told. */
  readonly literal: Entry<Loop> | undefined;
}

/**
 * Remembers, for each visitor of a ring, how many records it has seen, and the copy of the loop that is its own. Visitors
 * made anew for each batch, as people write them, share a copy by the code that makes them.
 */
export class LoopCache<Loop> {
  readonly #shared: Loop;
  readonly #fresh: (visitor: object) => Loop | undefined;
  readonly #counts: LoopCounts;
  /** By visitor that came back, or has no literal, and by literal. Each one entered costs 1 µs, most of it when it is collected. */
  readonly #entries = new WeakMap<object, Entry<Loop>>();
  readonly #recent: Entry<Loop>[] = [];
  #oldest = 0;
  /** Of the last call, which usually is the next one's. */
  #last: Entry<Loop> | undefined;

  /**
   * @param fresh makes a copy of the loop for a visitor, or for a literal; undefined where none can be made
   * @param counts counts the records by loop
   */
  constructor(shared: Loop, fresh: (visitor: object) => Loop | undefined, counts: LoopCounts) {
    this.#shared = shared;
    this.#fresh = fresh;
    this.#counts = counts;
  }

  loopFor(visitor: object): Loop {
    return this.#loopOf(this.#entryOf(visitor));
  }

  #loopOf(entry: Entry<Loop>): Loop {
    return entry.loop ?? entry.literal?.loop ?? this.#shared;
  }

  /**
   * Counts the records that the visitor's loop delivered, and gives the visitor a loop of its own when that pays.
   * @param goesOn the same call as before, as its caller sees it: of that batch
   */
  saw(visitor: object, records: number, goesOn = false): void {
    const entry = this.#entryOf(visitor);
    if (this.#loopOf(entry) === this.#shared) this.#counts.shared += records;
    else this.#counts.own += records;
    if (entry.loop !== undefined) return;
    this.#count(entry, records, goesOn);
    if (entry.calls === 2 && !goesOn) this.#entries.set(visitor, entry);
    // What comes back has a loop of its own in time.
    if (entry.calls <= 1 && entry.literal !== undefined && entry.literal.loop === undefined) {
      this.#count(entry.literal, records, goesOn);
    }
  }

  #count(entry: Entry<Loop>, records: number, goesOn: boolean): void {
    if (!goesOn) entry.calls++;
    entry.records += records;
    if (entry.calls >= CALLS_BEFORE_COPY && entry.records >= RECORDS_BEFORE_COPY) {
      entry.loop = this.#fresh(entry.visitor) ?? this.#shared;
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
    const entry = entryFor(visitor, literal && this.#entryOfLiteral(literal));
    if (literal === undefined) {
      // Nothing else would serve it, should it come back after others.
      this.#entries.set(visitor, entry);
    } else {
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
  return { visitor, calls: 0, records: 0, loop: undefined, literal };
}
