/** The command's error messages (one line on stderr that says what to do) and exit codes. */

export const EXIT_OK = 0;
/** Something did not work. */
export const EXIT_FAILURE = 1;
/** Invalid arguments. */
const EXIT_USAGE = 2;

/** An error of the command itself. Errors of the library are passed on unchanged. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  constructor(
    message: string,
    readonly exitCode: number = EXIT_FAILURE,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Invalid arguments. */
export function usageError(message: string): CommandError {
  return new CommandError(message, EXIT_USAGE);
}

/** Codes of the library for invalid options. Here the options come from the command line, so the exit code is 2. */
const USAGE_CODES: ReadonlySet<string> = new Set([
  'ERR_PERF_INVALID_ARGUMENT',
  'ERR_PERF_INVALID_OPTION',
  'ERR_PERF_NOT_POWER_OF_TWO',
  'ERR_PERF_NO_DATA_PAGES',
  'ERR_PERF_NO_SUCH_CPU',
]);

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommandError) return error.exitCode;
  return USAGE_CODES.has(codeOf(error) ?? '') ? EXIT_USAGE : EXIT_FAILURE;
}

/**
 * The text for an error, with a newline at the end.
 * @param debug adds the stack, the stacks of its causes, and the verifier's log
 */
export function failureText(error: unknown, debug: boolean): string {
  return `perfring: ${messageOf(error)}${debug ? `\n${details(error)}` : ''}\n`;
}

/** The errno's name or ERR_PERF_*; undefined for an error without a code. */
export function codeOf(error: unknown): string | undefined {
  const code = property(error, 'code');
  return typeof code === 'string' ? code : undefined;
}

function messageOf(error: unknown): string {
  const message = String(property(error, 'message') ?? error)
    .replace(/\s+/g, ' ')
    .trim();
  if (isPermission(error)) return `${message}; see: perfring doctor`;
  return USAGE_CODES.has(codeOf(error) ?? '') ? withFlags(message) : message;
}

/** Options that only the library can check -> their names on the command line. */
const FLAGS: Readonly<Record<string, string>> = {
  bufferBytes: '--buffer-bytes',
  memoryBytes: '--memory',
  'wakeup.everyBytes': '--wakeup bytes:N',
};

function withFlags(message: string): string {
  return message.replace(
    /\b(?:bufferBytes|memoryBytes|wakeup\.everyBytes)\b/g,
    (name) => FLAGS[name] ?? name,
  );
}

/** Whether a system call of the library was denied. The command's own errors already say what to do. */
function isPermission(error: unknown): boolean {
  if (error instanceof CommandError) return false;
  const code = codeOf(error);
  return (code === 'EPERM' || code === 'EACCES') && property(error, 'syscall') !== undefined;
}

function details(error: unknown): string {
  const log = property(error, 'log');
  const cause = property(error, 'cause');
  const lines = [String(property(error, 'stack') ?? error)];
  if (typeof log === 'string') lines.push(log.trimEnd());
  if (cause !== undefined) lines.push(`caused by: ${details(cause)}`);
  return lines.join('\n');
}

function property(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}
