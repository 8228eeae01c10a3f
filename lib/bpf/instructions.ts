/**
 * A readable assembler for eBPF: helpers that make instructions, and {@link assemble}, which makes the bytes of
 * BPF_PROG_LOAD of them.
 *
 * ```ts
 * assemble([
 *   call(BPF_FUNC_ktime_get_ns),
 *   store('u64', 'r10', -8, 'r0'),
 *   jumpIf('r0', '==', 0, 'out'),
 *   …
 *   label('out'),
 *   mov('r0', 0),
 *   exit(),
 * ]);
 * ```
 *
 * Registers: r0 is the result, r1 to r5 are arguments and do not survive a call, r6 to r9 survive, r10 points
 * past the end of a 512-byte stack and is read-only. `base` and `offset` of a memory access count in bytes.
 *
 * @see https://github.com/torvalds/linux/blob/v6.12/Documentation/bpf/standardization/instruction-set.rst
 */

import * as abi from '../abi/bpf';
import { PerfRingError } from '../errors';
import { checkString, plainList } from '../input/plain-data';
import { named, shown } from '../input/shown';

/** r0: result; r1 to r5: arguments of calls, lost by a call; r6 to r9: kept; r10: the end of the stack, only read. */
export type Register = 'r0' | 'r1' | 'r2' | 'r3' | 'r4' | 'r5' | 'r6' | 'r7' | 'r8' | 'r9' | 'r10';

/** A register, or an immediate value that fits a signed 32-bit field (it is sign-extended to 64 bits). */
export type Operand = Register | number;

/** The width of a memory access. */
export type Width = 'u8' | 'u16' | 'u32' | 'u64';

/** How a jump compares: as unsigned numbers, signed ones with an `s`; `&` is true when the two share a bit. */
export type Comparison = '==' | '!=' | '>' | '>=' | '<' | '<=' | 's>' | 's>=' | 's<' | 's<=' | '&';

/** One instruction, or a label between two of them. Opaque: made by the helpers below, read by {@link assemble}. */
export type Line = Instruction | Label;

/** A place to jump to, made by {@link label}. */
export interface Label {
  readonly label: string;
}

/**
 * One instruction, made by the helpers: the fields of struct bpf_insn before they are put into bytes.
 * @see struct bpf_insn in https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/bpf.h
 */
export interface Instruction {
  /** As error messages show it. */
  readonly text: string;
  readonly code: number;
  readonly destination: Register;
  readonly source: Register | 0 | 1 | 2;
  readonly offset: number;
  /** A bigint makes a 64-bit immediate: two slots. */
  readonly immediate: number | bigint;
  readonly target?: string;
}

/** MAX_BPF_STACK of the kernel. */
const STACK_BYTES = 512;

/** A program may have no more; unprivileged ones end at 4,096. BPF_COMPLEXITY_LIMIT_INSNS of the kernel. */
const MAX_INSTRUCTIONS = 1_000_000;

const WIDTHS: ReadonlyMap<unknown, number> = new Map(
  Object.entries({
    u8: abi.BPF_B,
    u16: abi.BPF_H,
    u32: abi.BPF_W,
    u64: abi.BPF_DW,
  } satisfies Record<Width, number>),
);

const COMPARISONS: ReadonlyMap<unknown, number> = new Map(
  Object.entries({
    '==': abi.BPF_JEQ,
    '!=': abi.BPF_JNE,
    '>': abi.BPF_JGT,
    '>=': abi.BPF_JGE,
    '<': abi.BPF_JLT,
    '<=': abi.BPF_JLE,
    's>': abi.BPF_JSGT,
    's>=': abi.BPF_JSGE,
    's<': abi.BPF_JSLT,
    's<=': abi.BPF_JSLE,
    '&': abi.BPF_JSET,
  } satisfies Record<Comparison, number>),
);

/** Every line that the helpers made: {@link assemble} takes no others. */
const made = new WeakSet<object>();

function line<Made extends Line>(value: Made): Made {
  made.add(Object.freeze(value));
  return value;
}

function widthCode(width: Width): number {
  const code = WIDTHS.get(width);
  if (code === undefined)
    throw invalid(`${named(width)} is no width; they are ${[...WIDTHS.keys()].join(', ')}`);
  return code;
}

function comparisonCode(comparison: Comparison): number {
  const code = COMPARISONS.get(comparison);
  if (code === undefined) {
    throw invalid(`${named(comparison)} is no comparison; they are ${[...COMPARISONS.keys()].join(' ')}`);
  }
  return code;
}

const IS_32_BIT_CLASS: ReadonlySet<number> = new Set([abi.BPF_ALU, abi.BPF_JMP32]);

// ---------------------------------------------------------------------- values

/** destination = value */
export const mov = arithmetic('mov', abi.BPF_ALU64, abi.BPF_MOV);
/** The low 32 bits of destination = value; the high 32 become 0. The way to load BPF_F_CURRENT_CPU. */
export const mov32 = arithmetic('mov32', abi.BPF_ALU, abi.BPF_MOV);
/** destination += value, in 64 bits. */
export const add = arithmetic('add', abi.BPF_ALU64, abi.BPF_ADD);
/** destination -= value, in 64 bits. */
export const sub = arithmetic('sub', abi.BPF_ALU64, abi.BPF_SUB);
/** destination *= value, in 64 bits. */
export const mul = arithmetic('mul', abi.BPF_ALU64, abi.BPF_MUL);
/** Unsigned; a divisor of 0 gives 0. */
export const div = arithmetic('div', abi.BPF_ALU64, abi.BPF_DIV);
/** Unsigned remainder; a divisor of 0 leaves destination as it is. */
export const mod = arithmetic('mod', abi.BPF_ALU64, abi.BPF_MOD);
/** destination = the bits that both have. */
export const and = arithmetic('and', abi.BPF_ALU64, abi.BPF_AND);
/** destination = the bits that either has. */
export const or = arithmetic('or', abi.BPF_ALU64, abi.BPF_OR);
/** destination = the bits that one of the two has. */
export const xor = arithmetic('xor', abi.BPF_ALU64, abi.BPF_XOR);
/** destination <<= value, in 64 bits: 0 to 63. Zeroes come in from the right. */
export const shiftLeft = arithmetic('shiftLeft', abi.BPF_ALU64, abi.BPF_LSH);
/** Zeroes come in from the left. */
export const shiftRight = arithmetic('shiftRight', abi.BPF_ALU64, abi.BPF_RSH);

function arithmetic(name: string, instructionClass: number, operation: number) {
  return (destination: Register, value: Operand): Line => {
    const isRegister = typeof value === 'string';
    return line({
      text: `${name} ${named(destination)}, ${named(value)}`,
      code: instructionClass | operation | (isRegister ? abi.BPF_X : abi.BPF_K),
      destination,
      source: isRegister ? value : 0,
      offset: 0,
      immediate: isRegister ? 0 : value,
    });
  };
}

/** destination = a 64-bit constant. */
export function loadImmediate64(destination: Register, value: bigint): Line {
  return wideLoad(`loadImmediate64 ${named(destination)}, ${shown(value)}`, destination, 0, value);
}

/** destination = the map behind a descriptor, as helpers take it. */
export function loadMapFd(destination: Register, mapFd: number): Line {
  return wideLoad(
    `loadMapFd ${named(destination)}, ${shown(mapFd)}`,
    destination,
    abi.BPF_PSEUDO_MAP_FD,
    mapFd,
  );
}

/** destination = the address of the first value of the array map behind a descriptor: no lookup, no null check. */
export function loadMapValue(destination: Register, mapFd: number): Line {
  return wideLoad(
    `loadMapValue ${named(destination)}, ${shown(mapFd)}`,
    destination,
    abi.BPF_PSEUDO_MAP_VALUE,
    mapFd,
  );
}

function wideLoad(text: string, destination: Register, source: 0 | 1 | 2, value: number | bigint): Line {
  // A descriptor goes into the low word only; the high one is an offset into the value, 0.
  const immediate = typeof value === 'bigint' ? value : toWide(value, text);
  return line({
    text,
    code: abi.BPF_LD | abi.BPF_DW | abi.BPF_IMM,
    destination,
    source,
    offset: 0,
    immediate,
  });
}

function toWide(fd: number, text: string): bigint {
  if (!Number.isInteger(fd) || fd < 0 || fd > 0x7fff_ffff)
    throw invalid(`${text}: that is no file descriptor`);
  return BigInt(fd);
}

// ---------------------------------------------------------------------- memory

/** destination = the value at base + offset, zero-extended. */
export function load(width: Width, destination: Register, base: Register, offset: number): Line {
  return line({
    text: `load ${named(width)} ${named(destination)}, ${named(base)}, ${shown(offset)}`,
    code: abi.BPF_LDX | widthCode(width) | abi.BPF_MEM,
    destination,
    source: base,
    offset,
    immediate: 0,
  });
}

/** The value at base + offset = value. */
export function store(width: Width, base: Register, offset: number, value: Operand): Line {
  const isRegister = typeof value === 'string';
  return line({
    text: `store ${named(width)} ${named(base)}, ${shown(offset)}, ${named(value)}`,
    code: (isRegister ? abi.BPF_STX : abi.BPF_ST) | widthCode(width) | abi.BPF_MEM,
    destination: base,
    source: isRegister ? value : 0,
    offset,
    immediate: isRegister ? 0 : value,
  });
}

/** Zeroes on the stack: `bytes` from r10 + offset on, both multiples of 8. Helpers read no uninitialised stack. */
export function zeroStack(offset: number, bytes: number): Line[] {
  const areWords = [offset, bytes].every((number) => Number.isInteger(number) && number % 8 === 0);
  if (!areWords || offset < -STACK_BYTES || bytes < 0 || offset + bytes > 0) {
    throw invalid(
      `zeroStack ${shown(offset)}, ${shown(bytes)}: both must be multiples of 8, within the ${STACK_BYTES} bytes below r10`,
    );
  }
  return Array.from({ length: bytes / 8 }, (_, index) => store('u64', 'r10', offset + index * 8, 0));
}

/** The value at base + offset += value, as one step for every CPU. */
export function atomicAdd(width: 'u32' | 'u64', base: Register, offset: number, value: Register): Line {
  return line({
    text: `atomicAdd ${named(width)} ${named(base)}, ${shown(offset)}, ${named(value)}`,
    code: abi.BPF_STX | widthCode(width) | abi.BPF_ATOMIC,
    destination: base,
    source: value,
    offset,
    immediate: abi.BPF_ADD,
  });
}

// ---------------------------------------------------------------------- control

/** r0 = helper(r1, …, r5). @param helper BPF_FUNC_* */
export function call(helper: number): Line {
  return control(`call ${shown(helper)}`, abi.BPF_JMP | abi.BPF_CALL, 'r0', 0, helper);
}

/** Ends the program; its result is r0. */
export function exit(): Line {
  return control('exit', abi.BPF_JMP | abi.BPF_EXIT, 'r0', 0, 0);
}

/** A place to jump to: in front of the next instruction. */
export function label(name: string): Line {
  checkString(name, 'a label');
  return line({ label: name });
}

/** Goes on at a label, which stands before or behind. */
export function jump(target: string): Line {
  return control(`jump ${named(target)}`, abi.BPF_JMP | abi.BPF_JA, 'r0', 0, 0, target);
}

/** Jumps when the 64 bits of left compare so with right. */
export function jumpIf(left: Register, comparison: Comparison, right: Operand, target: string): Line {
  return conditional('jumpIf', abi.BPF_JMP, left, comparison, right, target);
}

/** Jumps when the low 32 bits of left compare so with those of right. Linux 5.1 and later. */
export function jumpIf32(left: Register, comparison: Comparison, right: Operand, target: string): Line {
  return conditional('jumpIf32', abi.BPF_JMP32, left, comparison, right, target);
}

function conditional(
  name: string,
  instructionClass: number,
  left: Register,
  comparison: Comparison,
  right: Operand,
  target: string,
): Line {
  const isRegister = typeof right === 'string';
  const code = instructionClass | comparisonCode(comparison) | (isRegister ? abi.BPF_X : abi.BPF_K);
  const text = `${name} ${named(left)} ${named(comparison)} ${named(right)}, ${named(target)}`;
  return control(text, code, left, isRegister ? right : 0, isRegister ? 0 : right, target);
}

function control(
  text: string,
  code: number,
  destination: Register,
  source: Register | 0,
  immediate: number,
  target?: string,
): Line {
  const instruction = { text, code, destination, source, offset: 0, immediate };
  return line(target === undefined ? instruction : { ...instruction, target });
}

// ---------------------------------------------------------------------- bytes

/**
 * The bytes of the program, struct bpf_insn after struct bpf_insn.
 * @throws PerfRingError ERR_PERF_PROGRAM_INVALID, naming the instruction, for: no instruction at all, or more than
 *   a million; a label that is unknown, doubled or behind the last instruction; a register, offset, immediate or
 *   jump distance that does not fit its field
 */
export function assemble(lines: readonly Line[]): Uint8Array {
  const program = linesOf(lines);
  const { labels, slots } = placeLabels(program);
  if (slots === 0) throw invalid('a program needs at least one instruction');
  if (slots > MAX_INSTRUCTIONS)
    throw invalid(`a program may have ${MAX_INSTRUCTIONS} instructions, got ${slots}`);
  const bytes = new Uint8Array(slots * abi.BPF_INSN_BYTES);
  const view = new DataView(bytes.buffer);
  let slot = 0;
  for (const line of program) {
    if ('label' in line) continue;
    const next = slot + slotsOf(line);
    const where = `instruction ${slot} (${line.text})`;
    const distance =
      line.target === undefined ? line.offset : jumpDistance(line.target, labels, slots, next, where);
    writeInstruction(view, slot * abi.BPF_INSN_BYTES, line, distance, where);
    slot = next;
  }
  return bytes;
}

/** Labels take no room, so there may be as many again. */
function linesOf(lines: readonly Line[]): Line[] {
  const program = plainList(lines, 'lines', 2 * MAX_INSTRUCTIONS, 'ERR_PERF_PROGRAM_INVALID');
  for (const [index, line] of program.entries()) {
    if (typeof line === 'object' && line !== null && made.has(line)) continue;
    throw invalid(`line ${index} is none of mov(), load(), label() and their like, but ${shown(line)}`);
  }
  return program;
}

function slotsOf(instruction: Instruction): 1 | 2 {
  return typeof instruction.immediate === 'bigint' ? 2 : 1;
}

function placeLabels(lines: readonly Line[]): { labels: ReadonlyMap<string, number>; slots: number } {
  const labels = new Map<string, number>();
  let slots = 0;
  for (const line of lines) {
    if (!('label' in line)) {
      slots += slotsOf(line);
      continue;
    }
    if (labels.has(line.label)) throw invalid(`label ${named(line.label)} is there twice`);
    labels.set(line.label, slots);
  }
  return { labels, slots };
}

function jumpDistance(
  target: string,
  labels: ReadonlyMap<string, number>,
  slots: number,
  next: number,
  where: string,
): number {
  const place = labels.get(target);
  if (place === undefined) throw invalid(`${where}: no label is named ${named(target)}`);
  if (place === slots) throw invalid(`${where}: label ${named(target)} is behind the last instruction`);
  return place - next;
}

function writeInstruction(
  view: DataView,
  at: number,
  line: Instruction,
  offset: number,
  where: string,
): void {
  const destination = registerNumber(line.destination, where);
  const source = typeof line.source === 'number' ? line.source : registerNumber(line.source, where);
  if (!Number.isInteger(offset) || offset < -0x8000 || offset > 0x7fff) {
    throw invalid(`${where}: offset ${shown(offset)} is outside -32768 to 32767`);
  }
  view.setUint8(at + abi.BPF_INSN_CODE, line.code);
  view.setUint8(at + abi.BPF_INSN_REGS, destination | (source << 4));
  view.setInt16(at + abi.BPF_INSN_OFF, offset, true);
  if (typeof line.immediate === 'bigint') {
    if (
      line.immediate !== BigInt.asIntN(64, line.immediate) &&
      line.immediate !== BigInt.asUintN(64, line.immediate)
    ) {
      throw invalid(`${where}: ${line.immediate} does not fit 64 bits`);
    }
    // The high half is the immediate of a second slot that is otherwise zero.
    view.setInt32(at + abi.BPF_INSN_IMM, Number(BigInt.asIntN(32, line.immediate)), true);
    const high = Number(BigInt.asIntN(32, line.immediate >> 32n));
    view.setInt32(at + abi.BPF_INSN_BYTES + abi.BPF_INSN_IMM, high, true);
    return;
  }
  view.setInt32(at + abi.BPF_INSN_IMM, immediate32(line.code, line.immediate, where), true);
}

function registerNumber(register: Register, where: string): number {
  const number = typeof register === 'string' && /^r(\d|10)$/.test(register) ? Number(register.slice(1)) : -1;
  if (number < 0) throw invalid(`${where}: ${named(register)} is no register; they are r0 to r10`);
  return number;
}

/**
 * 2^31 to 2^32 - 1 only where 32 bits are all there is: anywhere else the sign-extended value would be another
 * one, and BPF_F_CURRENT_CPU as a 64-bit -1 fails at run time with EINVAL.
 */
function immediate32(code: number, immediate: number, where: string): number {
  const is32Bit = IS_32_BIT_CLASS.has(code & 0x07) || (code & 0x1f) === (abi.BPF_ST | abi.BPF_W);
  const highest = is32Bit ? 0xffff_ffff : 0x7fff_ffff;
  if (!Number.isInteger(immediate) || immediate < -0x8000_0000 || immediate > highest) {
    throw invalid(
      `${where}: immediate ${shown(immediate)} is outside -2147483648 to ${highest}; see loadImmediate64`,
    );
  }
  return immediate | 0;
}

function invalid(message: string): PerfRingError {
  return new PerfRingError('ERR_PERF_PROGRAM_INVALID', message);
}
