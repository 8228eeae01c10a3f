import { BPF_MAP_TYPE_ARRAY, BPF_PROG_TYPE_RAW_TRACEPOINT } from '../../lib/abi/bpf';
import * as perfring from '../../lib/index';
import { FuzzRandom } from './fuzz-random';
import { wrongWith } from './fuzz-outcome';
import { HostileValues } from './fuzz-values';
import { RemoteSampleProducer } from './producers';

type Callable = (...args: unknown[]) => unknown;

/** A function to call. */
interface Target {
  readonly name: string;
  readonly receiver: unknown;
  readonly call: Callable;
  /** Called with `new`. */
  readonly isClass: boolean;
}

/** The deepest nesting of calls within callbacks. */
const DEEPEST = 3;
const CALLS_IN_A_SEQUENCE = 40;
/** Far longer than closing everything takes. A promise that is still pending after it is a finding. */
const SETTLED_MILLISECONDS = 20_000;

/**
 * Members marked `@internal`: layers of the library call them with arguments that are already checked. And `unsafe…`,
 * whose documentation says how a caller can crash the process with it.
 */
const NOT_CALLED: ReadonlySet<string> = new Set([
  'constructor',
  'throw',
  'end',
  'unsafeMemory',
  'ofHandle',
  // A reader calls these functions with its records. They don't check their argument, which would take time for every
  // record.
  'visitors',
  'native',
  'mapping',
]);

/**
 * Constructors that are private in TypeScript: `open`, `create` and similar functions make these objects. And
 * constructors of errors, which take the arguments of Error.
 */
const NOT_CONSTRUCTED: ReadonlySet<string> = new Set([
  'Btf',
  'BpfObject',
  'PerfRing',
  'PerfMapReader',
  'FlightRecorder',
  'PerfEventArray',
  'RingBufferMap',
  'RingBufferReader',
  'BpfMap',
  'BpfProgram',
  'MmapRingStorage',
  'PerfRingError',
  'PerfSystemError',
  'ProgramRejectedError',
]);

/** Function -> the index of the parameter through which tests pass another addon, which is not fuzzed. */
const NATIVE_AT: Readonly<Record<string, number>> = {
  'PerfMapReader.open': 2,
  'FlightRecorder.open': 2,
  attachBuiltin: 3,
  'PerfEventArray.create': 1,
  'PerfEventArray.openPinned': 1,
  'PerfEventArray.openById': 1,
  'PerfEventArray.openByFd': 1,
  'BpfMap.create': 1,
  'BpfMap.openPinned': 2,
  'BpfMap.openById': 2,
  'BpfMap.openByFd': 1,
  'BpfProgram.load': 1,
  'MmapRingStorage.open': 1,
};

/** One sequence of calls to everything that lib/index.ts exports, and to every object that such calls make. */
export class PackageFuzz {
  readonly findings: string[] = [];
  calls = 0;
  readonly #random: FuzzRandom;
  readonly #values: HostileValues;
  readonly #pool: unknown[] = [];
  readonly #promises: {
    readonly what: string;
    readonly promise: Promise<unknown>;
    readonly foreign: boolean;
  }[] = [];
  readonly #ownMapIds = new Set<number>();
  #depth = 0;

  constructor(seed: number) {
    this.#random = new FuzzRandom(seed);
    this.#values = new HostileValues({
      random: this.#random,
      pool: this.#pool,
      reenter: () => {
        if (this.#depth < DEEPEST) this.#step();
      },
    });
  }

  async run(): Promise<void> {
    const shared = SharedMap.get();
    this.#ownMapIds.add(shared.array.info.id);
    this.#furnish(shared);
    try {
      for (let call = 0; call < CALLS_IN_A_SEQUENCE; call++) {
        this.#step();
        if (this.#random.chance(10)) shared.emit();
        if (this.#random.chance(15)) await new Promise(setImmediate);
      }
    } finally {
      await this.#closeAll();
    }
  }

  /** Checks an exception of a callback that was not caught. */
  uncaught(error: unknown): void {
    const wrong = wrongWith(error, false);
    if (wrong !== undefined) this.findings.push(`uncaught: ${wrong}`);
  }

  /** Opens real objects to use in calls. */
  #furnish({ array }: SharedMap): void {
    const random = this.#random;
    const make = (maker: () => unknown): void => {
      if (random.chance(55)) this.#adopt(maker());
    };
    this.#adopt(perfring.PerfEventArray.openById(array.info.id));
    make(() => filledRing(false));
    make(() => filledRing(true));
    make(() => new perfring.MemoryRingStorage({ dataPageCount: 1 }).ring);
    make(() => new perfring.RingReader({ live: random.chance(50) }));
    make(() => new perfring.Dispatcher());
    if (random.chance(40)) {
      const clock = random.chance(40) ? random.pick(CLOCKS) : undefined;
      for (const made of mergeScene(1 + random.below(4), clock)) this.#adopt(made);
    }
    make(() => perfring.BpfMap.create({ type: BPF_MAP_TYPE_ARRAY, keySize: 4, valueSize: 8, maxEntries: 4 }));
    make(() =>
      perfring.BpfProgram.load({
        type: BPF_PROG_TYPE_RAW_TRACEPOINT,
        instructions: perfring.bpf.assemble([perfring.bpf.mov('r0', 0), perfring.bpf.exit()]),
      }),
    );
    make(() => perfring.RingBufferMap.create({ capacityBytes: 4096 }));
    make(() => {
      const map = perfring.RingBufferMap.create({ capacityBytes: 4096 });
      this.#adopt(map);
      return perfring.RingBufferReader.open(map, { wakeup: random.pick(['manual', 'moderated']) });
    });
    make(() => perfring.MmapRingStorage.open({ cpu: 0, dataPageCount: 1 }));
    make(() =>
      perfring.defineLayout([
        { name: 'a', kind: 'u32' },
        { name: 'b', kind: 'char[16]' },
      ]),
    );
    const way = random.below(4);
    if (way === 0) this.#adopt(perfring.FlightRecorder.open(array, { bufferBytes: 4096 }));
    if (way > 1) {
      const order = random.pick(['cpu', 'time'] as const);
      this.#adopt(
        perfring.PerfMapReader.open(array, {
          order,
          bufferBytes: 4096,
          wakeup: random.pick(['manual', 'moderated']),
        }),
      );
    }
  }

  #step(): void {
    const target = this.#target();
    if (target === undefined) return;
    const args = this.#arguments(target.name);
    const foreign = this.#random.chance(3);
    const receiver = foreign ? this.#values.value() : target.receiver;
    this.#depth++;
    this.calls++;
    const asFunction = target.isClass && this.#random.chance(5);
    try {
      const result =
        target.isClass && !asFunction
          ? Reflect.construct(target.call, args)
          : Reflect.apply(target.call, receiver, args);
      this.#took(target.name, result, foreign);
    } catch (error) {
      const wrong = wrongWith(error, foreign || asFunction);
      if (wrong !== undefined)
        this.findings.push(`${target.name}(${args.map(shortly).join(', ')}): ${wrong}`);
    } finally {
      this.#depth--;
    }
  }

  #took(what: string, result: unknown, foreign: boolean): void {
    if (result instanceof Promise) {
      result.catch(() => undefined);
      this.#promises.push({ what, promise: result, foreign });
      void result.then(
        (value) => {
          this.#adopt(value);
          // The value of next() of a reader: a batch, or records.
          this.#adopt(safely(() => (value as { value?: unknown } | null | undefined)?.value));
        },
        () => undefined,
      );
      return;
    }
    this.#adopt(result);
  }

  #adopt(result: unknown): void {
    if ((typeof result !== 'object' && typeof result !== 'function') || result === null) return;
    if (!this.#pool.includes(result) && this.#pool.length < 60) this.#pool.push(result);
    const id = (result as { info?: { id?: unknown } }).info?.id;
    if (result instanceof perfring.BpfMap && typeof id === 'number') this.#ownMapIds.add(id);
  }

  #target(): Target | undefined {
    const random = this.#random;
    if (random.chance(45) || this.#pool.length === 0) return random.pick(EXPORTS);
    const owner = random.pick(this.#pool);
    if (typeof owner === 'function') {
      return { name: 'a function', receiver: undefined, call: owner as Callable, isClass: false };
    }
    const members = membersOf(owner);
    if (members.length === 0) return undefined;
    const [name, call] = random.pick(members);
    return { name: `${owner?.constructor?.name ?? 'object'}.${name}`, receiver: owner, call, isClass: false };
  }

  /** Hostile arguments, often too few or too many. Those that would harm other processes are replaced. */
  #arguments(name: string): unknown[] {
    // A generator does not check the value with which it is resumed.
    if (/\.(next|return)$/.test(name)) return [];
    const args = Array.from({ length: this.#random.below(5) }, () => this.#values.value());
    const [first] = args;
    if (/openById/.test(name) && typeof first === 'number' && first >= 1 && !this.#ownMapIds.has(first))
      args[0] = 0xffff_fff0;
    if (/testRun/.test(name) && args.length > 0) args[0] = { repeat: 10 };
    // Maps use kernel memory of their size.
    if (/BpfMap.create|PerfEventArray.create|RingBufferMap.create/.test(name) && asksForMuch(first))
      args[0] = {};
    const most = NATIVE_AT[name];
    return most === undefined ? args : args.slice(0, most);
  }

  async #closeAll(): Promise<void> {
    for (const owner of this.#pool) {
      const close = safely(() => (owner as { close?: unknown }).close);
      if (typeof close !== 'function' || !isOurs(owner)) continue;
      this.#depth = DEEPEST;
      try {
        this.#took('close', Reflect.apply(close as Callable, owner, []), false);
      } catch (error) {
        const wrong = wrongWith(error, false);
        if (wrong !== undefined) this.findings.push(`close(): ${wrong}`);
      }
    }
    for (const { what, promise, foreign } of this.#promises) {
      const settled = await within(SETTLED_MILLISECONDS, promise);
      if (settled === 'pending') this.findings.push(`${what}: its promise never settles`);
      else if (settled.status === 'rejected') {
        const wrong = wrongWith(settled.reason, foreign);
        if (wrong !== undefined) this.findings.push(`${what}: rejected, ${wrong}`);
      }
    }
  }
}

/** The perf event array for samples, one for the process. A sequence opens it by id, as another reader would. */
class SharedMap {
  static #only: SharedMap | undefined;
  readonly array = perfring.PerfEventArray.create({ name: 'fuzz' });
  readonly #producer = new RemoteSampleProducer(this.array, { sizes: [8, 48, 200] });

  static get(): SharedMap {
    SharedMap.#only ??= new SharedMap();
    return SharedMap.#only;
  }

  static close(): void {
    const only = SharedMap.#only;
    if (only === undefined) return;
    only.#producer.close();
    only.array.close();
    SharedMap.#only = undefined;
  }

  emit(): void {
    for (const cpu of perfring.onlineCpus()) this.#producer.emitOne({ cpu });
  }
}

/** Call it after the last sequence. Closes everything that the sequences shared. */
export function endPackageFuzz(): void {
  SharedMap.close();
}

function filledRing(shared: boolean): perfring.PerfRing {
  const { ring } = new perfring.MemoryRingStorage({ dataPageCount: 1, shared });
  ring.startWriteBatch();
  for (let length = 1; ring.tryWrite(new Uint8Array(length)) >= 0; length++);
  ring.finishWriteBatch();
  return ring;
}

/**
 * Rings of timed samples in a reader: a recording with a pass begun, or a live reader whose clock returns anything. And
 * functions that close a ring or detach its memory, which the fuzzer calls at any moment, also as visitors.
 */
function mergeScene(rings: number, clock: (() => unknown) | undefined): unknown[] {
  const reader = new perfring.RingReader(
    clock === undefined ? { live: false } : { clock: clock as () => number },
  );
  const made = Array.from({ length: rings }, (_, cpu): unknown[] => {
    const memory = new ArrayBuffer(2 * 4096);
    const ring = perfring.PerfRing.initContiguous(memory, 1, 4096, { timeInPayload: 0, cpu });
    ring.startWriteBatch();
    for (let time = cpu; ring.tryWrite(timeOf(time)) >= 0; time += rings);
    ring.finishWriteBatch();
    reader.addRing(ring);
    const detach = (): void => {
      if (memory.byteLength > 0) structuredClone(memory, { transfer: [memory] });
    };
    return [ring, () => ring.close(), detach];
  });
  if (clock === undefined) reader.start();
  return [reader, ...made.flat()];
}

const CLOCKS: readonly (() => unknown)[] = [
  () => 1e15,
  () => Number.NaN,
  process.hrtime.bigint,
  () => Symbol('now'),
  () => ({ valueOf: () => Symbol('now') }),
];

function timeOf(nanoseconds: number): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt(nanoseconds), 7n).buffer);
}

const EXPORTS: readonly Target[] = collectExports('', perfring);

function collectExports(prefix: string, owner: object): Target[] {
  return Object.entries(owner).flatMap(([key, value]): Target[] => {
    const name = `${prefix}${key}`;
    if (typeof value === 'function') {
      const isClass = /^class\b/.test(Function.prototype.toString.call(value));
      const itself = { name, receiver: undefined, call: value as Callable, isClass };
      return [...(NOT_CONSTRUCTED.has(name) ? [] : [itself]), ...staticsOf(name, value as Callable)];
    }
    // Namespaces (bpf, kernel), arrays and plain objects: only their members can be called.
    return typeof value === 'object' && value !== null ? collectExports(`${name}.`, value as object) : [];
  });
}

function staticsOf(name: string, owner: Callable): Target[] {
  return Object.getOwnPropertyNames(owner).flatMap((key) => {
    if (NOT_CALLED.has(key)) return [];
    const value = Object.getOwnPropertyDescriptor(owner, key)?.value as unknown;
    if (typeof value !== 'function' || key === 'prototype') return [];
    return [{ name: `${name}.${key}`, receiver: owner, call: value as Callable, isClass: false }];
  });
}

function asksForMuch(options: unknown): boolean {
  if (typeof options !== 'object' || options === null) return false;
  return ['maxEntries', 'keySize', 'valueSize', 'capacityBytes'].some((name) => {
    const size = safely(() => (options as Readonly<Record<string, unknown>>)[name]);
    const isGetter = safely(() => Object.getOwnPropertyDescriptor(options, name)?.get !== undefined) ?? true;
    return isGetter || (typeof size === 'number' && size > 4096);
  });
}

/** Prototypes of JavaScript and node, whose methods are not under test. */
const FOREIGN: ReadonlySet<unknown> = new Set([
  Object.prototype,
  Function.prototype,
  Array.prototype,
  Map.prototype,
  Error.prototype,
  Uint8Array.prototype,
  Promise.prototype,
  Object.getPrototypeOf(Uint8Array.prototype),
  require('node:stream').Readable.prototype,
  require('node:stream').Stream.prototype,
  require('node:events').prototype,
]);

function isOurs(value: unknown): boolean {
  const prototype = safely(() => Object.getPrototypeOf(value)) as unknown;
  return typeof prototype === 'object' && prototype !== null && !FOREIGN.has(prototype);
}

function isForeign(level: unknown): boolean {
  const maker = safely(() => (level as { constructor?: unknown }).constructor);
  if (typeof maker === 'function' && /\{ \[native code\] \}$/.test(Function.prototype.toString.call(maker))) {
    return level === maker.prototype;
  }
  return FOREIGN.has(level);
}

/** Functions in plain objects of the library. Other functions in them come from the caller. */
const OWN_FUNCTIONS: ReadonlySet<string> = new Set([
  'close',
  'sample',
  'other',
  'build',
  'Symbol(nodejs.dispose)',
  'Symbol(Symbol.dispose)',
]);

/** Methods, getters and setters of an object, own and inherited. */
function membersOf(owner: unknown): [string, Callable][] {
  const members: [string, Callable][] = [];
  for (
    let level = owner;
    level !== null && level !== undefined && !isForeign(level);
    level = safely(() => Object.getPrototypeOf(level))
  ) {
    for (const key of safely(() => Reflect.ownKeys(level as object)) ?? []) {
      if (typeof key === 'string' && (NOT_CALLED.has(key) || key.startsWith('_'))) continue;
      const descriptor = safely(() => Object.getOwnPropertyDescriptor(level, key));
      if (level === owner && !OWN_FUNCTIONS.has(String(key))) continue;
      for (const call of [descriptor?.value as unknown, descriptor?.get, descriptor?.set]) {
        if (typeof call === 'function') members.push([String(key), call as Callable]);
      }
    }
  }
  return members;
}

/** Reads a property of an object that may be a proxy which throws. */
function safely<Result>(look: () => Result): Result | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

async function within(
  milliseconds: number,
  promise: Promise<unknown>,
): Promise<PromiseSettledResult<unknown> | 'pending'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'pending'>((resolve) => {
    timer = setTimeout(() => resolve('pending'), milliseconds);
  });
  try {
    return await Promise.race([Promise.allSettled([promise]).then(([settled]) => settled), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Shows an argument in a report. */
export function shortly(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 20));
  if (typeof value === 'symbol' || typeof value === 'bigint') return String(value);
  if (typeof value === 'function') return 'function';
  if (typeof value !== 'object' || value === null) return String(value);
  const name = safely(() => value.constructor?.name);
  const keys = safely(() => Object.keys(value).slice(0, 5).join(',')) ?? 'throws';
  return `${String(name)}{${ArrayBuffer.isView(value) ? '' : keys}}`;
}
