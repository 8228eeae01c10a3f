import type { LoopCounts, RingCounters } from '../records/record-ring';

/** What happened on one CPU, or on all together, since the reader was opened. */
export interface Accounts {
  /** Samples delivered. */
  readonly received: number;
  /** Bytes of the records delivered, including headers and padding. */
  readonly bytes: number;
  /**
   * Samples that the kernel could not write, by read(2) of the events (PERF_FORMAT_LOST): exact at the moment of the
   * call. Before Linux 6.0: the sum of the PERF_RECORD_LOST records delivered so far, which count lost side-band
   * records too.
   */
  readonly lost: number;
  /** Side-band records that the kernel could not write; 0 unless `attributes` request them, and before Linux 6.0. */
  readonly lostOthers: number;
  /** Samples delivered after a sample with a later time (order: 'time'). */
  readonly late: number;
  /** Times a ring was skipped to its head because of an invalid header. */
  readonly corrupt: number;
  /** Samples that were skipped because their size (64 KiB or more) does not fit the 16 bits in a record header. */
  readonly truncated: number;
  /** Times the kernel or the timer woke the reader and the ring contained records. */
  readonly wakeups: number;
  /** Times the event in the CPU's slot was changed between the waking and the quiet one (wakeup: 'moderated'). */
  readonly swaps: number;
  /** Most unread bytes seen in a ring at one time. */
  readonly highWaterBytes: number;
}

export interface CpuAccounts extends Accounts {
  readonly cpu: number;
  /** Size of the ring's data area, bytes. */
  readonly capacityBytes: number;
  /**
   * Samples were lost while at least half the ring was free: they are longer than that, and a faster reader does not
   * help. Always false before Linux 6.0, where this is unknown.
   */
  readonly ringTooSmall: boolean;
  /**
   * The ring size in bytes with which nothing would have been lost so far. 0 when nothing was lost. Also 0 when that
   * size is more than 1 GiB, more than this process may lock in memory, or, for all rings together, more than a quarter
   * of the machine's memory. Then only a faster reader or fewer samples help.
   */
  readonly advisedBytes: number;
}

/** The counts of a reader. While a visitor runs, the records of its visit are not counted yet. */
export interface ReaderStats {
  /** All CPUs together; `highWaterBytes` is the highest of one ring. */
  readonly total: Accounts;
  /** By CPU number, ascending. CPUs that went offline are included. */
  readonly cpus: readonly CpuAccounts[];
  /**
   * Which loops delivered the records. A large count of `shared` in a program that has run for a while means that loops
   * can't be copied (code from strings is forbidden, or coverage tools or a bundler changed the source), or that the
   * program has too many visitors.
   */
  readonly loops: Readonly<LoopCounts>;
}

/** A record's size has 16 bits. So half of a ring of this size has room for any record. */
export const TAKES_ANY_SAMPLE_BYTES = 128 * 1024;

/** The size of a PERF_RECORD_LOST: header, u64 id, u64 lost. */
const LOST_RECORD_BYTES = 24;

/** The numbers of {@link CpuAccounts}: those counted for the CPU, and the counters of its rings. */
export class CpuAccount {
  lost = 0;
  lostOthers = 0;
  wakeups = 0;
  swaps = 0;
  ringTooSmall = false;
  /** The counters of all rings that the CPU has had. It gets a new one when it comes online again. */
  readonly #rings: RingCounters[] = [];
  /** The largest backlog of lost records: a ring would have had to hold these as well for nothing to be lost. */
  #backlog = 0;

  constructor(
    readonly cpu: number,
    readonly capacityBytes: number,
  ) {}

  /** Adds a new ring of the CPU to the counts. */
  addRing(counters: RingCounters): void {
    this.#rings.push(counters);
  }

  /** Samples delivered. */
  get received(): number {
    return this.#sum((ring) => ring.samples);
  }

  #sum(count: (ring: RingCounters) => number): number {
    let sum = 0;
    for (const ring of this.#rings) sum += count(ring);
    return sum;
  }

  sawBacklog(records: number): void {
    if (records > this.#backlog) this.#backlog = records;
  }

  /**
   * Mean size in bytes of a record, including its header, without PERF_RECORD_LOST. Before the first record a guess.
   */
  get meanRecordBytes(): number {
    const records = this.#sum(({ samples, others, lostRecords }) => samples + others - lostRecords);
    return records <= 0 ? 64 : this.#sum(otherBytes) / records;
  }

  /** @param largestRingBytes returns the largest ring to advise, in bytes; called only when something was lost */
  snapshot(largestRingBytes: () => number): CpuAccounts {
    return {
      cpu: this.cpu,
      received: this.received,
      bytes: this.#sum(deliveredBytes),
      lost: this.lost,
      lostOthers: this.lostOthers,
      late: this.#sum(({ late }) => late),
      corrupt: this.#sum(({ corrupt }) => corrupt),
      truncated: this.#sum(({ truncated }) => truncated),
      wakeups: this.wakeups,
      swaps: this.swaps,
      highWaterBytes: Math.max(0, ...this.#rings.map(({ highWaterBytes }) => highWaterBytes)),
      capacityBytes: this.capacityBytes,
      ringTooSmall: this.ringTooSmall,
      advisedBytes: this.#advisedBytes(largestRingBytes),
    };
  }

  /** The smallest power of two that holds the demand on the ring, at least twice its size; 0 when none is advised. */
  #advisedBytes(largestRingBytes: () => number): number {
    if (this.lost + this.lostOthers === 0) return 0;
    const demand = this.capacityBytes + this.#backlog * this.meanRecordBytes;
    const least = Math.max(demand, this.ringTooSmall ? TAKES_ANY_SAMPLE_BYTES : 0);
    let bytes = this.capacityBytes * 2;
    while (bytes < least) bytes *= 2;
    return bytes <= largestRingBytes() ? bytes : 0;
  }
}

function deliveredBytes({ consumedBytes, skippedBytes }: RingCounters): number {
  return consumedBytes - skippedBytes;
}

/** Delivered bytes of records other than PERF_RECORD_LOST. */
function otherBytes(ring: RingCounters): number {
  return deliveredBytes(ring) - ring.lostRecords * LOST_RECORD_BYTES;
}

/** @param largestRingBytes returns the largest ring to advise, in bytes */
export function statsOf(
  accounts: Iterable<CpuAccount>,
  largestRingBytes: () => number,
  loops: LoopCounts,
): ReaderStats {
  const cpus = [...accounts]
    .map((account) => account.snapshot(largestRingBytes))
    .sort((one, other) => one.cpu - other.cpu);
  const sum = (name: keyof Accounts): number => cpus.reduce((total, cpu) => total + cpu[name], 0);
  return {
    total: {
      received: sum('received'),
      bytes: sum('bytes'),
      lost: sum('lost'),
      lostOthers: sum('lostOthers'),
      late: sum('late'),
      corrupt: sum('corrupt'),
      truncated: sum('truncated'),
      wakeups: sum('wakeups'),
      swaps: sum('swaps'),
      highWaterBytes: Math.max(0, ...cpus.map((cpu) => cpu.highWaterBytes)),
    },
    cpus,
    loops,
  };
}
