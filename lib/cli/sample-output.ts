import { createWriteStream, fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { isatty } from 'node:tty';
import type { CommandError } from './failure';
import type { OutputFile } from './output-file';
import { isReaderGone, writeError } from './write-error';

/**
 * The most bytes of one write. It is small, so that {@link SampleOutput.bytesWritten} grows while the output is slow.
 */
const PIECE_BYTES = 64 * 1024;

/**
 * The output of the samples. The caller awaits each write before the next one, so memory stays bounded when the output
 * is slow.
 */
export class SampleOutput {
  readonly #stream: Writable;
  readonly #name: string;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;
  #bytesWritten = 0;

  /** @param name the output's name in messages */
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

  /** Whether the reader closed the pipe. That is the end of the output and not an error. */
  get isClosed(): boolean {
    return isReaderGone(this.#failure);
  }

  /** The number of bytes that the output has accepted. */
  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  /**
   * Writes, and resolves when the output can accept more.
   * @throws CommandError when writing failed or was abandoned; the error EPIPE itself when {@link isClosed}
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

  /** Drops what has not been written. A pending write rejects with `reason`. */
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
 * A stream on stdout that can be destroyed. process.stdout can't be, so a pipe whose reader has stopped would keep the
 * process alive.
 */
function stdoutStream(): Writable {
  if (isatty(1)) return process.stdout;
  const stats = fstatSync(1);
  if (stats.isFIFO() || stats.isSocket()) return pipeStream(1);
  // A file or a device. It is written by the thread pool, because a slow disk would block the event loop.
  return createWriteStream('', { fd: 1, autoClose: false });
}

function pipeStream(fd: number): Writable {
  return new Socket({ fd, readable: false, writable: true });
}
