import { type RecordVisitor, STOP } from '../../../lib/records/record';
import { internalsOf, type PerfRing } from '../../../lib/ring/perf-ring';
import {
  SCAN_END,
  SCAN_FAULT,
  SCAN_LIMIT,
  SCAN_STOPPED,
  SCAN_THREW,
  type ScanState,
} from '../../../lib/ring/record-scan';
import { MAKES_CODE_FROM_STRINGS } from '../../support/code-from-strings';
import { LOOPS } from '../../support/ring-cursor-kinds';
import { RingFixture } from '../../support/ring-fixture';
import { lostBytes, payloadOf, recordBytes, sampleBytes } from '../../support/ring-records';

const CAPACITY = 2048;
const NO_LIMIT = 2 ** 30 - 1;

/** Makes a visit. @returns the state of its scan afterwards */
function scanned(ring: PerfRing, sample: RecordVisitor, other: RecordVisitor, limit: number): ScanState {
  const { state } = internalsOf(ring);
  try {
    const records = internalsOf(ring).visit(sample, other, limit);
    return { ...state, records };
  } catch (thrown) {
    return { ...state, thrown };
  }
}

/** The layers above use the state of a scan for their counts: how it ended and what it visited, in all cases. */
describe.each(LOOPS)('a scan by the loop for %s samples', (loop) => {
  /** 3 samples of 16 bytes, a LOST of 24, 9 samples of 32, another LOST. They pass the end of the data area. */
  const reading = (...more: readonly Uint8Array[]): RingFixture => {
    const made = new RingFixture({ position: CAPACITY - 160, loop });
    const small = sampleBytes(payloadOf(4));
    const large = sampleBytes(payloadOf(20));
    made.publish(small, small, small, lostBytes(1n, 1n), ...new Array<Uint8Array>(9).fill(large));
    made.publish(lostBytes(1n, 2n), ...more);
    made.ring.startReadBatch();
    return made;
  };
  const othersIn = (visited: number): number => (visited > 3 ? 1 : 0) + (visited > 13 ? 1 : 0);

  it('ends at the end: all counted, samples and others', () => {
    const { ring } = reading();
    expect(scanned(ring, ignore, ignore, NO_LIMIT)).toMatchObject({
      outcome: SCAN_END,
      records: 14,
      others: 2,
      left: 0,
    });
  });

  it.each(Array.from({ length: 14 }, (_, i) => i))('ends at a limit of %d', (limit) => {
    const { ring } = reading();
    const state = scanned(ring, ignore, ignore, limit);
    expect(state).toMatchObject({ outcome: SCAN_LIMIT, records: limit, others: othersIn(limit) });
  });

  it.each(Array.from({ length: 14 }, (_, i) => i + 1))('is stopped by record %d, which counts', (number) => {
    let seen = 0;
    const visitor = () => (++seen === number ? STOP : undefined);
    const state = scanned(reading().ring, visitor, visitor, NO_LIMIT);
    expect(state).toMatchObject({ outcome: SCAN_STOPPED, records: number, others: othersIn(number) });
  });

  it.each(Array.from({ length: 14 }, (_, i) => i + 1))(
    'is ended by a throw for record %d, which counts',
    (number) => {
      const { ring } = reading();
      let seen = 0;
      const visitor = () => {
        if (++seen === number) throw HALT;
      };
      const state = scanned(ring, visitor, visitor, NO_LIMIT);
      expect(state).toMatchObject({
        outcome: SCAN_THREW,
        records: number,
        others: othersIn(number),
        thrown: HALT,
      });
      expect(scanned(ring, ignore, ignore, NO_LIMIT).records).toBe(14 - number);
    },
  );

  it('ends at a header that is none, which does not count', () => {
    const { ring } = reading(recordBytes(9, new Uint8Array(8), { size: 12 }));
    expect(scanned(ring, ignore, ignore, NO_LIMIT)).toMatchObject({
      outcome: SCAN_FAULT,
      records: 14,
      others: 2,
      left: 16,
    });
  });
});

describe.each(LOOPS)('a size that no sample has, by the loop for %s samples,', (loop) => {
  it.each([0, 1, 4, 7, 8, 9, 12, 15, 17, 20, 23, 28, 63, 68])(
    'ends the scan though raw_size agrees with it: %d',
    (size) => {
      const made = new RingFixture({ loop });
      const sound = sampleBytes(payloadOf(4));
      const hostile = sampleBytes(payloadOf(60));
      const header = new DataView(hostile.buffer);
      header.setUint16(6, size, true);
      header.setInt32(8, size - 12, true);
      made.publish(...new Array<Uint8Array>(10).fill(sound), hostile, sound);
      made.ring.startReadBatch();
      const state = scanned(made.ring, ignore, ignore, 1000);
      expect(state).toMatchObject({ outcome: SCAN_FAULT, records: 10 });
    },
  );
});

describe('the choice of a loop', () => {
  const mixedCallsAfter = (lengths: readonly number[]): number => {
    const made = new RingFixture();
    made.publish(...lengths.map((length) => sampleBytes(payloadOf(length))));
    made.ring.startReadBatch();
    made.ring.visit(ignore);
    return internalsOf(made.ring).state.mixedCalls;
  };
  const alternating = (runs: number, length: number): number[] =>
    Array.from({ length: runs * length }, (_, i) => (Math.floor(i / length) % 2 === 0 ? 4 : 12));

  it.each([
    ['equal samples', 1, 100],
    ['8 runs, however short', 8, 1],
    ['runs of 9', 9, 9],
  ])('stays with the loop for equal samples after %s', (_, runs, length) => {
    expect(mixedCallsAfter(alternating(runs, length))).toBe(0);
  });

  it.each([
    [9, 1],
    [9, 8],
    [40, 1],
  ])('is the loop for mixed samples after %d runs of %d, for a while', (runs, length) => {
    const made = new RingFixture();
    const { state } = internalsOf(made.ring);
    const visit = (records: readonly number[]): void => {
      made.publish(...records.map((length) => sampleBytes(payloadOf(length))));
      made.ring.startReadBatch();
      expect(made.ring.visit(ignore)).toBe(records.length);
      made.ring.finishReadBatch();
    };
    visit(alternating(runs, length));
    expect(state.mixedCalls).toBeGreaterThan(0);
    for (let batch = 0; batch < 40; batch++) visit(new Array<number>(20).fill(4));
    expect(state.mixedCalls).toBe(0);
  });
});

describe('PerfRing.loopCounts', () => {
  const samples = (count: number): Uint8Array[] =>
    Array.from({ length: count }, () => sampleBytes(payloadOf(4)));

  it('has samples that repeat by the shared loop, and by nothing else', () => {
    const { ring } = batchOf(samples(100));
    ring.visit(ignore);
    expect(ring.loopCounts).toEqual({ shared: 100, own: 0, single: 0 });
  });

  it('has what wraps, what is no sample, and what is popped or copied one by one', () => {
    const { ring } = batchOf([...samples(2), lostBytes(1n, 1n), ...samples(10)], CAPACITY - 80);
    ring.pop();
    expect(ring.copyRecords(new Uint8Array(16)).records).toBe(1);
    ring.visit(ignore);
    // The LOST, and the sample that wraps.
    expect(ring.loopCounts).toEqual({ shared: 9, own: 0, single: 4 });
  });

  it.each([
    // A copy is made after nine rounds of 2,000.
    { rounds: 12, count: 2000, kernelWritten: false, sharedRecords: 18_000 },
    { rounds: 12, count: 2000, kernelWritten: true, sharedRecords: 18_000 },
    // The first round is large enough for a copy.
    { rounds: 6, count: 5000, kernelWritten: false, sharedRecords: 0 },
  ])(
    'has a loop of its own for a visitor that comes often, or sees much at once: %p',
    ({ rounds, count, kernelWritten, sharedRecords }) => {
      const made = new RingFixture({ dataPageCount: 32, pageSize: 4096, kernelWritten });
      const visitor = (): void => undefined;
      const payload = new Uint8Array(4);
      for (let round = 0; round < rounds; round++) {
        made.ring.startWriteBatch();
        let written = 0;
        for (; written < count; written++) made.ring.write(payload);
        made.ring.finishWriteBatch();
        if (kernelWritten) markAsKernels(made);
        made.ring.startReadBatch();
        expect(made.ring.visit(visitor)).toBe(count);
        made.ring.finishReadBatch();
      }
      const { shared, own, single } = made.ring.loopCounts;
      if (!MAKES_CODE_FROM_STRINGS) {
        expect([shared + single, own]).toEqual([rounds * count, 0]);
        return;
      }
      expect(own + shared + single).toBe(rounds * count);
      expect(shared).toBeLessThanOrEqual(sharedRecords);
      expect(shared).toBeGreaterThan(sharedRecords - 8);
      expect(single).toBeLessThan(8);
    },
  );

  it('counts what was visited before a throw', () => {
    const { ring } = batchOf(samples(10));
    let seen = 0;
    const visitor = (): void => {
      if (++seen === 4) throw HALT;
    };
    expect(() => ring.visit(visitor)).toThrow(HALT);
    expect(ring.loopCounts).toEqual({ shared: 4, own: 0, single: 0 });
  });

  function batchOf(records: readonly Uint8Array[], position = 0): RingFixture {
    const made = new RingFixture({ position });
    made.publish(...records);
    made.ring.startReadBatch();
    return made;
  }

  /** Sets misc, which is never 0 in samples of the kernel. */
  function markAsKernels(made: RingFixture): void {
    for (let at = 4; at < made.capacityBytes; at += 16) made.view.setUint16(at, 1, true);
  }
});

const HALT = new Error('halt');

function ignore(): void {}
