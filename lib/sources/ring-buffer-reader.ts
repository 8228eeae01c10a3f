import type { NativeAddon } from '../addon/contract';
import { addon } from '../addon/load';
import { RingBufferMap } from '../bpf/ring-buffer-map';
import { channels } from '../delivery/diagnostics';
import { RecordReader } from '../delivery/record-reader';
import { PerfRingError } from '../errors';
import { shown } from '../input/shown';
import {
  resolveRingBufferOptions,
  type ResolvedRingBufferOptions,
  type RingBufferReaderOptions,
} from './ring-buffer-options';
import { RingBufferSource, type RingBufferStats } from './ring-buffer-source';

/**
 * Reads a ring buffer map (BPF_MAP_TYPE_RINGBUF) in the same ways as {@link PerfMapReader} reads a perf event array: by
 * `for await (const batch of reader)`, by {@link readable}, by {@link read}, or synchronously by {@link drain}; one at
 * a time. Records come in the order in which programs on all CPUs reserved them. A record has only a payload, with
 * exactly the bytes that the program wrote: `cpu` is -1, `time` is undefined, and {@link RingRecord.decode} throws
 * ERR_PERF_NOT_SUPPORTED.
 *
 * ```ts
 * const map = RingBufferMap.openPinned('/sys/fs/bpf/events');
 * const reader = RingBufferReader.open(map);
 * for await (const batch of reader) batch.forEach((record) => console.log(record.u32(0)));
 * ```
 *
 * A map has one reader: a second one takes records from the first. The map stores consumer_pos, up to which records
 * were read, so the next reader continues there.
 *
 * @see https://github.com/torvalds/linux/blob/v6.12/Documentation/bpf/ringbuf.rst
 */
export class RingBufferReader extends RecordReader<RingBufferStats> {
  private constructor(native: NativeAddon, map: RingBufferMap, options: ResolvedRingBufferOptions) {
    super(native, options, (context) => new RingBufferSource(context, map, options));
    channels.open.publish({ reader: this, cpus: [] });
  }

  /**
   * Maps the ring buffer, and begins where its last reader ended.
   * @param map it stays the caller's; keep it open as long as the reader
   * @throws PerfRingError ERR_PERF_INVALID_OPTION, ERR_PERF_INVALID_ARGUMENT, ERR_PERF_CLOSED
   * @throws PerfSystemError EPERM for a map that was opened read-only, EFBIG for one of more than 512 MiB, EMFILE,
   *   ENOMEM
   */
  static open(map: RingBufferMap, options: RingBufferReaderOptions = {}): RingBufferReader {
    const native = addon();
    if (!RingBufferMap.is(map)) {
      throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `map must be a RingBufferMap, got ${shown(map)}`);
    }
    return new RingBufferReader(native, map, resolveRingBufferOptions(options));
  }
}
