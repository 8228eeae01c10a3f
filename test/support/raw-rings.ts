import {
  encodePerfEventAttr,
  PERF_COUNT_SW_BPF_OUTPUT,
  PERF_FORMAT_LOST,
  PERF_RECORD_SAMPLE,
  PERF_SAMPLE_RAW,
  PERF_TYPE_SOFTWARE,
} from '../../lib/abi/perf-event';
import { errnoName } from '../../lib/abi/errno';
import type { MappedRingHandle, PerfEventHandle } from '../../lib/addon/contract';
import { addon } from '../../lib/addon/load';
import type { PerfEventArray } from '../../lib/bpf/perf-event-array';
import { onlineCpus } from '../../lib/host/cpu-list';
import { RingPositions } from './ring-positions';

/** A record of a ring, without its header: for a sample the `raw_size` bytes after raw_size. */
export interface RawRecord {
  readonly cpu: number;
  readonly type: number;
  readonly payload: Uint8Array;
}

interface RawRing {
  readonly cpu: number;
  readonly event: PerfEventHandle;
  readonly ring: MappedRingHandle;
  readonly positions: RingPositions;
}

/**
 * A ring for every online CPU, in the slots of an array. It uses only addon calls, so that tests can see what producers
 * and programs write without the code under test in lib/ring, lib/storage and lib/perf-array.
 */
export class RawRings {
  readonly #rings: RawRing[] = [];
  readonly #pageSize = addon().pageSize();
  readonly #dataPageCount: number;

  constructor(array: PerfEventArray, dataPageCount = 64) {
    this.#dataPageCount = dataPageCount;
    try {
      for (const cpu of onlineCpus()) {
        const event = openEvent(cpu);
        const ring = addon().ringMap(event, dataPageCount, true);
        if (typeof ring === 'number') {
          addon().perfEventClose(event);
          throw new Error(`mmap ${errnoName(ring)}`);
        }
        this.#rings.push({ cpu, event, ring, positions: new RingPositions(ring) });
        array.set(cpu, event);
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get cpus(): number[] {
    return this.#rings.map((ring) => ring.cpu);
  }

  get capacityBytes(): number {
    return this.#dataPageCount * this.#pageSize;
  }

  /** Reads and releases all records of all rings, one CPU after the other. */
  drain(): RawRecord[] {
    return this.#rings.flatMap((ring) => this.#drainOne(ring));
  }

  /** The number of samples that the event of this CPU lost, as the kernel counts them. */
  lostOn(cpu: number): number {
    const ring = this.#rings.find((one) => one.cpu === cpu);
    if (ring === undefined) throw new Error(`no ring for CPU ${cpu}`);
    const words = new BigUint64Array(2);
    if (addon().perfEventRead(ring.event, words) !== 2) throw new Error('read(perf event) failed');
    return Number(words[1]);
  }

  close(): void {
    for (const { ring, event } of this.#rings) {
      addon().ringClose(ring);
      addon().perfEventClose(event);
    }
    this.#rings.length = 0;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #drainOne({ cpu, ring, positions }: RawRing): RawRecord[] {
    const mapping = new Uint8Array(this.#pageSize + this.capacityBytes);
    const available = addon().ringCopyPublished(ring, mapping);
    const begin = positions.readOffset();
    const data = mapping.subarray(this.#pageSize);
    const bytes = new Uint8Array(available);
    bytes.set(data.subarray(begin, begin + available));
    bytes.set(
      data.subarray(0, Math.max(0, begin + available - data.length)),
      Math.min(available, data.length - begin),
    );
    positions.consume(available);
    return parseRecords(cpu, bytes);
  }
}

function parseRecords(cpu: number, bytes: Uint8Array): RawRecord[] {
  const records: RawRecord[] = [];
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; ) {
    const type = view.getUint32(at, true);
    const size = view.getUint16(at + 6, true);
    if (size < 8) throw new Error(`record of ${size} bytes at ${at}`);
    const payload =
      type === PERF_RECORD_SAMPLE
        ? bytes.slice(at + 12, at + 12 + view.getUint32(at + 8, true))
        : bytes.slice(at + 8, at + size);
    records.push({ cpu, type, payload });
    at += size;
  }
  return records;
}

function openEvent(cpu: number): PerfEventHandle {
  const attr = encodePerfEventAttr({
    type: PERF_TYPE_SOFTWARE,
    config: PERF_COUNT_SW_BPF_OUTPUT,
    sample_type: PERF_SAMPLE_RAW,
    sample_period: 1,
    read_format: PERF_FORMAT_LOST,
  });
  const event = addon().perfEventOpen(attr, -1, cpu, -1, 0);
  if (typeof event === 'number') throw new Error(`perf_event_open ${errnoName(event)}`);
  return event;
}
