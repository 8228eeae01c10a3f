import type { BoundRingGroup, NativeAddon } from '../../lib/addon/contract';
import { addon } from '../../lib/addon/load';
import * as asm from '../../lib/bpf/instructions';
import { encodePerfEventAttr, PERF_COUNT_SW_BPF_OUTPUT, PERF_SAMPLE_RAW } from '../../lib/abi/perf-event';
import { BPF_MAP_TYPE_PERF_EVENT_ARRAY, BPF_PROG_TYPE_RAW_TRACEPOINT } from '../../lib/abi/bpf';
import { types } from 'node:util';
import { FuzzRandom } from './fuzz-random';
import { wrongWith } from './fuzz-outcome';
import { shortly } from './fuzz-package';
import { HostileValues } from './fuzz-values';

type Callable = (...args: unknown[]) => unknown;

const CALLS_IN_A_SEQUENCE = 60;
const DEEPEST = 3;

const native = addon();
/** Without `path`, which the package `bindings` adds. */
const FUNCTIONS = (Object.keys(native) as (keyof NativeAddon)[]).filter(
  (name) => typeof native[name] === 'function',
);

const ATTR = encodePerfEventAttr({
  type: 1,
  config: PERF_COUNT_SW_BPF_OUTPUT,
  sample_type: PERF_SAMPLE_RAW,
  sample_period: 1,
  wakeup_events: 1,
});
const PROGRAM = asm.assemble([asm.mov('r0', 0), asm.exit()]);
/** perf_event_attr.sigtrap (byte 44, bit 5) would send signals to the observed process. */
const SIGTRAP = { byte: 44, mask: 0x20 };

/**
 * One sequence of calls of the addon's functions. Arguments include right, wrong and closed handles. No call may throw,
 * whatever its arguments.
 */
export class AddonFuzz {
  readonly findings: string[] = [];
  calls = 0;
  readonly #random: FuzzRandom;
  readonly #values: HostileValues;
  readonly #pool: unknown[] = [];
  readonly #handles: { readonly by: string; readonly handle: unknown }[] = [];
  readonly #groups: BoundRingGroup[] = [];
  readonly #mapIds = new Set<number>();
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
    const affinity = native.getThreadAffinity();
    for (let call = 0; call < CALLS_IN_A_SEQUENCE; call++) {
      this.#step();
      if (this.#random.chance(10)) await new Promise(setImmediate);
    }
    if (typeof affinity !== 'number') native.setThreadAffinity(affinity);
    // Callbacks from now on make no further calls.
    this.#depth = DEEPEST;
    // A poller that keeps the process alive is never collected.
    for (const { by, handle } of this.#handles)
      if (by === 'pollerOpen') this.#call('pollerSetRef', [handle, false]);
    // Half of the sequences leave closing to the garbage collector.
    if (this.#random.chance(50)) return;
    for (const { by, handle } of this.#handles) this.#call(closerOf(by), [handle]);
  }

  uncaught(error: unknown): void {
    const wrong = wrongWith(error, false);
    if (wrong !== undefined) this.findings.push(`uncaught: ${wrong}`);
  }

  #step(): void {
    const name = this.#random.pick(FUNCTIONS);
    if (this.#groups.length > 0 && this.#random.chance(20)) {
      const group = this.#random.pick(this.#groups);
      group.acquire();
      group.release();
    }
    this.#call(name, this.#arguments(name));
  }

  #call(name: keyof NativeAddon, args: unknown[]): void {
    this.calls++;
    this.#depth++;
    try {
      const result: unknown = Reflect.apply(native[name] as Callable, undefined, args);
      if (result === undefined || (typeof result === 'number' && Number.isNaN(result))) {
        this.findings.push(`${name}(${args.map(shortly).join(', ')}) answered ${String(result)}`);
      }
      if (typeof result === 'object' && result !== null) this.#took(name, result);
    } catch (error) {
      // Only getters in a list of CPUs run JavaScript of the caller, and the addon ignores what they throw.
      this.findings.push(`${name}(${args.map(shortly).join(', ')}) threw ${String(error)}`);
    } finally {
      this.#depth--;
    }
  }

  #took(name: keyof NativeAddon, result: object): void {
    this.#pool.push(result);
    if (name === 'ringGroup') this.#groups.push(result as BoundRingGroup);
    if (result instanceof ArrayBuffer) this.#pool.push(new Uint8Array(result), new DataView(result));
    if (
      /(Open|Map|Create|Load|Pinned|Id|Fd)$/.test(name) &&
      Object.keys(result).length === 0 &&
      !(result instanceof ArrayBuffer)
    ) {
      this.#handles.push({ by: name, handle: result });
    }
    const { id } = result as { id?: unknown };
    if (typeof id === 'number') this.#mapIds.add(id);
  }

  /** Mostly valid arguments, some of them replaced by wrong ones; sometimes only random values. */
  #arguments(name: keyof NativeAddon): unknown[] {
    const random = this.#random;
    const args = random.chance(25)
      ? Array.from({ length: random.below(7) }, () => this.#values.value())
      : this.#expected(name).map((value) => (random.chance(15) ? this.#values.value() : value));
    if (random.chance(5)) args.pop();
    if (random.chance(5)) args.push(this.#values.value());
    return this.#harmless(name, args);
  }

  #expected(name: keyof NativeAddon): unknown[] {
    const random = this.#random;
    const handle = (): unknown => (this.#pool.length > 0 ? random.pick(this.#pool) : undefined);
    const memory = (): unknown => this.#values.memory();
    const small = (): number => random.pick([0, 1, 2, 4, 8, 64, 1000]);
    const bytes = (): Uint8Array => random.bytes(random.pick([0, 4, 8, 16]));
    const expected: Readonly<Record<string, () => unknown[]>> = {
      perfEventOpen: () => [
        random.chance(70) ? ATTR : random.bytes(112),
        random.pick([-1, 0]),
        random.pick([0, 1, -1]),
        -1,
        0,
      ],
      perfEventRead: () => [handle(), new BigUint64Array(small())],
      perfEventEnable: () => [handle(), random.chance(50)],
      perfEventReset: () => [handle()],
      perfEventId: () => [handle()],
      perfEventPauseOutput: () => [handle(), random.chance(50)],
      perfEventSetOutput: () => [handle(), random.chance(30) ? null : handle()],
      ringMap: () => [handle(), random.pick([1, 1, 2, 8, 64]), random.chance(60)],
      ringGroup: () => {
        const rings = Array.from({ length: 1 + random.below(3) }, handle);
        return [rings, new Int32Array(new SharedArrayBuffer(16 * rings.length + 4))];
      },
      ringCopyPublished: () => [handle(), random.pick([memory(), new Uint8Array(9 * 4096)])],
      ringSnapshot: () => [
        handle(),
        random.pick([memory(), new Uint8Array(4096), handle()]),
        new BigUint64Array(small()),
      ],
      pollerOpen: () => [this.#values.callback()],
      pollerAdd: () => [handle(), handle(), small()],
      pollerSetTimer: () => [handle(), random.pick([0, 50, 1000]), random.pick([0, 50, 1000])],
      pollerSetRef: () => [handle(), random.chance(50)],
      bpfMapCreate: () => [
        random.pick([1, 2, 4, BPF_MAP_TYPE_PERF_EVENT_ARRAY, 6]),
        4,
        random.pick([4, 8]),
        8,
        0,
        'fuzz',
      ],
      bpfMapOpenPinned: () => ['/nowhere', 0],
      bpfMapOpenId: () => [[...this.#mapIds][0] ?? 0, 0],
      bpfMapOpenFd: () => [small()],
      bpfMapSetEvent: () => [handle(), random.below(4), handle()],
      bpfMapUpdate: () => [handle(), bytes(), bytes(), 0],
      bpfMapLookup: () => [handle(), bytes(), random.chance(80) ? bytes() : handle()],
      bpfMapDelete: () => [handle(), bytes()],
      bpfMapPin: () => [handle(), '/nowhere/at/all'],
      bpfProgramLoad: () => [
        BPF_PROG_TYPE_RAW_TRACEPOINT,
        random.chance(60) ? PROGRAM : random.bytes(16),
        'GPL',
        'fuzz',
        random.pick([new Uint8Array(0), new Uint8Array(4096), handle()]),
      ],
      bpfProgramTestRun: () => [
        handle(),
        new Uint8Array(0),
        random.bytes(random.pick([0, 8, 16])),
        0,
        random.below(4),
        random.below(3),
      ],
      bpfRawTracepointOpen: () => [handle(), random.pick(['sched_switch', 'no_such'])],
      tracepointId: () => [random.pick(['sched', '..', '']), random.pick(['sched_switch', '../../x'])],
      setThreadAffinity: () => [random.pick([[0], [1], [0, 1], [65_535], []])],
    };
    const cursor = (): unknown[] => [
      random.chance(40) ? handle() : memory(),
      random.pick([4096, 8192, 8, 0]),
    ];
    return (expected[name] ?? (name.startsWith('cursor') ? cursor : () => [handle()]))();
  }

  /** Replaces arguments that would affect other processes, send signals, or take gigabytes or hours. */
  #harmless(name: keyof NativeAddon, args: unknown[]): unknown[] {
    if (name === 'bpfMapOpenId' && typeof args[0] === 'number' && args[0] > 0 && !this.#mapIds.has(args[0]))
      args[0] = 0xffff_fff0;
    if (name === 'bpfProgramTestRun' && typeof args[3] === 'number' && args[3] > 1000) args[3] = 1000;
    if (name === 'bpfMapCreate' && typeof args[3] === 'number' && args[3] > 64) args[3] = 64;
    if (name === 'bpfMapCreate' && typeof args[2] === 'number' && args[2] > 4096) args[2] = 4096;
    if (name === 'bpfMapCreate' && typeof args[1] === 'number' && args[1] > 4096) args[1] = 4096;
    if (name === 'ringMap' && typeof args[1] === 'number' && args[1] > 4096) args[1] = 2 ** 31;
    if (name === 'perfEventOpen' && types.isUint8Array(args[0]) && args[0].byteLength > SIGTRAP.byte) {
      args[0] = Uint8Array.from(args[0], (byte, at) => (at === SIGTRAP.byte ? byte & ~SIGTRAP.mask : byte));
    }
    return args;
  }
}

function closerOf(opener: string): keyof NativeAddon {
  if (opener.startsWith('perfEvent')) return 'perfEventClose';
  if (opener.startsWith('ring')) return 'ringClose';
  if (opener.startsWith('poller')) return 'pollerClose';
  if (opener.startsWith('bpfMap')) return 'bpfMapClose';
  return opener.startsWith('bpfProgram') ? 'bpfProgramClose' : 'bpfLinkClose';
}
