/** What happened on one CPU, or on all together, since the reader was opened. */
export interface Accounts {
  /** Samples delivered. */
  readonly received: number;
  /** Bytes of the records delivered, headers and padding included. */
  readonly bytes: number;
  /**
   * Samples the kernel could not write: by read(2) of the events (PERF_FORMAT_LOST), exact at the moment of the call;
   * on kernels before 6.0 by the PERF_RECORD_LOST records delivered so far.
   */
  readonly lost: number;
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
  /** Samples were refused although half the ring, or more, was free: no reader is fast enough for that. */
  readonly ringTooSmall: boolean;
  /** The ring size, bytes, with which nothing would have been lost so far; 0 where nothing was lost. */
  readonly advisedBytes: number;
}

/** While a visitor runs, the records of that very visit are not counted yet. */
export interface ReaderStats {
  /** All CPUs together; `highWaterBytes` is the highest of one ring. */
  readonly total: Accounts;
  /** By CPU number, ascending. CPUs that went offline stay. */
  readonly cpus: readonly CpuAccounts[];
}

/** A ring of this size has room for the longest sample, whose size is a u16, beside another. */
const TAKES_ANY_SAMPLE = 128 * 1024;

/** The numbers behind {@link CpuAccounts}, counted up by whoever sees the thing happen. */
export class CpuAccount {
  received = 0;
  bytes = 0;
  others = 0;
  late = 0;
  corrupt = 0;
  truncated = 0;
  wakeups = 0;
  swaps = 0;
  highWaterBytes = 0;
  ringTooSmall = false;
  /** By read(2), of the events open now and of those closed. */
  lostByCounter = 0;
  /** Of events that were closed: a CPU that came back has new ones, which count from 0. */
  lostBefore = 0;
  lostByRecords = 0;
  countsLost = true;
  /** Most bytes that a ring would have had to hold for nothing to be lost. */
  #demandBytes = 0;

  constructor(
    readonly cpu: number,
    readonly capacityBytes: number,
  ) {}

  get lost(): number {
    return this.countsLost ? this.lostByCounter : this.lostByRecords;
  }

  sawAvailable(bytes: number): void {
    if (bytes > this.highWaterBytes) this.highWaterBytes = bytes;
  }

  sawDemand(bytes: number): void {
    if (bytes > this.#demandBytes) this.#demandBytes = bytes;
  }

  /** Mean size of a record, header included; before the first one a guess. */
  get meanRecordBytes(): number {
    const records = this.received + this.others;
    return records === 0 ? 64 : this.bytes / records;
  }

  snapshot(): CpuAccounts {
    return {
      cpu: this.cpu,
      received: this.received,
      bytes: this.bytes,
      lost: this.lost,
      late: this.late,
      corrupt: this.corrupt,
      truncated: this.truncated,
      wakeups: this.wakeups,
      swaps: this.swaps,
      highWaterBytes: this.highWaterBytes,
      capacityBytes: this.capacityBytes,
      ringTooSmall: this.ringTooSmall,
      advisedBytes: this.#advisedBytes(),
    };
  }

  /** The next power of two that takes what was asked of the ring, and at least one more than it has. */
  #advisedBytes(): number {
    if (this.lost === 0) return 0;
    let bytes = this.capacityBytes * 2;
    while (bytes < this.#demandBytes || (this.ringTooSmall && bytes < TAKES_ANY_SAMPLE)) bytes *= 2;
    return bytes;
  }
}

export function statsOf(accounts: Iterable<CpuAccount>): ReaderStats {
  const cpus = [...accounts].map((account) => account.snapshot()).sort((one, other) => one.cpu - other.cpu);
  const sum = (name: keyof Accounts): number => cpus.reduce((total, cpu) => total + cpu[name], 0);
  return {
    total: {
      received: sum('received'),
      bytes: sum('bytes'),
      lost: sum('lost'),
      late: sum('late'),
      corrupt: sum('corrupt'),
      truncated: sum('truncated'),
      wakeups: sum('wakeups'),
      swaps: sum('swaps'),
      highWaterBytes: Math.max(0, ...cpus.map((cpu) => cpu.highWaterBytes)),
    },
    cpus,
  };
}
