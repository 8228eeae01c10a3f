import type { FuzzRandom } from './fuzz-random';

/** The error that hostile values throw. The library must pass it on unchanged. */
class FuzzThrown extends Error {
  readonly code = 'FUZZ_THROWN';
}

const NUMBERS = [
  0,
  -0,
  1,
  2,
  3,
  4,
  7,
  8,
  16,
  64,
  4096,
  65_535,
  65_536,
  -1,
  -2,
  0.5,
  -0.5,
  1e-300,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  -(2 ** 31),
  -(2 ** 63),
  1e21,
  1e308,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
] as const;

const STRINGS = [
  '',
  'a',
  '0',
  '-1',
  '0-3,5',
  '0-4000000000',
  'r0',
  'r10',
  'r11',
  'u64',
  'out',
  'time',
  'cpu',
  'manual',
  'moderated',
  'sched_switch',
  'sys_enter',
  'comm',
  'char[16]',
  'bytes[65535]',
  'bytes[0]',
  'GPL',
  'a\0b',
  '\ud800',
  '../../etc/passwd',
  '__proto__',
  'constructor',
  '%s%n',
  '\u001b[2J',
  'x'.repeat(1 << 20),
  '/',
  '/proc/self/mem',
  '/dev/null',
  '==',
] as const;

/** The names of all options and fields that the package accepts. */
const NAMES = [
  'cpus',
  'bufferBytes',
  'memoryBytes',
  'order',
  'slackNanoseconds',
  'timeInPayload',
  'wakeup',
  'latencyMicroseconds',
  'turn',
  'attributes',
  'onLoss',
  'onlineCpus',
  'largestRecordBytes',
  'maxEntries',
  'name',
  'type',
  'keySize',
  'valueSize',
  'flags',
  'readOnly',
  'instructions',
  'license',
  'dataIn',
  'contextIn',
  'repeat',
  'cpu',
  'pid',
  'dataPageCount',
  'pageSize',
  'shared',
  'memory',
  'format',
  'cursors',
  'other',
  'limit',
  'records',
  'bytes',
  'microseconds',
  'sample',
  'lost',
  'signal',
  'highWaterMark',
  'timeoutMilliseconds',
  'drain',
  'tgid',
  'excludeTgid',
  'syscall',
  'typeOffset',
  'typeBytes',
  'onError',
  'live',
  'clock',
  'onFault',
  'paths',
  'everyEvents',
  'everyBytes',
  'fields',
  'kind',
  'offset',
  'size',
  'labels',
  'value',
  'samples',
  'sys',
  'proc',
  'aborted',
  'label',
  'code',
  'destination',
  'source',
  'immediate',
  'target',
  'text',
  'fd',
  'info',
  'closed',
  'sample_type',
  'read_format',
  'config',
  'clockid',
  'watermark',
  'wakeup_events',
  'inherit',
  'precise_ip',
  'help',
  'unit',
  'cause',
  'length',
  'then',
  'constructor',
  '__proto__',
  'toString',
  'available',
  'readOffset',
] as const;

/** Values that are mostly valid, so that calls get past their first check. */
const PLAUSIBLE: Readonly<Record<string, readonly unknown[]>> = {
  cpus: [[0], [0, 1], undefined],
  bufferBytes: [4096, 8192, 65_536],
  memoryBytes: [65_536, 1 << 20],
  order: ['cpu', 'time'],
  wakeup: ['manual', 'moderated', { everyEvents: 1 }, { everyBytes: 64 }],
  latencyMicroseconds: [50, 1000],
  turn: [{}, { records: 1 }, { bytes: 1 }, { microseconds: 1 }],
  dataPageCount: [1, 2, 4],
  pageSize: [2048, 4096],
  name: ['fuzz', 'field'],
  type: [1, 2, 4, 17],
  keySize: [4, 8],
  valueSize: [4, 8],
  maxEntries: [1, 64, 1024],
  flags: [0, 1],
  limit: [0, 1, 5],
  records: [1, 100],
  timeoutMilliseconds: [0, 1],
  tgid: [process.pid],
  syscall: [39],
  typeBytes: [1, 2, 4],
  typeOffset: [0, 4],
  live: [true, false],
  kind: ['u8', 'u64', 'f32', 'char[16]', 'bytes[7]'],
  offset: [0, 3, 8],
  pid: [-1, 0, process.pid],
  cpu: [0, 1, -1],
  drain: [true, false],
  timeInPayload: [0, 4, 8],
  slackNanoseconds: [0, 1000],
  clock: [
    () => 1e15,
    () => 0,
    process.hrtime.bigint,
    () => Symbol('now'),
    () => Number.NaN,
    () => ({ valueOf: () => 5 }),
    () => undefined,
  ],
};

/** One for all sequences, because each reserves gigabytes of address space. */
const WASM_MEMORY = Reflect.construct(Reflect.get(globalThis, 'WebAssembly').Memory, [{ initial: 1 }]) as {
  buffer: ArrayBuffer;
};

/** The objects that a fuzzed call may get, and what its arguments may do. */
export interface FuzzWorld {
  readonly random: FuzzRandom;
  /** Objects that earlier calls returned. */
  readonly pool: readonly unknown[];
  /** Makes another call, from inside a callback, a getter or a trap. */
  readonly reenter: () => void;
}

/** Makes invalid and unusual arguments. */
export class HostileValues {
  readonly #world: FuzzWorld;

  constructor(world: FuzzWorld) {
    this.#world = world;
  }

  value(depth = 0): unknown {
    const { random, pool } = this.#world;
    const way = random.below(100);
    if (way < 30 && pool.length > 0) return random.pick(pool);
    if (way < 48) return random.pick(NUMBERS);
    if (way < 55) return random.pick(STRINGS);
    if (way < 62) return this.memory();
    if (way < 72) return this.callback();
    if (way < 86 && depth < 3) return this.options(depth);
    if (way < 90 && depth < 3) return this.list(depth);
    if (way < 94) return this.trap();
    return random.pick<unknown>([
      undefined,
      null,
      true,
      false,
      10n,
      -1n,
      2n ** 64n,
      Symbol('fuzz'),
      Symbol.iterator,
      new Date(Number.NaN),
      /x/y,
      Promise.resolve(1),
      new Map(),
      new WeakMap(),
      Object.create(null),
      AbortSignal.abort(new FuzzThrown('aborted')),
      new AbortController().signal,
      new Error('plain'),
    ]);
  }

  /** Views and buffers of every kind and state. */
  memory(): unknown {
    const { random } = this.#world;
    const length = random.pick([0, 1, 4, 8, 14, 16, 112, 1040, 4096, 6144, 12_288]);
    switch (random.below(14)) {
      case 0:
        return new ArrayBuffer(length);
      case 1:
        return new SharedArrayBuffer(length);
      case 2:
        return random.bytes(length);
      case 3:
        return new DataView(new ArrayBuffer(length));
      case 4:
        return new Uint8Array(new SharedArrayBuffer(length));
      case 5:
        return new BigUint64Array(length >> 3);
      case 6:
        return new Float64Array(length >> 3);
      case 7:
        return new Uint8Array(new ArrayBuffer(length + 3), 3);
      case 8:
        return detached(new ArrayBuffer(length));
      case 9:
        return detachedView(length);
      case 10:
        return shrunk(length);
      case 11:
        return Reflect.construct(SharedArrayBuffer, [8, { maxByteLength: 12_288 }]);
      case 12:
        return Buffer.alloc(length);
      default:
        return WASM_MEMORY.buffer;
    }
  }

  /** A function that returns a value, throws, or makes another call. */
  callback(): unknown {
    const { random } = this.#world;
    const answer = random.pick<unknown>([
      undefined,
      false,
      true,
      null,
      1,
      [0],
      [0, 1],
      Number.NaN,
      -1,
      Symbol('answer'),
    ]);
    const way = random.below(6);
    return () => {
      if (way === 0) throw new FuzzThrown('thrown in a callback');
      if (way === 1 || way === 2) this.#world.reenter();
      if (way === 3) return this.value(2);
      return answer;
    };
  }

  options(depth: number): unknown {
    const { random } = this.#world;
    const options: Record<string, unknown> = {};
    for (let count = random.below(5); count > 0; count--) {
      const name = random.pick(NAMES);
      const plausible = PLAUSIBLE[name];
      const way = random.below(10);
      if (way === 0) {
        Object.defineProperty(options, name, {
          enumerable: true,
          configurable: true,
          get: this.callback() as () => unknown,
        });
      } else {
        const value = plausible !== undefined && way < 8 ? random.pick(plausible) : this.value(depth + 1);
        Object.defineProperty(options, name, { enumerable: true, configurable: true, writable: true, value });
      }
    }
    return options;
  }

  list(depth: number): unknown {
    const { random } = this.#world;
    if (random.chance(10)) return new Array(2 ** 32 - 1);
    return Array.from({ length: random.below(4) }, () => this.value(depth + 1));
  }

  /** Proxies and getters. */
  trap(): unknown {
    const { random } = this.#world;
    const throws = (): never => {
      throw new FuzzThrown('thrown in a trap');
    };
    const target = random.pick<object>([{}, [], () => 1, new Uint8Array(16), new ArrayBuffer(16)]);
    switch (random.below(6)) {
      case 0: {
        // Not of a function: a revoked proxy of one, used as a visitor, throws an error without a code.
        const { proxy, revoke } = Proxy.revocable(typeof target === 'function' ? {} : target, {});
        revoke();
        return proxy;
      }
      case 1:
        return new Proxy(target, { get: throws, has: throws, ownKeys: throws, getPrototypeOf: throws });
      case 2:
        return new Proxy(target, { get: () => this.value(2) });
      case 3:
        return new Proxy(target, {
          get: (object, name) => {
            this.#world.reenter();
            return Reflect.get(object, name);
          },
        });
      case 4:
        return { valueOf: throws, toString: throws, [Symbol.toPrimitive]: throws };
      default:
        return { length: random.pick(NUMBERS), [Symbol.iterator]: this.callback() };
    }
  }
}

function detached(buffer: ArrayBuffer): ArrayBuffer {
  structuredClone(buffer, { transfer: [buffer] });
  return buffer;
}

function detachedView(length: number): Uint8Array {
  const view = new Uint8Array(length + 8);
  detached(view.buffer as ArrayBuffer);
  return view;
}

/** A view whose resizable buffer was made too short for it. */
function shrunk(length: number): Uint8Array {
  const buffer = Reflect.construct(ArrayBuffer, [
    length + 8,
    { maxByteLength: length + 64 },
  ]) as ArrayBuffer & {
    resize(length: number): void;
  };
  const view = new Uint8Array(buffer, 0, length + 8);
  buffer.resize(1);
  return view;
}
