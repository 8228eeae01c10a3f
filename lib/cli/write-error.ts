import { codeOf, CommandError } from './failure';

/** Whether an error means that the reader closed the pipe. That is the end of the output and not an error. */
export function isReaderGone(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'EPIPE' || code === 'ECONNRESET';
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; make room, or write elsewhere',
  EDQUOT: 'the quota is used up; make room, or write elsewhere',
  EFBIG: 'the file has reached the largest size allowed',
  EIO: 'the device failed',
  EBADF: 'it is not open for writing',
};

/** The error for a failed write. @param name the file's path, or `stdout` */
export function writeError(name: string, error: Error): CommandError {
  const code = codeOf(error) ?? 'unknown error';
  return new CommandError(`cannot write to ${name}: ${REASONS[code] ?? 'it failed'} (${code})`, 1, {
    cause: error,
  });
}
