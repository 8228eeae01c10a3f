import { createWriteStream, fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { isatty } from 'node:tty';
import type { CommandError } from './failure';
import type { OutputFile } from './output-file';
import { isReaderGone, writeError } from './write-error';

/** Bytes of one write: few enough that {@link SampleOutput.bytesWritten} shows whether the other end takes any. */
const PIECE_BYTES = 64 * 1024;

/**
 * Where the samples go. The caller awaits each write before the next, so that memory is bounded however slow the other
 * end is.
 */
export class SampleOutput {
  readonly #stream: Writable;
  readonly #name: string;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;
  #bytesWritten = 0;

  /** @param name for messages */
  constructor(stream: Writable, name: string) {
    this.#stream = stream;
    this.#name = name;
    stream.on('error', (error) => this.#fail(error));
    stream.on('close', () => this.#wake?.());
    stream.on('drain', () => this.#wake?.());
  }

  static toStdout(): SampleOutput {
    return new SampleOutput(stdoutStream(), 'stdout');
  }

  static toFile(file: OutputFile): SampleOutput {
    const stream = file.isPipe ? pipeStream(file.fd) : createWriteStream('', { fd: file.fd });
    return new SampleOutput(stream, file.path);
  }

  /** The reader of a pipe went away: no error, but the end. */
  get isClosed(): boolean {
    return isReaderGone(this.#failure);
  }

  /** What the other end has taken so far. */
  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  /**
   * Resolves when there is room for more.
   * @throws CommandError when it could not be written, or was abandoned; EPIPE as it is, see {@link isClosed}
   */
  async write(chunk: string | Uint8Array): Promise<void> {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
      await this.#writePiece(bytes.subarray(from, from + PIECE_BYTES));
    }
  }

  /** Resolves when everything has been written. @throws like {@link write} */
  async end(): Promise<void> {
    if (this.#failure === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#stream.end(resolve);
      });
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Gives up what is not written yet; a write that waits is rejected with the reason. */
  abandon(reason: CommandError): void {
    this.#failure ??= reason;
    this.#stream.destroy();
    this.#wake?.();
  }

  async #writePiece(piece: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const hasRoom = this.#stream.write(piece, (error) => {
      if (error === null || error === undefined) this.#bytesWritten += piece.length;
    });
    if (!hasRoom) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  #fail(error: Error): void {
    this.#failure ??= isReaderGone(error) ? error : writeError(this.#name, error);
    this.#wake?.();
  }
}

/**
 * Stdout as a stream of ours, which can be destroyed: process.stdout cannot, and a pipe that nobody reads would keep
 * the process alive.
 */
function stdoutStream(): Writable {
  if (isatty(1)) return process.stdout;
  const stats = fstatSync(1);
  if (stats.isFIFO() || stats.isSocket()) return pipeStream(1);
  // A file, or a device: not on the event loop, since a disk may be slow.
  return createWriteStream('', { fd: 1, autoClose: false });
}

function pipeStream(fd: number): Writable {
  return new Socket({ fd, readable: false, writable: true });
}
