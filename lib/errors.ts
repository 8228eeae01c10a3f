/**
 * The error classes, and the table of all codes.
 *
 * Users and tests compare `code`, never the class: in jest and in vm contexts the class can come from another realm.
 */

/**
 * The codes of {@link PerfRingError} -> what they mean. Failed system calls have the errno's name as their code
 * instead.
 */
export const ERROR_CODES = {
  ERR_PERF_INVALID_ARGUMENT: 'an argument has the wrong type or value',
  ERR_PERF_INVALID_OPTION: 'an option has the wrong type or value, or excludes another',
  ERR_PERF_MEMORY_TOO_SHORT: 'the memory does not hold the metadata page and the data pages',
  ERR_PERF_MEMORY_UNALIGNED: 'the memory does not begin on an 8-byte boundary',
  ERR_PERF_MEMORY_RESIZABLE: 'the memory is resizable and could shrink while the ring uses it',
  ERR_PERF_NO_DATA_PAGES: 'a ring needs at least one data page',
  ERR_PERF_NOT_POWER_OF_TWO: 'the number of data pages, or the page size, is not a power of two',
  ERR_PERF_EMPTY_WRITE: 'a record needs a payload',
  ERR_PERF_RECORD_TOO_LARGE: 'the record is larger than the ring, or than the u16 size in its header can say',
  ERR_PERF_RING_FULL: 'the ring has no room for the record now',
  ERR_PERF_OUT_OF_RANGE: 'the bytes are not all inside the record',
  ERR_PERF_UNSAFE_INTEGER: 'a 64-bit value is too large to be an exact number',
  ERR_PERF_EMPTY: 'there is no record here',
  ERR_PERF_NO_WRITE_BATCH: 'call startWriteBatch() before writing',
  ERR_PERF_NO_READ_BATCH: 'call startReadBatch() before reading',
  ERR_PERF_BATCH_OPEN: 'the previous batch has not been finished',
  ERR_PERF_RING_CORRUPT: 'the ring contains bytes that are not a valid record, or an impossible position',
  ERR_PERF_RECORD_DAMAGED: 'a size in the record points past its end',
  ERR_PERF_CLOSED: 'used after close()',
  ERR_PERF_READ_ONLY: 'the ring can only be read',
  ERR_PERF_ADDON_MISSING: 'the native addon is not built',
  ERR_PERF_MAP_TYPE: 'the map is of another type than is needed',
  ERR_PERF_MAP_TOO_SMALL: 'the map has fewer entries than there are CPUs',
  ERR_PERF_PROGRAM_REJECTED: 'the verifier rejected the program',
  ERR_PERF_PROGRAM_INVALID: 'the instructions do not form a valid program',
  ERR_PERF_TRACEPOINT_UNKNOWN: 'the kernel has no tracepoint of that name',
  ERR_PERF_CPU_OFFLINE: 'the CPU exists but is offline',
  ERR_PERF_NO_SUCH_CPU: 'there is no such CPU',
  ERR_PERF_NO_SUCH_PROCESS: 'there is no process with that number in this PID namespace',
  ERR_PERF_NOT_DRAINED: 'the remaining records could not be delivered: the consumer does not ask for them',
  ERR_PERF_BUSY: 'another operation of this kind is in progress',
  ERR_PERF_OBJECT_DAMAGED: 'the file is not an ELF object with a BPF program, or it is damaged',
  ERR_PERF_BTF_DAMAGED: 'the BTF is damaged, or has a form that perfring does not know',
  ERR_PERF_TYPE_UNKNOWN: 'the BTF has no such type',
  ERR_PERF_LIBBPF_MISSING: 'libbpf.so.1 is not installed',
  ERR_PERF_RELOCATION: 'the program uses a field or type that the kernel does not have',
  ERR_PERF_NOT_LOADED: 'the object, or this program in it, is not loaded',
  ERR_PERF_ALREADY_LOADED: 'the object has already been loaded',
  ERR_PERF_DATA_DAMAGED:
    'the file is not a perf.data file, or it is damaged, or has a form that perfring does not know',
  ERR_PERF_PACKAGE_MISSING: 'an optional package is not installed',
  ERR_PERF_NOT_SUPPORTED: 'this kernel or machine does not support it',
} as const;

/** The `code` of a {@link PerfRingError}: a key of {@link ERROR_CODES}. */
export type PerfRingErrorCode = keyof typeof ERROR_CODES;

/**
 * An error that this library found, such as an invalid argument. `code` is a key of {@link ERROR_CODES}; `cause` may be
 * set.
 */
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

/**
 * A failed system call. `code` is the errno's name (`EACCES`), `errno` its negative number, as in errors of Node, and
 * `syscall` the call with its command: `bpf(BPF_MAP_CREATE)`.
 */
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
