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

/**
 * Opens the file of `--output`. A new one can be read by its owner alone, since samples tell what others do; one
 * that is there is taken only when asked, and emptied only by {@link OutputFile.empty}. A symbolic link at the end
 * of the path is never followed: whoever may write in that directory could point it at any file.
 */
export class OutputFile {
  readonly path: string;
  readonly fd: number;
  readonly #isNew: boolean;
  readonly #isRegular: boolean;

  private constructor(path: string, fd: number, isNew: boolean, isRegular: boolean) {
    this.path = path;
    this.fd = fd;
    this.#isNew = isNew;
    this.#isRegular = isRegular;
  }

  /** @throws CommandError */
  static open(path: string, force: boolean): OutputFile {
    try {
      return OutputFile.#create(path);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw openError(path, error);
    }
    refuseByKind(path);
    if (!force) throw new CommandError(`${path} is there already; add --force to overwrite it`);
    return OutputFile.#openExisting(path);
  }

  static #create(path: string): OutputFile {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    return new OutputFile(path, openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600), true, true);
  }

  static #openExisting(path: string): OutputFile {
    const { O_WRONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
    let fd: number;
    try {
      // O_NONBLOCK: a pipe without a reader is an error and no wait.
      fd = openSync(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    } catch (error) {
      throw openError(path, error);
    }
    const stats = fstatSync(fd);
    if (stats.isFile() || stats.isCharacterDevice()) return new OutputFile(path, fd, false, stats.isFile());
    closeSync(fd);
    throw new CommandError(`${path} is no regular file; leave --output out and redirect stdout to it`);
  }

  /** Empties a file that was there before: the last thing before the first sample, when all else has worked. */
  empty(): void {
    if (this.#isRegular && !this.#isNew) ftruncateSync(this.fd);
  }

  /** Undoes the opening: what it created is gone again, what was there before is as it was. */
  discard(): void {
    if (this.#isNew && isSameFile(fstatSync(this.fd), this.path)) unlinkSync(this.path);
    closeSync(this.fd);
  }
}

function isSameFile({ dev, ino }: Stats, path: string): boolean {
  const there = lstatSync(path, { throwIfNoEntry: false });
  return there !== undefined && there.dev === dev && there.ino === ino;
}

/** Where --force would not help, it is not what is asked for. */
function refuseByKind(path: string): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats?.isSymbolicLink() === true) throw openError(path, { code: 'ELOOP' });
  if (stats?.isDirectory() === true) throw openError(path, { code: 'EISDIR' });
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'its directory is not there',
  ENOTDIR: 'a part of its path is no directory',
  EISDIR: 'it is a directory; name a file in it',
  EACCES: 'you may not write there',
  EPERM: 'you may not write there',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  ENXIO: 'it is a pipe that nobody reads, or a socket',
  ELOOP: 'it is a symbolic link, which is not followed; name the file itself',
  ENAMETOOLONG: 'the name is too long',
};

function openError(path: string, error: unknown): CommandError {
  const code = codeOf(error) ?? 'unknown error';
  return new CommandError(`cannot write to ${path}: ${REASONS[code] ?? 'it cannot be opened'} (${code})`, 1, {
    cause: error,
  });
}
