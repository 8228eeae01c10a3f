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
/** The program's result when no event is in the slot: ENOENT (2) times 2. */
const EMPTY = 2 * 2;
/** The program returns 32 bits of the time. When more time passes between two reads, the comparison decides nothing. */
const LONGEST_NANOSECONDS = 2n ** 31n;
/** A match counts only when the two reads are closer than this. Usually a tenth of it passes between them. */
const CERTAIN_NANOSECONDS = 200_000n;
const MOST_ATTEMPTS = 4;

/** What is in a slot: the expected event, another event, or none; `unknown` when the kernel can't be asked. */
export type SlotState = 'ours' | 'other' | 'empty' | 'unknown';

/**
 * Finds out whether an event is still in a slot of a perf event array. Slots can't be read, and the kernel does not
 * report when another reader takes one. But a BPF program can read how many nanoseconds the event in a slot has been
 * enabled, and the owner of an event can read the same by read(2). The time differs between events, so equal times mean
 * the same event.
 *
 * @see bpf_perf_event_read_value() in https://github.com/torvalds/linux/blob/v6.12/kernel/trace/bpf_trace.c
 */
export class SlotProbe {
  readonly #program: BpfProgram;

  private constructor(program: BpfProgram) {
    this.#program = program;
  }

  /** @returns undefined when the program can't be loaded; then the state of a slot is unknown */
  static open(native: NativeAddon, array: { readonly fd: number }): SlotProbe | undefined {
    try {
      const instructions = assemble(slotProgram(array.fd));
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
   * @param enabledNanoseconds reads how long the event that should be in the slot has been enabled; undefined if unknown
   * @returns what is in the slot of that CPU
   */
  stateOf(cpu: number, enabledNanoseconds: () => bigint | undefined): SlotState {
    let mismatches = 0;
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      const before = enabledNanoseconds();
      const result = this.#readSlot(cpu);
      const after = enabledNanoseconds();
      if (before === undefined || after === undefined) return 'unknown';
      if (result === EMPTY) return 'empty';
      if (result % 2 === 0) return 'unknown';
      const between = after - before;
      // The result is the low 32 bits of the time, with the lowest bit set.
      const isBetween =
        between >= LONGEST_NANOSECONDS || BigInt.asUintN(32, BigInt(result) - before) <= between + 1n;
      // One mismatch is not enough: giving up a slot by mistake is worse than one more attempt.
      if (!isBetween && ++mismatches === 2) return 'other';
      // When the two reads are far apart, the time of another event that was opened shortly before or after fits as
      // well.
      if (isBetween && between < CERTAIN_NANOSECONDS) return 'ours';
    }
    return 'unknown';
  }

  close(): void {
    this.#program.close();
  }

  /** Runs the program on a CPU. 0 when the kernel can't: the CPU is offline, or the kernel is older than 5.10. */
  #readSlot(cpu: number): number {
    try {
      return this.#program.testRun({ cpu }).returnValue;
    } catch {
      return 0;
    }
  }
}

/**
 * The program: it returns the low 32 bits of the enabled time with the lowest bit set (odd), or the errno times 2
 * (even).
 */
function slotProgram(arrayFd: number): Line[] {
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
