/**
 * Where struct pt_regs of a system call holds its number and its arguments. The offsets are those of the user's
 * registers, which never change. test/integration/abi compares them with the types of the running kernel.
 *
 * @see https://github.com/torvalds/linux/blob/v6.12/arch/x86/include/uapi/asm/ptrace.h
 * @see https://github.com/torvalds/linux/blob/v6.12/arch/arm64/include/asm/ptrace.h
 */
export interface SystemCallRegisters {
  /** Of the number of the system call, which stays when the call returns; a signed 32-bit integer. */
  readonly number: number;
  /** Of the six arguments, 8 bytes each. */
  readonly arguments: readonly [number, number, number, number, number, number];
}

const X64: SystemCallRegisters = {
  // orig_ax; di, si, dx, r10, r8, r9
  number: 120,
  arguments: [112, 104, 96, 56, 72, 64],
};

const ARM64: SystemCallRegisters = {
  // syscallno; orig_x0 (x0 gets the result), x1 to x5
  number: 280,
  arguments: [272, 8, 16, 24, 32, 40],
};

/** The registers of this machine. */
export function systemCallRegisters(architecture: string = process.arch): SystemCallRegisters {
  return architecture === 'arm64' ? ARM64 : X64;
}
