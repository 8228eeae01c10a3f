import { createWriteStream, fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { isatty } from 'node:tty';
import type { CommandError } from './failure';
import type { OutputFile } from './output-file';
import { isReaderGone, writeError } from './write-error';

/**
 * The most bytes of one write to a pipe or a terminal. It is small, so that {@link SampleOutput.bytesWritten} grows while
 * the output is slow.
 */
const PIECE_BYTES = 64 * 1024;
/** The most bytes of one write to a file. A write goes through a thread of the pool, which takes 50 µs or more. */
const FILE_PIECE_BYTES = 1024 * 1024;

/**
 * Bytes that may wait for the output: samples are read on while a write is in progress. A ring of 256 KiB is full after
 * a millisecond of 3 million samples a second.
 */
const QUEUE_BYTES = 16 * 1024 * 1024;

interface Limits {
  readonly pieceBytes?: number;
  /** With 0, a write resolves when it has been written. */
  readonly queueBytes?: number;
}

/**
 * The output of the samples. The caller awaits each write before the next one, so memory stays bounded when the output
 * is slow.
 */
export class SampleOutput {
  readonly #stream: Writable;
  readonly #name: string;
  readonly #pieceBytes: number;
  readonly #queueBytes: number;
  /** What was not written yet; of the first, `#offset` bytes were. */
  readonly #queue: Uint8Array[] = [];
  #offset = 0;
  #queuedBytes = 0;
  #isWriting = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;
  #bytesWritten = 0;

  /** @param name the output's name in messages */
  constructor(
    stream: Writable,
    name: string,
    { pieceBytes = PIECE_BYTES, queueBytes = QUEUE_BYTES }: Limits = {},
  ) {
    this.#stream = stream;
    this.#name = name;
    this.#pieceBytes = pieceBytes;
    this.#queueBytes = queueBytes;
    stream.on('error', (error) => this.#fail(error));
    stream.on('close', () => this.#wake?.());
  }

  static toStdout(): SampleOutput {
    // A terminal is shared with the status line, which must not come between a write and its end.
    if (isatty(1)) return new SampleOutput(process.stdout, 'stdout', { queueBytes: 0 });
    const stats = fstatSync(1);
    if (stats.isFIFO() || stats.isSocket()) return new SampleOutput(pipeStream(1), 'stdout');
    return new SampleOutput(fileStream(1, false), 'stdout', { pieceBytes: FILE_PIECE_BYTES });
  }

  static toFile(file: OutputFile): SampleOutput {
    if (file.isPipe) return new SampleOutput(pipeStream(file.fd), file.path);
    return new SampleOutput(fileStream(file.fd, true), file.path, { pieceBytes: FILE_PIECE_BYTES });
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
   * Writes, and resolves when the output can accept more. The bytes must not change afterwards.
   * @throws CommandError when writing failed or was abandoned, also when an earlier write failed; the error EPIPE itself
   *   when {@link isClosed}
   */
  async write(chunk: string | Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    if (bytes.length === 0) return;
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    this.#writePiece();
    await this.#untilQueued(this.#queueBytes);
  }

  /** Resolves when everything has been written. @throws like {@link write} */
  async end(): Promise<void> {
    await this.#untilQueued(0);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.#stream.end(resolve);
    });
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Drops what has not been written. A pending write rejects with `reason`. */
  abandon(reason: CommandError): void {
    this.#failure ??= reason;
    this.#stream.destroy();
    this.#wake?.();
  }

  /** Waits until at most that many bytes are queued. */
  async #untilQueued(bytes: number): Promise<void> {
    while (this.#queuedBytes > bytes && this.#failure === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Writes the next piece of the queue; after that, the one after it. */
  #writePiece(): void {
    const [first] = this.#queue;
    if (this.#isWriting || first === undefined || this.#failure !== undefined) return;
    const piece = first.subarray(this.#offset, this.#offset + this.#pieceBytes);
    this.#isWriting = true;
    this.#stream.write(piece, (error) => {
      this.#isWriting = false;
      // The stream's event `error` tells it too.
      if (error !== null && error !== undefined) return;
      this.#bytesWritten += piece.length;
      this.#queuedBytes -= piece.length;
      this.#offset += piece.length;
      if (this.#offset === first.length) {
        this.#queue.shift();
        this.#offset = 0;
      }
      this.#writePiece();
      this.#wake?.();
    });
  }

  #fail(error: Error): void {
    this.#failure ??= isReaderGone(error) ? error : writeError(this.#name, error);
    this.#wake?.();
  }
}

/** A file or a device. It is written by the thread pool, because a slow disk would block the event loop. */
function fileStream(fd: number, autoClose: boolean): Writable {
  return createWriteStream('', { fd, autoClose });
}

/**
 * Also for stdout: process.stdout can't be destroyed, so a pipe whose reader has stopped would keep the process alive.
 */
function pipeStream(fd: number): Writable {
  return new Socket({ fd, readable: false, writable: true });
}
