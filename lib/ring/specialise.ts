/**
 * Copies of the hot loops, one a visitor.
 *
 * V8 keeps what it learns about a call site in the function that holds it. A loop shared by several visitors has
 * a call site that has seen them all, and none is inlined any more. A copy of the loop, made from its own source,
 * learns about one visitor alone. Where making code from strings is forbidden, or the source has been altered
 * (coverage, a bundler's helpers), the shared loop serves.
 */

/**
 * A visitor earns its copy by coming back and by what it has seen: making and compiling one costs milliseconds, and a
 * function made anew for every call would pay that again and again.
 */
const CALLS_BEFORE_COPY = 4;
const RECORDS_BEFORE_COPY = 16_384;

/**
 * Loops that are copied for a ring as well know its memory as constants, 0.5 to 1 ns a record. So many rings of one
 * visitor get that; the others share a copy, since each costs V8 a compilation.
 */
const RINGS_WITH_COPIES = 8;

let copies = 0;
let copying = true;

/** A fresh copy of a function that names nothing outside itself, or the function where none can be made. */
function copyOf<Fn extends (...args: never[]) => unknown>(fn: Fn): Fn {
  if (!copying) return fn;
  try {
    // The number makes the source unique: V8 shares feedback between equal sources.
    return new Function(`return (${fn.toString()}) // ${copies++}`)() as Fn;
  } catch {
    copying = false;
    return fn;
  }
}

interface Own<Factory> {
  rings: number;
  shared: Factory | undefined;
}

/** Makes the copies of one loop. The loop is a factory: it takes what is the ring's, and answers the loop for it. */
export class LoopCopies<Factory extends (...args: never[]) => unknown> {
  readonly #original: Factory;
  readonly #works: (factory: Factory) => void;
  readonly #visitors = new WeakMap<object, Own<Factory>>();
  #tried = false;

  /** @param works tries a copy on nothing; when it throws there, no copies are used */
  constructor(original: Factory, works: (factory: Factory) => void) {
    this.#original = original;
    this.#works = works;
  }

  /** A factory that has seen no other visitor; and, for the first rings, will make one loop only. */
  copyFor(visitor: object): Factory {
    if (!this.#usable()) return this.#original;
    let own = this.#visitors.get(visitor);
    if (own === undefined) {
      own = { rings: 0, shared: undefined };
      this.#visitors.set(visitor, own);
    }
    own.rings++;
    if (own.rings <= RINGS_WITH_COPIES) return copyOf(this.#original);
    own.shared ??= copyOf(this.#original);
    return own.shared;
  }

  /** Tries on a copy of its own: what a factory makes first is special to V8 only while it is the only one. */
  #usable(): boolean {
    if (!this.#tried) {
      this.#tried = true;
      try {
        this.#works(copyOf(this.#original));
      } catch {
        copying = false;
      }
    }
    return copying;
  }
}

interface Entry<Loop> {
  calls: number;
  records: number;
  loop: Loop | undefined;
}

/** Remembers, for each visitor of a ring, how much it has seen and the loop that is its own. */
export class LoopCache<Loop> {
  readonly #shared: Loop;
  readonly #fresh: (visitor: object) => Loop;
  readonly #entries = new WeakMap<object, Entry<Loop>>();
  /** The visitor of the last call, which usually is the next one's. */
  #visitor: object | undefined;
  #entry: Entry<Loop> | undefined;

  /** @param fresh makes a copy of the loop for a visitor */
  constructor(shared: Loop, fresh: (visitor: object) => Loop) {
    this.#shared = shared;
    this.#fresh = fresh;
  }

  loopFor(visitor: object): Loop {
    return this.#entryOf(visitor).loop ?? this.#shared;
  }

  /**
   * Counts what a visitor has seen, and gives it a loop of its own when that pays.
   * @param goesOn the same call as before, as its caller sees it: of that batch
   */
  saw(visitor: object, records: number, goesOn = false): void {
    const entry = this.#entryOf(visitor);
    if (entry.loop !== undefined) return;
    if (!goesOn) entry.calls++;
    entry.records += records;
    if (entry.calls >= CALLS_BEFORE_COPY && entry.records >= RECORDS_BEFORE_COPY) {
      entry.loop = this.#fresh(visitor);
    }
  }

  #entryOf(visitor: object): Entry<Loop> {
    if (visitor === this.#visitor && this.#entry !== undefined) return this.#entry;
    let entry = this.#entries.get(visitor);
    if (entry === undefined) {
      entry = { calls: 0, records: 0, loop: undefined };
      this.#entries.set(visitor, entry);
    }
    this.#visitor = visitor;
    this.#entry = entry;
    return entry;
  }
}
