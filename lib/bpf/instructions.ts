/**
 * An assembler for eBPF: functions that make instructions, and {@link assemble}, which turns them into the bytes that
 * BPF_PROG_LOAD takes.
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
 * Registers: r0 is the result; r1 to r5 are the arguments of a call, which overwrites them; a call keeps r6 to r9; r10
 * is read-only and points to the end of the 512-byte stack. The `offset` of a memory access is in bytes from `base`.
 *
 * @see https://github.com/torvalds/linux/blob/v6.12/Documentation/bpf/standardization/instruction-set.rst
 */

import * as abi from '../abi/bpf';
import { PerfRingError } from '../errors';
import { checkString, plainList } from '../input/plain-data';
import { named, shown } from '../input/shown';

/** r0: result; r1 to r5: arguments of a call, which overwrites them; r6 to r9: kept by calls; r10: end of the stack. */
export type Register = 'r0' | 'r1' | 'r2' | 'r3' | 'r4' | 'r5' | 'r6' | 'r7' | 'r8' | 'r9' | 'r10';

/** A register, or an immediate value that fits a signed 32-bit field (it is sign-extended to 64 bits). */
export type Operand = Register | number;

/** The width of a memory access. */
export type Width = 'u8' | 'u16' | 'u32' | 'u64';

/** The comparison of a jump: unsigned, or signed with an `s`; `&` is true when a bit is set in both operands. */
export type Comparison = '==' | '!=' | '>' | '>=' | '<' | '<=' | 's>' | 's>=' | 's<' | 's<=' | '&';

/** An instruction or a label. Opaque: the functions below make it, {@link assemble} reads it. */
export type Line = Instruction | Label;

/** A place to jump to, made by {@link label}. */
export interface Label {
  readonly label: string;
}

/**
 * One instruction: the fields of struct bpf_insn. The functions below make it.
 * @see struct bpf_insn in https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/bpf.h
 */
export interface Instruction {
  /** The text of the instruction in error messages. */
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

/** BPF_COMPLEXITY_LIMIT_INSNS of the kernel: the most instructions of a program; unprivileged ones may have 4,096. */
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

/** Every line that the functions below made. {@link assemble} refuses all others. */
const made = new WeakSet<object>();

function line<Made extends Line>(value: Made): Made {
  made.add(Object.freeze(value));
  return value;
}

function widthCode(width: Width): number {
  const code = WIDTHS.get(width);
  if (code === undefined)
    throw invalid(`${named(width)} is not a width; use ${[...WIDTHS.keys()].join(', ')}`);
  return code;
}

function comparisonCode(comparison: Comparison): number {
  const code = COMPARISONS.get(comparison);
  if (code === undefined) {
    throw invalid(`${named(comparison)} is not a comparison; use ${[...COMPARISONS.keys()].join(' ')}`);
  }
  return code;
}

const IS_32_BIT_CLASS: ReadonlySet<number> = new Set([abi.BPF_ALU, abi.BPF_JMP32]);

// ---------------------------------------------------------------------- values

/** destination = value */
export const mov = arithmetic('mov', abi.BPF_ALU64, abi.BPF_MOV);
/** The low 32 bits of destination = value; the high 32 bits = 0. Use it to load BPF_F_CURRENT_CPU. */
export const mov32 = arithmetic('mov32', abi.BPF_ALU, abi.BPF_MOV);
/** destination += value, in 64 bits. */
export const add = arithmetic('add', abi.BPF_ALU64, abi.BPF_ADD);
/** destination -= value, in 64 bits. */
export const sub = arithmetic('sub', abi.BPF_ALU64, abi.BPF_SUB);
/** destination *= value, in 64 bits. */
export const mul = arithmetic('mul', abi.BPF_ALU64, abi.BPF_MUL);
/** destination /= value, unsigned, in 64 bits; division by 0 gives 0. */
export const div = arithmetic('div', abi.BPF_ALU64, abi.BPF_DIV);
/** destination %= value, unsigned, in 64 bits; a value of 0 leaves destination unchanged. */
export const mod = arithmetic('mod', abi.BPF_ALU64, abi.BPF_MOD);
/** destination &= value, in 64 bits. */
export const and = arithmetic('and', abi.BPF_ALU64, abi.BPF_AND);
/** destination |= value, in 64 bits. */
export const or = arithmetic('or', abi.BPF_ALU64, abi.BPF_OR);
/** destination ^= value, in 64 bits. */
export const xor = arithmetic('xor', abi.BPF_ALU64, abi.BPF_XOR);
/** destination <<= value, in 64 bits; value is from 0 to 63. */
export const shiftLeft = arithmetic('shiftLeft', abi.BPF_ALU64, abi.BPF_LSH);
/** destination >>>= value, unsigned, in 64 bits; value is from 0 to 63. */
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

/** destination = the map of a descriptor, as the kernel's helpers take it. */
export function loadMapFd(destination: Register, mapFd: number): Line {
  return wideLoad(
    `loadMapFd ${named(destination)}, ${shown(mapFd)}`,
    destination,
    abi.BPF_PSEUDO_MAP_FD,
    mapFd,
  );
}

/** destination = the address of the first value of an array map, without a lookup and a null check. */
export function loadMapValue(destination: Register, mapFd: number): Line {
  return wideLoad(
    `loadMapValue ${named(destination)}, ${shown(mapFd)}`,
    destination,
    abi.BPF_PSEUDO_MAP_VALUE,
    mapFd,
  );
}

function wideLoad(text: string, destination: Register, source: 0 | 1 | 2, value: number | bigint): Line {
  // The low word is the descriptor. The high word is an offset into the value; it is always 0 here.
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
    throw invalid(`${text}: a file descriptor is an integer from 0 to 2147483647`);
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

/**
 * Writes `bytes` zero bytes from r10 + offset on; both are multiples of 8. Helpers must not read uninitialised stack.
 */
export function zeroStack(offset: number, bytes: number): Line[] {
  const areWords = [offset, bytes].every((number) => Number.isInteger(number) && number % 8 === 0);
  if (!areWords || offset < -STACK_BYTES || bytes < 0 || offset + bytes > 0) {
    throw invalid(
      `zeroStack ${shown(offset)}, ${shown(bytes)}: both must be multiples of 8, within the ${STACK_BYTES} bytes below r10`,
    );
  }
  return Array.from({ length: bytes / 8 }, (_, index) => store('u64', 'r10', offset + index * 8, 0));
}

/** The value at base + offset += value, atomically. */
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

/** A label for jumps, in front of the next instruction. */
export function label(name: string): Line {
  checkString(name, 'a label');
  return line({ label: name });
}

/** Jumps to a label, forward or backward. */
export function jump(target: string): Line {
  return control(`jump ${named(target)}`, abi.BPF_JMP | abi.BPF_JA, 'r0', 0, 0, target);
}

/** Jumps to `target` when the comparison of left and right, in 64 bits, is true. */
export function jumpIf(left: Register, comparison: Comparison, right: Operand, target: string): Line {
  return conditional('jumpIf', abi.BPF_JMP, left, comparison, right, target);
}

/** Jumps to `target` when the comparison of the low 32 bits of left and right is true. Linux 5.1 and later. */
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
 * The bytes of the program: one struct bpf_insn of 8 bytes for each instruction, two for a 64-bit immediate.
 * @throws PerfRingError ERR_PERF_PROGRAM_INVALID, with the instruction in the message, for: no instructions or more than
 *   a million; a label that is unknown, defined twice or after the last instruction; a register, offset, immediate or
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

/** Checks the lines. There may be as many labels as instructions, since labels take no space in the program. */
function linesOf(lines: readonly Line[]): Line[] {
  const program = plainList(lines, 'lines', 2 * MAX_INSTRUCTIONS, 'ERR_PERF_PROGRAM_INVALID');
  for (const [index, line] of program.entries()) {
    if (typeof line === 'object' && line !== null && made.has(line)) continue;
    throw invalid(
      `line ${index} must be the result of mov(), load(), label() or another function of this module, got ${shown(line)}`,
    );
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
    if (labels.has(line.label)) throw invalid(`label ${named(line.label)} is defined twice`);
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
  if (place === undefined) throw invalid(`${where}: there is no label ${named(target)}`);
  if (place === slots) throw invalid(`${where}: label ${named(target)} is after the last instruction`);
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
    // The high half is the immediate of a second bpf_insn, whose other fields are zero.
    view.setInt32(at + abi.BPF_INSN_IMM, Number(BigInt.asIntN(32, line.immediate)), true);
    const high = Number(BigInt.asIntN(32, line.immediate >> 32n));
    view.setInt32(at + abi.BPF_INSN_BYTES + abi.BPF_INSN_IMM, high, true);
    return;
  }
  view.setInt32(at + abi.BPF_INSN_IMM, immediate32(line.code, line.immediate, where), true);
}

function registerNumber(register: Register, where: string): number {
  const number = typeof register === 'string' && /^r(\d|10)$/.test(register) ? Number(register.slice(1)) : -1;
  if (number < 0) throw invalid(`${where}: ${named(register)} is not a register; they are r0 to r10`);
  return number;
}

/**
 * Checks a 32-bit immediate. Values from 2^31 to 2^32 - 1 are allowed only in 32-bit instructions: in 64-bit ones the
 * kernel sign-extends them to another value. BPF_F_CURRENT_CPU would become -1 and fail at run time with EINVAL.
 */
function immediate32(code: number, immediate: number, where: string): number {
  const is32Bit = IS_32_BIT_CLASS.has(code & 0x07) || (code & 0x1f) === (abi.BPF_ST | abi.BPF_W);
  const highest = is32Bit ? 0xffff_ffff : 0x7fff_ffff;
  if (!Number.isInteger(immediate) || immediate < -0x8000_0000 || immediate > highest) {
    throw invalid(
      `${where}: immediate ${shown(immediate)} is outside -2147483648 to ${highest}; use loadImmediate64 for larger values`,
    );
  }
  return immediate | 0;
}

function invalid(message: string): PerfRingError {
  return new PerfRingError('ERR_PERF_PROGRAM_INVALID', message);
}
