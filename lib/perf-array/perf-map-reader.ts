import type { NativeAddon } from '../addon/contract';
import { addon } from '../addon/load';
import { checkArray, type PerfEventArray } from '../bpf/perf-event-array';
import type { ReaderStats } from '../delivery/accounts';
import { readerClosed } from '../delivery/delivery';
import { channels } from '../delivery/diagnostics';
import { RecordReader } from '../delivery/record-reader';
import { PerfRingError } from '../errors';
import { type PerfMapReaderOptions, type ResolvedOptions, resolveOptions } from './options';
import { PerfArraySource } from './perf-array-source';

/**
 * One ring per CPU on one perf event array, read as one stream.
 *
 * Read it by `for await (const batch of reader)`, by {@link readable}, by {@link read}, or synchronously by
 * {@link drain}; one at a time. When the reader is too slow, the kernel counts losses; the memory of this process does
 * not grow.
 */
export class PerfMapReader extends RecordReader<ReaderStats> {
  readonly #source: PerfArraySource;

  private constructor(array: PerfEventArray, options: ResolvedOptions, native: NativeAddon) {
    let source!: PerfArraySource;
    super(native, { isManual: options.wakeup === 'manual', limits: options.limits }, (context) => {
      source = new PerfArraySource({ ...context, array, options });
      return source;
    });
    this.#source = source;
    channels.open.publish({ reader: this, cpus: this.cpus });
  }

  /**
   * Opens a ring for each CPU and puts its event into the CPU's slot. On failure nothing stays open. Without `cpus`,
   * CPUs that are offline are left out, and added when they come online.
   * @param array it stays the caller's; keep it open as long as the reader
   * @throws PerfRingError ERR_PERF_INVALID_OPTION and other errors of the options, before anything is opened;
   *   ERR_PERF_CPU_OFFLINE for an offline CPU in `cpus`
   * @throws PerfSystemError EACCES, EPERM, EMFILE, ENOMEM, …
   */
  static open(array: PerfEventArray, options: PerfMapReaderOptions = {}): PerfMapReader {
    const native = addon();
    checkArray(array);
    const resolved = resolveOptions(options, native.pageSize());
    if (array.closed) throw new PerfRingError('ERR_PERF_CLOSED', 'the perf event array was closed');
    return new PerfMapReader(array, resolved, native);
  }

  /** CPUs that have a ring now, ascending. */
  get cpus(): readonly number[] {
    return this.closed ? [] : this.#source.rings.map((ring) => ring.cpu);
  }

  /**
   * Opens rings for CPUs that came online. Reads the rings of CPUs that went offline to their end, then closes them.
   * Unless wakeup is 'manual', the reader does this once a second. Within a batch, or during close({ drain: true }), it
   * does nothing.
   * @throws PerfSystemError when a ring cannot be opened (the reader itself warns, and tries again a second later)
   */
  refresh(): void {
    if (this.closed) throw readerClosed();
    this.#source.refresh();
  }
}
