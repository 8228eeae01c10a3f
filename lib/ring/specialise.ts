import { type FunctionLiteral, literalOf } from './function-literal';

/**
 * Copies of the hot loops (lib/ring/record-scan.ts, lib/merge).
 *
 * V8 keeps what it learns about a call in the function that holds the call. A loop that several visitors share calls them all
 * from one place, and V8 inlines none of them. A copy of the loop, made from its own source, learns about one visitor.
 *
 * What is copied: the function that makes a loop for a ring, so that the ring's memory is constant in the copy as well.
 *
 * When a visitor gets a copy:
 * - at once, when its first batch is large;
 * - else after some batches and records, when it comes back;
 * - visitors that one piece of code makes anew for each batch share a copy.
 *
 * Where no copy can be made the loop that all share delivers the same records, only slower: where code from strings is
 * forbidden (`--disallow-code-generation-from-strings`), and where the source was altered (coverage, a bundler's helpers).
 * Each loop finds that out for itself, by one trial, and other loops are still copied. `stats()` counts the records by loop.
 */

/**
 * A visitor gets a copy after so many batches and records. V8 takes milliseconds to compile one, and a function made anew for
 * every batch would cost that again and again.
 */
const CALLS_BEFORE_COPY = 4;
const RECORDS_BEFORE_COPY = 16_384;

/**
 * A visitor whose first batch is that large gets its copy at once. Making one takes 0.12 ms, and V8 then compiles the loop once:
 * after four batches by the shared loop it would begin anew, with 10 ms of slow code.
 */
const BYTES_FOR_COPY_AT_ONCE = 32_768;

/**
 * So many rings of one visitor get a copy each, in which the ring's memory is constant: 0.5 to 1 ns a record less. Further
 * rings share a copy, since V8 has to compile each.
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
  /** Of a literal: how many visitors it has made. */
  visitors: number;
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

  /** @param bytes that the visitor is about to visit */
  loopFor(visitor: object, bytes = 0): Loop {
    const entry = this.#entryOf(visitor);
    if (bytes >= BYTES_FOR_COPY_AT_ONCE && entry.calls === 0) this.#copyAtOnce(entry);
    return this.#loopOf(entry);
  }

  /**
   * For the first visitor of a literal a copy of its own, since most visitors come back. When the literal makes a second
   * one, it makes one for each batch: they get one copy together.
   */
  #copyAtOnce(entry: Entry<Loop>): void {
    const { visitor, literal } = entry;
    // A visitor without a literal may be made anew for each batch as well, and then each copy would be in vain.
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
   * Counts the records that the visitor's loop delivered, and makes a copy for the visitor when that pays.
   * @param sameBatch the visitor was called in this batch before: calls within one batch count as one call
   */
  countRecords(visitor: object, records: number, sameBatch = false): void {
    const entry = this.#entryOf(visitor);
    if (this.#loopOf(entry) === this.#shared) this.#counts.shared += records;
    else this.#counts.own += records;
    if (entry.loop !== undefined) return;
    this.#count(entry, records, sameBatch);
    if (entry.calls === 2 && !sameBatch) this.#entries.set(visitor, entry);
    // A visitor that comes back gets a copy of its own in time.
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
      // It is known by nothing else when it comes back after others.
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
