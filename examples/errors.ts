// Errors have a stable code: compare the code, and show the message, which says what to do.
import {
  attachBuiltin,
  BUILTIN_PROGRAMS,
  BpfProgram,
  bpf,
  builtinNamed,
  DEFAULT_BUILTIN,
  ERROR_CODES,
} from 'perfring';
import {
  PerfEventArray,
  PerfMapReader,
  PerfRingError,
  PerfSystemError,
  ProgramRejectedError,
} from 'perfring';

/** One line about an error. */
function explain(error: unknown): string {
  // The verifier rejected a program. Its log contains the reason.
  if (error instanceof ProgramRejectedError)
    return `${error.code}: ${error.log.trim().split('\n').length} lines of log`;
  // A system call failed: code is the errno's name, syscall is the call.
  if (error instanceof PerfSystemError) return `${error.code} of ${error.syscall}`;
  // Misuse of the library: ERROR_CODES says what each code means.
  if (error instanceof PerfRingError)
    return `${error.code}: ${ERROR_CODES[error.code as keyof typeof ERROR_CODES]}`;
  throw error;
}

function attempt(what: () => unknown): void {
  try {
    what();
  } catch (error) {
    console.log(explain(error));
  }
}

// A program that reads an uninitialised register.
const instructions = bpf.assemble([bpf.mov('r0', 'r5'), bpf.exit()]);
attempt(() => BpfProgram.load({ type: 3, name: 'refused', instructions }));
attempt(() => PerfEventArray.openPinned('/sys/fs/bpf/no-such-map'));
attempt(() => PerfMapReader.open(PerfEventArray.create(), { bufferBytes: 1 }));

console.log(BUILTIN_PROGRAMS.map(({ name }) => name).join(', '));
const array = PerfEventArray.create();
// A name from a user. If it is unknown, the error lists the names.
const { name, description } = builtinNamed(DEFAULT_BUILTIN.name);
attachBuiltin(name, array).close();
console.log(`${name}: ${description}`);
array.close();
