/**
 * Error classes and the one table of codes.
 *
 * Users and tests match `code`, never the class: under jest and vm contexts the realms differ.
 */

/** Misuse and findings of this library: code -> what it means. System errors carry the errno's name instead. */
export const ERROR_CODES = {
  ERR_PERF_INVALID_ARGUMENT: 'an argument has the wrong type or value',
  ERR_PERF_INVALID_OPTION: 'an option has the wrong type or value, or excludes another',
  ERR_PERF_MEMORY_TOO_SHORT: 'the memory does not hold the metadata page and the data pages',
  ERR_PERF_MEMORY_UNALIGNED: 'the memory does not begin on an 8-byte boundary',
  ERR_PERF_MEMORY_RESIZABLE: 'the memory could shrink under the ring',
  ERR_PERF_NO_DATA_PAGES: 'a ring needs at least one data page',
  ERR_PERF_NOT_POWER_OF_TWO: 'the number of data pages, or the page size, is no power of two',
  ERR_PERF_EMPTY_WRITE: 'a record needs a payload',
  ERR_PERF_RECORD_TOO_LARGE: 'the record can never fit: it exceeds the ring, or the u16 size of its header',
  ERR_PERF_RING_FULL: 'there is no room for the record now',
  ERR_PERF_OUT_OF_RANGE: 'the span leaves the record',
  ERR_PERF_UNSAFE_INTEGER: 'a 64-bit value exceeds what a number holds exactly',
  ERR_PERF_EMPTY: 'there is no record here',
  ERR_PERF_NO_WRITE_BATCH: 'writing needs startWriteBatch() first',
  ERR_PERF_NO_READ_BATCH: 'reading needs startReadBatch() first',
  ERR_PERF_BATCH_OPEN: 'the batch before has not been finished',
  ERR_PERF_RING_CORRUPT: 'the ring holds what no writer of records writes',
  ERR_PERF_RECORD_DAMAGED: 'a size in the record leads past its end',
  ERR_PERF_CLOSED: 'used after close()',
  ERR_PERF_READ_ONLY: 'the ring can only be read',
  ERR_PERF_ADDON_MISSING: 'the native addon is not built',
  ERR_PERF_MAP_TYPE: 'the map is of another type than is needed',
  ERR_PERF_MAP_TOO_SMALL: 'the map has fewer entries than there are CPUs',
  ERR_PERF_PROGRAM_REJECTED: 'the verifier refused the program',
  ERR_PERF_PROGRAM_INVALID: 'the instructions do not make a program',
  ERR_PERF_TRACEPOINT_UNKNOWN: 'the kernel has no tracepoint of that name',
  ERR_PERF_CPU_OFFLINE: 'the CPU is possible but offline',
  ERR_PERF_NO_SUCH_CPU: 'there is no such CPU',
  ERR_PERF_NO_SUCH_PROCESS: 'there is no process of that number here',
  ERR_PERF_NOT_DRAINED: 'the rest could not be delivered: the consumer never asks for it',
  ERR_PERF_BUSY: 'another operation of this kind is under way',
  ERR_PERF_OBJECT_DAMAGED: 'the file is no ELF object of a BPF program, or it is damaged',
  ERR_PERF_BTF_DAMAGED: 'the BTF is damaged, or of a form that perfring does not know',
  ERR_PERF_TYPE_UNKNOWN: 'the BTF has no such type',
  ERR_PERF_LIBBPF_MISSING: 'libbpf.so.1 is not installed',
  ERR_PERF_RELOCATION: 'the kernel has no field or type for one that the program uses',
  ERR_PERF_NOT_LOADED: 'the object, or this program of it, is not loaded',
  ERR_PERF_ALREADY_LOADED: 'the object is loaded',
  ERR_PERF_NOT_SUPPORTED: 'this kernel or machine does not offer it',
} as const;

/** The `code` of a {@link PerfRingError}: a key of {@link ERROR_CODES}. */
export type PerfRingErrorCode = keyof typeof ERROR_CODES;

/** Misuse or a finding: `code` from {@link ERROR_CODES}; a cause, where there is one, in `cause`. */
export class PerfRingError extends Error {
  override readonly name = 'PerfRingError';
  constructor(
    readonly code: PerfRingErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A system call that failed: `code` is the errno's name, `errno` its negative number as Node has it, `syscall` the call. */
export class PerfSystemError extends Error {
  override readonly name = 'PerfSystemError';
  constructor(
    readonly code: string,
    readonly errno: number,
    readonly syscall: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
