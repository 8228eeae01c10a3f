import { PERF_RECORD_LOST, PERF_RECORD_SAMPLE } from '../abi/perf-event';
import { lanesOf, RingReader } from '../merge/ring-reader';
import { internalsOf, type PerfRing, type SkippedFault } from '../ring/perf-ring';
import { PerfRingError } from '../errors';
import type { SampleVisitor } from '../records/bulk-visitor';
import type { RecordVisitor, RingRecord } from '../records/record';
import type { RecordSource } from '../records/record-source';
import { SCAN_FAULT, SCAN_LIMIT, SCAN_STOPPED, SCAN_THREW } from '../ring/record-scan';
import type { CpuRing } from './cpu-ring';
import type { ResolvedOptions } from './options';

/** What a turn reports while it delivers. Neither function may close the reader. */
export interface TurnReports {
  /** Something was stepped over. */
  readonly fault: (ring: CpuRing, fault: SkippedFault) => void;
  /** A PERF_RECORD_LOST of so many samples was met. */
  readonly lost: (ring: CpuRing, count: number) => void;
}

/** The rings of a perf event array as one source. */
export interface Turn extends RecordSource {
  /** The rings changed; not within a batch. */
  setRings(rings: readonly CpuRing[]): void;
  /** Producers are off: nothing needs to be held back any more. */
  endOfWriting(): void;
}

export function makeTurn(options: ResolvedOptions, reports: TurnReports): Turn {
  return options.order === 'time' ? new TimeOrderTurn(options, reports) : new CpuOrderTurn(reports);
}

/** Records of one ring before the next ring has its turn. */
const FAIR_SHARE = 16_384;

/** Passes on what is no sample, and tells of what LOST records report. */
class LostCounter {
  readonly #ringOf: (cpu: number) => CpuRing | undefined;
  readonly #report: TurnReports['lost'];
  #other: RecordVisitor | undefined;
  #counting: RecordVisitor = () => undefined;

  constructor(ringOf: (cpu: number) => CpuRing | undefined, report: TurnReports['lost']) {
    this.#ringOf = ringOf;
    this.#report = report;
  }

  counting(other: RecordVisitor): RecordVisitor {
    if (this.#other !== other) {
      this.#other = other;
      this.#counting = (record) => {
        this.count(record);
        return other(record);
      };
    }
    return this.#counting;
  }

  count(record: RingRecord): void {
    const ring = record.type === PERF_RECORD_LOST ? this.#ringOf(record.cpu) : undefined;
    if (ring !== undefined) this.#report(ring, record.lost);
  }
}

function countFault(ring: CpuRing, fault: SkippedFault): void {
  ring.consumedBytes += fault.skippedBytes;
  if (fault.kind === 'truncated') ring.account.truncated++;
  else ring.account.corrupt++;
}

function beginRings(rings: readonly CpuRing[], reports: TurnReports): number {
  let found = 0;
  for (const ring of rings) {
    try {
      const available = ring.ring.startReadBatch();
      ring.sawTurnBegin(available);
      found += available;
    } catch (error) {
      // Head and tail cannot be: nothing in the ring can be trusted. The next turn begins at its head.
      const fault = { kind: 'corrupt', skippedBytes: ring.ring.resynchronise(), error } as SkippedFault;
      countFault(ring, fault);
      reports.fault(ring, fault);
    }
  }
  return found;
}

/** Ring by ring, each in its own order, each its fair share. */
class CpuOrderTurn implements Turn {
  #rings: readonly CpuRing[] = [];
  /** Where this turn began: the next one begins one ring further, wherever this one stops. */
  #start = 0;
  /** The ring whose turn it is. */
  #first = 0;
  #current: CpuRing | undefined;
  /** Samples next() has lent of the ring whose turn it is. */
  #taken = 0;
  readonly #lost: LostCounter;
  inBatch = false;
  stopped = false;
  readonly holdsBack = false;
  readonly #reports: TurnReports;

  constructor(reports: TurnReports) {
    this.#reports = reports;
    this.#lost = new LostCounter((cpu) => this.#rings.find((ring) => ring.cpu === cpu), reports.lost);
  }

  setRings(rings: readonly CpuRing[]): void {
    this.#rings = rings;
    this.#start = 0;
  }

  beginBatch(): number {
    this.inBatch = true;
    this.#start = this.#start + 1 < this.#rings.length ? this.#start + 1 : 0;
    this.#first = this.#start;
    this.#taken = 0;
    return beginRings(this.#rings, this.#reports);
  }

  get more(): boolean {
    return this.#rings.some(hasMore);
  }

  visit(sample: SampleVisitor, other: RecordVisitor, limit: number): number {
    this.#step();
    this.stopped = false;
    let records = 0;
    let idle = 0;
    const count = this.#rings.length;
    while (idle < count && records < limit) {
      const ring = this.#rings[this.#first] as CpuRing;
      if (!hasMore(ring)) {
        idle++;
        this.#pass();
        continue;
      }
      idle = 0;
      const before = internalsOf(ring.ring).state.left;
      const state = internalsOf(ring.ring).scan(
        sample,
        this.#lost.counting(other),
        Math.min(FAIR_SHARE, limit - records),
      );
      records += state.records;
      tally(ring, before - state.left, state.records - state.others, state.others);
      if (state.outcome === SCAN_THREW) {
        const { thrown } = state;
        state.thrown = undefined;
        throw thrown;
      }
      if (ring.ring.closed) break;
      if (state.outcome === SCAN_STOPPED) {
        this.stopped = true;
        break;
      }
      if (state.outcome === SCAN_FAULT) this.#skip(ring);
      if (state.outcome === SCAN_LIMIT || state.left === 0) this.#pass();
    }
    return records;
  }

  next(): RingRecord | null {
    this.#step();
    for (;;) {
      const ring = this.#ringWithMore();
      if (ring === undefined) return null;
      let record: RingRecord | null;
      try {
        record = ring.ring.peek();
      } catch (error) {
        if ((error as { code?: unknown }).code !== 'ERR_PERF_RING_CORRUPT') throw error;
        this.#skip(ring);
        continue;
      }
      if (record === null) return null;
      if (record.type === PERF_RECORD_SAMPLE) {
        this.#current = ring;
        return record;
      }
      this.#lost.count(record);
      const before = internalsOf(ring.ring).state.left;
      ring.ring.pop();
      tally(ring, before - internalsOf(ring.ring).state.left, 0, 1);
    }
  }

  /** The ring whose turn it is, as long as its share lasts; then the next that holds something. */
  #ringWithMore(): CpuRing | undefined {
    if (this.#taken >= FAIR_SHARE) this.#pass();
    for (let tried = 0; tried < this.#rings.length; tried++) {
      const ring = this.#rings[this.#first] as CpuRing;
      if (hasMore(ring)) return ring;
      this.#pass();
    }
    return undefined;
  }

  /** The next ring's turn. */
  #pass(): void {
    this.#taken = 0;
    this.#first = (this.#first + 1) % this.#rings.length;
  }

  finishBatch(): void {
    this.#step();
    this.inBatch = false;
    for (const { ring } of this.#rings) if (!ring.closed && ring.reading) ring.finishReadBatch();
  }

  endOfWriting(): void {}

  /** Steps over the sample that next() lent. */
  #step(): void {
    const ring = this.#current;
    this.#current = undefined;
    if (ring === undefined) return;
    if (ring.ring.closed) {
      // It was delivered all the same.
      ring.account.received++;
      return;
    }
    const before = internalsOf(ring.ring).state.left;
    ring.ring.pop();
    this.#taken++;
    tally(ring, before - internalsOf(ring.ring).state.left, 1, 0);
  }

  #skip(ring: CpuRing): void {
    const fault = ring.ring.skipFault();
    countFault(ring, fault);
    this.#reports.fault(ring, fault);
  }
}

function hasMore({ ring }: CpuRing): boolean {
  return !ring.closed && ring.reading && internalsOf(ring).state.left > 0;
}

function tally(ring: CpuRing, bytes: number, samples: number, others: number): void {
  const { account } = ring;
  ring.consumedBytes += bytes;
  account.bytes += bytes;
  account.received += samples;
  account.others += others;
}

/** All rings as one stream, by time. */
class TimeOrderTurn implements Turn {
  #rings: readonly CpuRing[] = [];
  readonly #byRing = new Map<PerfRing, CpuRing>();
  readonly #reader: RingReader;
  readonly #lost: LostCounter;
  /** Bytes of each ring that no tally has counted yet. */
  #left: number[] = [];
  /** The ring of the record that next() lent. */
  #lent: CpuRing | undefined;
  inBatch = false;
  stopped = false;

  constructor(options: ResolvedOptions, reports: TurnReports) {
    this.#lost = new LostCounter((cpu) => this.#rings.find((ring) => ring.cpu === cpu), reports.lost);
    this.#reader = new RingReader({
      slackNanoseconds: options.slackNanoseconds,
      onFault: (ring, fault) => {
        const owner = this.#byRing.get(ring);
        if (owner === undefined) return;
        // What was skipped is no delivery: keep it out of the next tally.
        const index = this.#rings.indexOf(owner);
        this.#left[index] = (this.#left[index] ?? 0) - fault.skippedBytes;
        countFault(owner, fault);
        reports.fault(owner, fault);
      },
    });
  }

  setRings(rings: readonly CpuRing[]): void {
    for (const { ring } of this.#rings)
      if (!rings.some((kept) => kept.ring === ring)) this.#reader.removeRing(ring);
    for (const { ring } of rings)
      if (!this.#rings.some((known) => known.ring === ring)) this.#reader.addRing(ring);
    this.#byRing.clear();
    for (const ring of rings) this.#byRing.set(ring.ring, ring);
    // The reader keeps the order in which rings were added: its lanes are asked by index.
    this.#rings = this.#reader.rings.map((ring) => this.#byRing.get(ring) as CpuRing);
  }

  beginBatch(): number {
    this.#reader.start();
    this.inBatch = true;
    let found = 0;
    this.#left = this.#rings.map((ring) => {
      const left = ring.ring.reading ? internalsOf(ring.ring).state.left : 0;
      ring.sawTurnBegin(left);
      found += left;
      return left;
    });
    return found;
  }

  get more(): boolean {
    return this.inBatch && !this.#reader.isEmpty();
  }

  get holdsBack(): boolean {
    return this.#reader.holdsBack;
  }

  visit(sample: SampleVisitor, other: RecordVisitor, limit: number): number {
    if (typeof sample !== 'function') throw byCpuOnly();
    this.#step();
    this.stopped = false;
    try {
      return this.#reader.visit(sample, { other: this.#lost.counting(other), limit });
    } finally {
      this.stopped = this.#reader.stopped;
      this.#tally();
    }
  }

  next(): RingRecord | null {
    this.#step();
    for (;;) {
      const record = this.#reader.peek();
      if (record === null) return null;
      const isSample = record.type === PERF_RECORD_SAMPLE;
      if (!isSample) this.#lost.count(record);
      this.#lent = this.#byRing.get(this.#reader.currentRing());
      if (isSample) return record;
      this.#step();
    }
  }

  finishBatch(): void {
    this.#step();
    this.inBatch = false;
    this.#reader.finish();
  }

  endOfWriting(): void {
    this.#reader.endOfWriting();
  }

  #step(): void {
    const ring = this.#lent;
    this.#lent = undefined;
    if (ring === undefined) return;
    if (ring.ring.closed) {
      // It was delivered all the same.
      ring.account.received++;
      return;
    }
    this.#reader.pop();
    this.#tally();
  }

  #tally(): void {
    for (const [index, ring] of this.#rings.entries()) {
      const lane = lanesOf(this.#reader)[index];
      if (lane === undefined) continue;
      const { left } = internalsOf(ring.ring).state;
      tally(ring, (this.#left[index] ?? left) - left, lane.records - lane.others, lane.others);
      ring.account.late += lane.late;
      this.#left[index] = left;
      lane.records = 0;
      lane.others = 0;
      lane.late = 0;
    }
  }
}

function byCpuOnly(): PerfRingError {
  return new PerfRingError(
    'ERR_PERF_NOT_SUPPORTED',
    "a query reads ring by ring: open the reader with order: 'cpu', or add the column record.time and sort by it",
  );
}
