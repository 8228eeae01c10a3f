import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Bytes that are read in order, and from anywhere if it is a file that can be read so. */
export interface FileInput {
  /** Its name in errors. */
  readonly path: string;
  /** Whether {@link readAt} works: not for pipes. */
  readonly seeks: boolean;
  /** Size of the file, bytes; Infinity if it is not known. */
  readonly size: number;
  /** Fills `target` from the next bytes. @returns bytes read; fewer than the target has only at the end */
  read(target: Uint8Array): number;
  /** Fills `target` from `position` on. @returns bytes read; fewer than the target has only at the end */
  readAt(target: Uint8Array, position: number): number;
  /** Sets where {@link read} continues. */
  seek(position: number): void;
  close(): void;
}

/** A file or a pipe. */
export class DescriptorInput implements FileInput {
  readonly path: string;
  readonly seeks: boolean;
  readonly size: number;
  readonly #fd: number;
  readonly #owned: boolean;
  #position = 0;
  #open = true;

  /** @param file a path, or a descriptor, which is not closed */
  constructor(file: string | number) {
    this.#owned = typeof file === 'string';
    this.path = typeof file === 'string' ? file : `descriptor ${file}`;
    this.#fd = typeof file === 'string' ? openSync(file, 'r') : file;
    const stats = fstatSync(this.#fd);
    this.seeks = stats.isFile();
    this.size = this.seeks ? stats.size : Number.POSITIVE_INFINITY;
  }

  read(target: Uint8Array): number {
    const length = this.seeks ? this.readAt(target, this.#position) : this.#fill(target, null);
    this.#position += length;
    return length;
  }

  readAt(target: Uint8Array, position: number): number {
    return this.#fill(target, position);
  }

  seek(position: number): void {
    this.#position = position;
  }

  close(): void {
    if (this.#open && this.#owned) closeSync(this.#fd);
    this.#open = false;
  }

  #fill(target: Uint8Array, position: number | null): number {
    let filled = 0;
    while (filled < target.length) {
      const at = position === null ? null : position + filled;
      const length = this.#readSome(target, filled, at);
      if (length === 0) break;
      filled += length;
      // A pipe gives what it has: waiting for more would delay records that are there.
      if (position === null) break;
    }
    return filled;
  }

  #readSome(target: Uint8Array, offset: number, position: number | null): number {
    for (;;) {
      try {
        return readSync(this.#fd, target, offset, target.length - offset, position);
      } catch (error) {
        // A pipe that another process has set to not block.
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
        Atomics.wait(pause, 0, 0, PAUSE_MILLISECONDS);
      }
    }
  }
}

const PAUSE_MILLISECONDS = 5;
const pause = new Int32Array(new SharedArrayBuffer(4));

/** A file in memory. */
export class MemoryInput implements FileInput {
  readonly path = 'the bytes';
  readonly seeks = true;
  readonly size: number;
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.size = bytes.length;
  }

  read(target: Uint8Array): number {
    const length = this.readAt(target, this.#position);
    this.#position += length;
    return length;
  }

  readAt(target: Uint8Array, position: number): number {
    const part = this.#bytes.subarray(position, position + target.length);
    target.set(part);
    return part.length;
  }

  seek(position: number): void {
    this.#position = position;
  }

  close(): void {}
}
