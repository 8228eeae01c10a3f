import { BPF_F_CURRENT_CPU, BPF_FUNC_perf_event_read_value, BPF_PROG_TYPE_RAW_TRACEPOINT } from '../abi/bpf';
import type { NativeAddon } from '../addon/contract';
import { BpfProgram } from './bpf-program';
import {
  add,
  assemble,
  call,
  exit,
  jumpIf,
  type Line,
  label,
  load,
  loadMapFd,
  mov,
  mov32,
  or,
  sub,
} from './instructions';

/** struct bpf_perf_event_value: u64 counter, enabled, running. */
const VALUE = -24;
const VALUE_BYTES = 24;
const VALUE_ENABLED = VALUE + 8;
/** What the program returns when no event is in the slot: twice ENOENT. */
const EMPTY = 2 * 2;
/** Of 32 bits; when that much passes between two questions, nobody can say. */
const LONGEST_NANOSECONDS = 2n ** 31n;
/** Usual is a tenth of it, unless this thread or the CPU was busy with something else in between. */
const CERTAIN_NANOSECONDS = 200_000n;
const MOST_QUESTIONS = 4;

/** What lies in a slot: the event that was asked about, another one, none; or nobody can tell. */
export type SlotState = 'ours' | 'other' | 'empty' | 'unknown';

/**
 * Tells whether an event still lies in a slot of a perf event array. Slots cannot be read, and the kernel tells nobody
 * that another reader has taken one. But a program may ask the event in a slot for how many nanoseconds it has been
 * enabled, and whoever holds an event may ask it the same: no two events answer alike.
 *
 * @see bpf_perf_event_read_value() in https://github.com/torvalds/linux/blob/v6.12/kernel/trace/bpf_trace.c
 */
export class SlotProbe {
  readonly #program: BpfProgram;

  private constructor(program: BpfProgram) {
    this.#program = program;
  }

  /** @returns undefined where no such program can be loaded: nobody can tell then */
  static open(native: NativeAddon, array: { readonly fd: number }): SlotProbe | undefined {
    try {
      const instructions = assemble(askTheSlot(array.fd));
      const program = BpfProgram.loadWith(native, {
        type: BPF_PROG_TYPE_RAW_TRACEPOINT,
        instructions,
        name: 'perfring_slot',
      });
      return new SlotProbe(program);
    } catch {
      return undefined;
    }
  }

  /**
   * @param enabledNanoseconds asks the event that should be in the slot; undefined where it does not know
   * @returns what is in the slot of that CPU
   */
  stateOf(cpu: number, enabledNanoseconds: () => bigint | undefined): SlotState {
    let denied = 0;
    for (let asked = 0; asked < MOST_QUESTIONS; asked++) {
      const before = enabledNanoseconds();
      const answer = this.#ask(cpu);
      const after = enabledNanoseconds();
      if (before === undefined || after === undefined) return 'unknown';
      if (answer === EMPTY) return 'empty';
      if (answer % 2 === 0) return 'unknown';
      const between = after - before;
      // The answer has the low 32 bits, the lowest of them set.
      const isBetween =
        between >= LONGEST_NANOSECONDS || BigInt.asUintN(32, BigInt(answer) - before) <= between + 1n;
      // To leave a slot by mistake would be worse than to ask once more.
      if (!isBetween && ++denied === 2) return 'other';
      // Of two events that were opened one just after the other both may fit into a long time.
      if (isBetween && between < CERTAIN_NANOSECONDS) return 'ours';
    }
    return 'unknown';
  }

  close(): void {
    this.#program.close();
  }

  /** 0 where the kernel does not run the program on that CPU: it is offline, or the kernel is older than 5.10. */
  #ask(cpu: number): number {
    try {
      return this.#program.testRun({ cpu }).returnValue;
    } catch {
      return 0;
    }
  }
}

/** Answers the low 32 bits of the time, the lowest of them set; or twice the errno. */
function askTheSlot(arrayFd: number): Line[] {
  return [
    loadMapFd('r1', arrayFd),
    mov32('r2', BPF_F_CURRENT_CPU | 0),
    mov('r3', 'r10'),
    add('r3', VALUE),
    mov('r4', VALUE_BYTES),
    call(BPF_FUNC_perf_event_read_value),
    jumpIf('r0', '!=', 0, 'failed'),
    load('u64', 'r0', 'r10', VALUE_ENABLED),
    or('r0', 1),
    exit(),
    label('failed'),
    mov('r1', 0),
    sub('r1', 'r0'),
    mov('r0', 'r1'),
    add('r0', 'r1'),
    exit(),
  ];
}
