import { BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_PERCPU_ARRAY } from '../abi/bpf';
import { BpfMap } from '../bpf/bpf-map';
import { PerfRingError } from '../errors';
import { shown } from '../input/shown';

/** Where a program counts the records for which it found no space: see {@link RingBufferReaderOptions.lost}. */
export type LostCounter = BpfMap | (() => number | bigint);

const FIRST_KEY = new Uint8Array(4);

/** Reads a program's count of lost records, from the time on when this was made. */
export class LostRecords {
  readonly #read: () => number;
  readonly #before: number;
  #last = 0;

  /** @throws PerfRingError ERR_PERF_INVALID_OPTION, and what the first reading throws */
  constructor(counter: LostCounter) {
    this.#read = readingOf(counter);
    this.#before = this.#read();
  }

  /** The count so far; the last known one when it can't be read any more. */
  get count(): number {
    try {
      this.#last = Math.max(0, this.#read() - this.#before);
    } catch {
      // The program or its map was closed.
    }
    return this.#last;
  }
}

function readingOf(counter: LostCounter): () => number {
  if (typeof counter === 'function') return () => countOf(counter());
  if (!BpfMap.is(counter)) throw invalid(`must be a BpfMap or a function, got ${shown(counter)}`);
  const { type, valueSize, id } = counter.info;
  if ((type !== BPF_MAP_TYPE_ARRAY && type !== BPF_MAP_TYPE_PERCPU_ARRAY) || ![4, 8].includes(valueSize)) {
    throw invalid(
      `must be an array or a per-CPU array whose values are u32 or u64; map ${id} is of type ${type}, with values of ${valueSize} bytes`,
    );
  }
  return () => {
    const value = counter.lookup(FIRST_KEY);
    return value === null ? 0 : counter.perCpu(value).reduce((sum, part) => sum + integerOf(part), 0);
  };
}

function integerOf(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return bytes.length === 4 ? view.getUint32(0, true) : Number(view.getBigUint64(0, true));
}

function countOf(value: unknown): number {
  const count = typeof value === 'bigint' ? Number(value) : value;
  if (typeof count === 'number' && count >= 0) return count;
  throw invalid(`must return a number or a bigint, 0 or more, and returned ${shown(value)}`);
}

function invalid(what: string): PerfRingError {
  return new PerfRingError('ERR_PERF_INVALID_OPTION', `lost ${what}`);
}
