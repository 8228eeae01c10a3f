import type { LoopCounts, RingCounters } from '../records/record-ring';

/** What happened on one CPU, or on all together, since the reader was opened. */
export interface Accounts {
  /** Samples delivered. */
  readonly received: number;
  /** Bytes of the records delivered, headers and padding included. */
  readonly bytes: number;
  /**
   * Samples the kernel could not write: by read(2) of the events (PERF_FORMAT_LOST), exact at the moment of the call.
   * Before Linux 6.0 what the PERF_RECORD_LOST records delivered so far say; these count side-band records as well.
   */
  readonly lost: number;
  /** Side-band records that the kernel could not write, where `attributes` ask for such; 0 before Linux 6.0. */
  readonly lostOthers: number;
  /** Samples delivered after one of a later time (order: 'time'). */
  readonly late: number;
  /** Times a ring had to be skipped to its head for a header that could not be. */
  readonly corrupt: number;
  /** Samples past the 64 KiB law: their header's u16 could not say their size, so they were stepped over. */
  readonly truncated: number;
  /** Times the kernel or the timer woke the reader for this. */
  readonly wakeups: number;
  /** Times the waking and the quiet event changed places (wakeup: 'moderated'). */
  readonly swaps: number;
  /** Most bytes seen lying unread at once. */
  readonly highWaterBytes: number;
}

export interface CpuAccounts extends Accounts {
  readonly cpu: number;
  /** Size of the ring's data area, bytes. */
  readonly capacityBytes: number;
  /**
   * Samples were lost while half the ring, or more, was free: they are larger than that, and no reader is fast enough.
   * False before Linux 6.0, where nobody can tell.
   */
  readonly ringTooSmall: boolean;
  /**
   * The ring size, bytes, with which nothing would have been lost so far. 0 where nothing was lost, and where that
   * size cannot be had: it is more than 1 GiB, than this process may lock in memory, or than a quarter of the
   * machine's memory for all rings. Then only a faster reader or fewer samples help.
   */
  readonly advisedBytes: number;
}

/** While a visitor runs, the records of that very visit are not counted yet. */
export interface ReaderStats {
  /** All CPUs together; `highWaterBytes` is the highest of one ring. */
  readonly total: Accounts;
  /** By CPU number, ascending. CPUs that went offline stay. */
  readonly cpus: readonly CpuAccounts[];
  /**
   * Which loops have delivered the records. Many by `shared` in a program that has run for a while mean that copies can't
   * be made (code from strings is forbidden, or the library is measured or bundled), or that its visitors are too many.
   */
  readonly loops: Readonly<LoopCounts>;
}

/** The longest record has a size of 16 bits, so a ring of this size has half of it free for any. */
export const TAKES_ANY_SAMPLE_BYTES = 128 * 1024;

/** Header, u64 id, u64 lost. */
const LOST_RECORD_BYTES = 24;

/** The numbers behind {@link CpuAccounts}: what is counted for a CPU, and what its rings have counted. */
export class CpuAccount {
  lost = 0;
  lostOthers = 0;
  wakeups = 0;
  swaps = 0;
  ringTooSmall = false;
  /** Of the rings that the CPU has had, one after the other: it may go offline and come back. */
  readonly #rings: RingCounters[] = [];
  /** Most records that a ring would have had to hold, beside those that filled it, for nothing to be lost. */
  #backlog = 0;

  constructor(
    readonly cpu: number,
    readonly capacityBytes: number,
  ) {}

  /** The CPU has a ring, which counts here from now on. */
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

  /** Mean size of a record that was not a PERF_RECORD_LOST, header included; before the first one a guess. */
  get meanRecordBytes(): number {
    const records = this.#sum(({ samples, others, lostRecords }) => samples + others - lostRecords);
    return records <= 0 ? 64 : this.#sum(otherBytes) / records;
  }

  /** @param largestRingBytes the largest ring to advise; called only where something was lost */
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

  /** The next power of two that takes what was asked of the ring, and at least twice what it has. */
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

/** Of records that are no PERF_RECORD_LOST. */
function otherBytes(ring: RingCounters): number {
  return deliveredBytes(ring) - ring.lostRecords * LOST_RECORD_BYTES;
}

/** @param largestRingBytes the largest ring to advise */
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
