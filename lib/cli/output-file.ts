import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  type Stats,
  unlinkSync,
} from 'node:fs';
import { codeOf, CommandError } from './failure';

/** What `--output` names: a file that was created, an existing file, a character device, or a named pipe. */
type OutputKind = 'new file' | 'old file' | 'device' | 'pipe';

/**
 * The file of `--output`. Only the owner can read a new file, because samples show what other users do. An existing
 * file is opened only with `--force`, and emptied only by {@link OutputFile.empty}. Devices and named pipes have no
 * content to overwrite, so they need no `--force`. A symbolic link at the end of the path is never followed: everyone
 * who may write to the directory could let it point to any file.
 */
export class OutputFile {
  readonly path: string;
  readonly fd: number;
  readonly #kind: OutputKind;

  private constructor(path: string, fd: number, kind: OutputKind) {
    this.path = path;
    this.fd = fd;
    this.#kind = kind;
  }

  /** @throws CommandError */
  static open(path: string, force: boolean): OutputFile {
    try {
      return OutputFile.#create(path);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw openError(path, error);
    }
    refuseByKind(path);
    return OutputFile.#openExisting(path, force);
  }

  static #create(path: string): OutputFile {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    const fd = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    return new OutputFile(path, fd, 'new file');
  }

  static #openExisting(path: string, force: boolean): OutputFile {
    const { O_WRONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
    let fd: number;
    try {
      // O_NONBLOCK: opening a pipe without a reader fails instead of waiting.
      fd = openSync(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    } catch (error) {
      throw openError(path, error);
    }
    const kind = kindOf(fstatSync(fd));
    if (kind !== undefined && (kind !== 'old file' || force)) return new OutputFile(path, fd, kind);
    closeSync(fd);
    throw new CommandError(
      kind === undefined
        ? `${path} is not a file, character device or pipe; leave out --output and redirect stdout to it`
        : `${path} exists; add --force to overwrite it`,
    );
  }

  /** Whether it is a named pipe. Writes to a pipe must wait on the event loop, not in a thread of the pool. */
  get isPipe(): boolean {
    return this.#kind === 'pipe';
  }

  /**
   * Empties an existing file. Call it after everything has been opened, so that a failure leaves the file unchanged.
   */
  empty(): void {
    if (this.#kind === 'old file') ftruncateSync(this.fd);
  }

  /** Closes the file after a failure: a new file is removed, an existing one stays unchanged. */
  discard(): void {
    if (this.#kind === 'new file' && isSameFile(fstatSync(this.fd), this.path)) unlinkSync(this.path);
    closeSync(this.fd);
  }
}

function kindOf(stats: Stats): OutputKind | undefined {
  if (stats.isFile()) return 'old file';
  if (stats.isCharacterDevice()) return 'device';
  return stats.isFIFO() ? 'pipe' : undefined;
}

function isSameFile({ dev, ino }: Stats, path: string): boolean {
  const there = lstatSync(path, { throwIfNoEntry: false });
  return there !== undefined && there.dev === dev && there.ino === ino;
}

/** Refuses symbolic links and directories. `--force` does not help for them, so the message must not ask for it. */
function refuseByKind(path: string): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats?.isSymbolicLink() === true) throw openError(path, { code: 'ELOOP' });
  if (stats?.isDirectory() === true) throw openError(path, { code: 'EISDIR' });
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'its directory does not exist',
  ENOTDIR: 'a part of its path is not a directory',
  EISDIR: 'it is a directory; name a file in it',
  EACCES: 'you do not have permission to write there',
  EPERM: 'you do not have permission to write there',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  ENXIO: 'it is a pipe without a reader, or a socket',
  ELOOP: 'it is a symbolic link, which is not followed; name the file itself',
  ENAMETOOLONG: 'the name is too long',
};

function openError(path: string, error: unknown): CommandError {
  const code = codeOf(error) ?? 'unknown error';
  return new CommandError(`cannot write to ${path}: ${REASONS[code] ?? 'it cannot be opened'} (${code})`, 1, {
    cause: error,
  });
}
