import fc from 'fast-check';
import type { PerfRing } from '../../../lib/ring/perf-ring';
import type { RingRecord } from '../../../lib/records/record';
import { recordFormat } from '../../../lib/records/record-format';
import { propertyRuns } from '../../support/property-runs';
import { attributes } from '../../support/record-arbitraries';
import { CURSOR_KINDS, LOOPS } from '../../support/ring-cursor-kinds';
import { codeOf } from '../../support/ring-errors';
import { RingFixture } from '../../support/ring-fixture';
import { readInEveryWay } from '../../support/ring-reads';
import { payloadOf, recordBytes, sampleBytes } from '../../support/ring-records';
import { parseRing, type ReferenceRecord } from '../../support/ring-reference';

const CAPACITY = 2048;

/** Valid records, before they are damaged. */
const records = fc
  .array(
    fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom(12, 12, 12, 52).map((n) => sampleBytes(payloadOf(n, n))) },
      { weight: 3, arbitrary: fc.integer({ min: 1, max: 200 }).map((n) => sampleBytes(payloadOf(n, n))) },
      {
        weight: 1,
        arbitrary: fc.integer({ min: 0, max: 6 }).map((n) => recordBytes(2, new Uint8Array(n * 8))),
      },
    ),
    { maxLength: 128, size: 'max' },
  )
  .map((records) => {
    let room = CAPACITY;
    return records.filter(({ length }) => {
      if (length > room) return false;
      room -= length;
      return true;
    });
  });

/** The damage: a value stored at some offset, often of a word, and often a value that occurs in headers. */
const mutation = fc.record({
  at: fc.oneof(
    fc.nat(CAPACITY - 1),
    fc.nat(CAPACITY / 8 - 1).map((word) => word * 8 + 6),
    fc.nat(CAPACITY / 4 - 1).map((word) => word * 4),
  ),
  width: fc.constantFrom(1, 2, 4),
  value: fc.oneof(
    fc.nat(0xffff_ffff),
    fc.constantFrom(
      0,
      1,
      4,
      7,
      8,
      9,
      12,
      15,
      16,
      24,
      32,
      2048,
      2056,
      0x7fff,
      0x8000,
      0xfff8,
      0xffff,
      0xffff_ffff,
    ),
  ),
});
const position = fc.nat(CAPACITY / 8 - 1).map((words) => words * 8);
const loop = fc.constantFrom(...LOOPS);

function mutate(made: RingFixture, mutations: readonly { at: number; width: number; value: number }[]): void {
  for (const { at, width, value } of mutations) {
    for (let i = 0; i < width; i++) made.data[(at + i) % CAPACITY] = value >>> (8 * i);
  }
}

/** The bytes from data_tail to data_head, in one piece. */
function published(made: RingFixture): Uint8Array {
  return Uint8Array.from(made.bytesAt(Number(made.tail % BigInt(CAPACITY)), Number(made.head - made.tail)));
}

function same(record: RingRecord, expected: ReferenceRecord | undefined): boolean {
  return (
    expected !== undefined &&
    record.type === expected.type &&
    record.misc === expected.misc &&
    record.size === expected.payload.length &&
    Buffer.compare(record.bytes(), expected.payload) === 0
  );
}

function check(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}

/** Ways to read a batch up to its end or a fault. The indexes of the records must be in order. */
const READERS: [string, (ring: PerfRing, see: (record: RingRecord) => void) => string][] = [
  ['visit', (ring, see) => codeOf(() => ring.visit(see))],
  [
    'visits of a few records',
    (ring, see) =>
      codeOf(() => {
        while (ring.visit(see, { limit: 3 }) === 3);
      }),
  ],
  [
    'visits that end with a throw',
    (ring, see) => {
      let code = '';
      do {
        code = codeOf(() =>
          ring.visit((record) => {
            see(record);
            throw 'halt';
          }),
        );
      } while (code === 'no code: halt');
      return code;
    },
  ],
  [
    'peek and pop',
    (ring, see) =>
      codeOf(() => {
        for (let record = ring.peek(); record !== null; record = ring.peek()) {
          see(record);
          ring.pop();
        }
      }),
  ],
];

describe.each(CURSOR_KINDS)('a ring with damaged bytes, read with %s,', (_, cursors) => {
  it.each(READERS)('gives by %s what a plain parser finds, and then says where it ends', (_, read) => {
    const property = fc.property(
      loop,
      position,
      records,
      fc.array(mutation, { maxLength: 12 }),
      (loop, position, records, mutations) => {
        const made = new RingFixture({ cursors, loop, position });
        made.publish(...records);
        mutate(made, mutations);
        const expected = parseRing(published(made));
        const available = made.ring.startReadBatch();
        let seen = 0;
        const code = read(made.ring, (record) => {
          check(same(record, expected.records[seen]), `record ${seen} differs`);
          seen++;
        });
        check(seen === expected.records.length, `${seen} records of ${expected.records.length}`);
        check(code === (expected.faultAt === -1 ? 'nothing' : 'ERR_PERF_RING_CORRUPT'), code);
        const left = expected.faultAt === -1 ? 0 : available - expected.faultAt;
        check(made.ring.bytesRemaining() === left, `${made.ring.bytesRemaining()} bytes remain of ${left}`);
        made.ring.finishReadBatch();
        check(made.head - made.tail === BigInt(left), 'data_tail is elsewhere');
      },
    );
    fc.assert(property, propertyRuns(400));
  });

  it('is read to its end with skipFault(), in no more steps than it has words', () => {
    const property = fc.property(
      loop,
      position,
      fc.uint8Array({ minLength: CAPACITY, maxLength: CAPACITY }),
      records,
      (loop, position, noise, records) => {
        const made = new RingFixture({ cursors, loop, position });
        made.publish(...records);
        noise.forEach((byte, i) => {
          if (byte > 250) made.data[i] = noise[(i + 1) % CAPACITY] as number;
        });
        let left = made.ring.startReadBatch();
        for (let steps = 0; left > 0; steps++) {
          check(steps <= CAPACITY / 8, 'no end');
          const code = codeOf(() => made.ring.visit(() => undefined));
          if (code !== 'nothing') {
            check(code === 'ERR_PERF_RING_CORRUPT', code);
            const before = made.ring.bytesRemaining();
            const { skippedBytes } = made.ring.skipFault();
            check(skippedBytes >= 8 && before - made.ring.bytesRemaining() === skippedBytes, 'not a step on');
          }
          left = made.ring.bytesRemaining();
        }
        made.ring.finishReadBatch();
        check(made.head === made.tail, 'something is left');
      },
    );
    fc.assert(property, propertyRuns(300));
  });

  it('never makes a read that leaves its record, whatever the format of its samples', () => {
    const property = fc.property(
      loop,
      position,
      fc.uint8Array({ minLength: CAPACITY, maxLength: CAPACITY }),
      fc.array(mutation, { minLength: 20, maxLength: 200, size: 'max' }),
      attributes,
      (loop, position, noise, mutations, attr) => {
        const made = new RingFixture({ cursors, loop, position, format: recordFormat(attr) });
        // Small values are likely to look like headers.
        made.data.set(noise.map((byte) => (byte < 200 ? 0 : byte < 250 ? byte & 0x1f : byte)));
        mutate(made, mutations);
        for (let at = 0; at < CAPACITY; at += 64)
          made.data.set(recordBytes(9, new Uint8Array(56)).subarray(0, 8), at);
        made.head += BigInt(CAPACITY);
        made.ring.startReadBatch();
        for (let left = CAPACITY; left > 0; left = made.ring.bytesRemaining()) {
          const code = codeOf(() => made.ring.visit(readAll));
          if (code === 'nothing') continue;
          check(code === 'ERR_PERF_RING_CORRUPT', code);
          made.ring.skipFault();
        }
        made.ring.finishReadBatch();
      },
    );
    fc.assert(property, propertyRuns(300));
  });

  it('with any data_head and data_tail reads within the ring, or is corrupt', () => {
    const word = fc.oneof(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.bigInt({ min: 0n, max: 8192n }),
      fc.bigInt({ min: 0n, max: 1024n }).map((words) => words * 8n),
    );
    const property = fc.property(word, word, fc.boolean(), (head, tail, near) => {
      const made = new RingFixture({ cursors });
      for (let at = 0; at < CAPACITY; at += 16) made.data.set(sampleBytes(Uint8Array.of(1, 2, 3, 4)), at);
      made.tail = tail;
      made.head = near ? tail + (head % 4096n) : head;
      const distance = BigInt.asUintN(64, made.head - made.tail);
      const sound = distance <= BigInt(CAPACITY) && distance % 8n === 0n && made.tail % 8n === 0n;
      check(
        codeOf(() => made.ring.startReadBatch()) === (sound ? 'nothing' : 'ERR_PERF_RING_CORRUPT'),
        'start',
      );
      if (sound) {
        check(made.ring.bytesRemaining() === Number(distance), 'bytesRemaining()');
        const code = codeOf(() => made.ring.visit(readAll));
        check(['nothing', 'ERR_PERF_RING_CORRUPT'].includes(code), code);
      }
      const writable = codeOf(() => made.ring.startWriteBatch());
      check(writable === (sound ? 'nothing' : 'ERR_PERF_RING_CORRUPT'), `startWriteBatch(): ${writable}`);
      if (sound) made.ring.finishWriteBatch();
      const skipped = made.ring.resynchronise();
      check(skipped >= 0 && skipped <= CAPACITY, `resynchronise() answered ${skipped}`);
      check(made.head === made.tail, 'not at data_head');
    });
    fc.assert(property, propertyRuns(800));
  });
});

function readAll(record: RingRecord): void {
  readInEveryWay(record, CAPACITY);
}
