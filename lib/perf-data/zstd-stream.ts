import { PerfRingError } from '../errors';

/** The most bytes that one piece may become. perf compresses what lies in a ring, a few MiB at most. */
const MOST_BYTES = 128 * 2 ** 20;

/** Decompresses pieces of one continuing zstd stream. */
export class ZstdStream {
  readonly #stream: { push(piece: Uint8Array, isLast?: boolean): unknown };
  #parts: Uint8Array[] = [];
  #bytes = 0;

  /** @throws PerfRingError ERR_PERF_PACKAGE_MISSING */
  constructor() {
    this.#stream = new (loadZstd().Decompress)((part) => {
      this.#bytes += part.length;
      if (this.#bytes > MOST_BYTES) throw new RangeError(`a piece becomes more than ${MOST_BYTES} bytes`);
      this.#parts.push(part);
    });
  }

  /** @returns what this piece completes @throws the package's errors for a damaged stream */
  push(piece: Uint8Array): Uint8Array {
    this.#parts = [];
    this.#bytes = 0;
    // The stream keeps what it can't decompress yet, so it gets a copy.
    this.#stream.push(piece.slice());
    return Buffer.concat(this.#parts, this.#bytes);
  }
}

function loadZstd(): typeof import('fzstd') {
  try {
    // Loaded here, because most files are not compressed, and users may not have installed it.
    return require('fzstd') as typeof import('fzstd');
  } catch (cause) {
    throw new PerfRingError(
      'ERR_PERF_PACKAGE_MISSING',
      'the file is compressed with zstd: npm install fzstd to read it',
      { cause },
    );
  }
}
