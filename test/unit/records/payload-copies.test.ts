import fc from 'fast-check';
import { PayloadCopies } from '../../../lib/records/payload-copies';
import { BpfRing } from '../../../lib/bpf-ring/bpf-ring';
import { BpfMemoryRing, type Reserved } from '../../support/bpf-memory-ring';
import { RingFixture } from '../../support/ring-fixture';
import { payloadOf, sampleBytes } from '../../support/ring-records';

const SOURCE_BYTES = 65_536;
/** The shortest payload that shares memory with others. */
const SHARED = 65;

function sourceOf(bytes: number, seed = 1): Uint8Array<ArrayBuffer> {
  return new Uint8Array(payloadOf(bytes, seed));
}

function copiesOf(source: Uint8Array<ArrayBuffer>): PayloadCopies {
  return new PayloadCopies(new DataView(source.buffer, source.byteOffset, source.byteLength));
}

/** Calls `copy` for payloads of one length in a row, 8 bytes apart. */
function copyRun(copies: PayloadCopies, length: number, count: number, visit = 0): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => copies.copy(index * (length + 8), length, visit));
}

describe('copies of payloads', () => {
  it('are right, and share no byte, for any order of payloads and any change of the source', () => {
    const step = fc.record({
      gap: fc.oneof(fc.nat(64), fc.nat(20_000)),
      length: fc.oneof(fc.nat(300), fc.nat(10_000)),
      // Rarely: the same payload again, an earlier one, another visit.
      back: fc.oneof(
        { weight: 9, arbitrary: fc.constant(0) },
        { weight: 1, arbitrary: fc.nat(SOURCE_BYTES) },
      ),
      changes: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.boolean() }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const source = sourceOf(SOURCE_BYTES);
        const copies = copiesOf(source);
        const made: { copy: Uint8Array; expected: Uint8Array }[] = [];
        let visit = 0;
        let position = 0;
        for (const { gap, length, back, changes } of steps) {
          position = Math.max(0, position + gap - back);
          if (position + length > SOURCE_BYTES) position = 0;
          if (changes) {
            visit++;
            source.set(payloadOf(SOURCE_BYTES, visit + 1));
          }
          const expected = source.slice(position, position + length);
          made.push({ copy: copies.copy(position, length, visit), expected });
          position += length;
        }
        for (const { copy, expected } of made) {
          expect(Buffer.compare(copy, expected)).toBe(0);
          // If two shared a byte, a later copy would now differ.
          copy.fill(0);
        }
      }),
    );
  });

  it('are of memory for many once payloads are copied in a row, and it is bounded', () => {
    const runs = copyRun(copiesOf(sourceOf(SOURCE_BYTES)), 256, 240);
    const memories = new Set(runs.map(({ buffer }) => buffer));
    expect(memories.size).toBeLessThan(20);
    expect(Math.max(...[...memories].map(({ byteLength }) => byteLength))).toBe(32_768);
  });

  it('copy little more than one payload in a thousand bytes, when only that one is asked for', () => {
    const copies = copiesOf(sourceOf(SOURCE_BYTES));
    copyRun(copies, 256, 240);
    const sparse = Array.from({ length: 60 }, (_, index) => copies.copy(index * 1000, SHARED, 1));
    const copied = [...new Set(sparse.map(({ buffer }) => buffer))].map(({ byteLength }) => byteLength);
    expect(Math.max(...copied.slice(6))).toBeLessThan(1000);
  });

  it('have memory of their own up to 64 bytes, and above 8 KiB', () => {
    const copies = copiesOf(sourceOf(SOURCE_BYTES));
    for (const length of [0, 1, 64, 8193]) {
      for (const { buffer } of copyRun(copies, length, 6)) expect(buffer.byteLength).toBe(length);
    }
  });

  it('can not be taken away with the memory of another copy', () => {
    const [first, second] = copyRun(copiesOf(sourceOf(SOURCE_BYTES)), 256, 2);
    for (const copy of [first, second]) {
      const { buffer } = copy as Uint8Array<ArrayBuffer>;
      try {
        structuredClone(buffer, { transfer: [buffer] });
      } catch {
        // Node 20 copies instead, later ones throw.
      }
      expect(copy).toHaveLength(256);
    }
  });
});

describe('copies of records of a ring buffer map', () => {
  it('are right for a record that is committed while the records before it are read', () => {
    const memory = new BpfMemoryRing(131_072);
    const ring = new BpfRing(memory.parts);
    const length = 200;
    const reserved = Array.from({ length: 400 }, () => memory.reserve(length) as Reserved);
    const payloads = reserved.map((_, index) => payloadOf(length, index + 1));
    // Headers are acquired 32 KiB at a time.
    const first = Math.floor(32_768 / (length + 8));
    const commit = (index: number): void => {
      memory.write(reserved[index] as Reserved, payloads[index] as Uint8Array);
      memory.commit(reserved[index] as Reserved);
    };
    for (let index = 0; index <= first; index++) commit(index);
    const copies: Uint8Array[] = [];
    ring.beginBatch();
    for (let record = ring.next(); record !== null; record = ring.next()) {
      copies.push(record.bytes());
      if (copies.length === first) for (let index = first + 1; index < 400; index++) commit(index);
    }
    expect(copies).toEqual(payloads);
  });
});

describe('copies of records of a ring', () => {
  it('are right while the ring goes round, also of records that wrap, and stay as they are', () => {
    const made = new RingFixture({ dataPageCount: 4 });
    const copies: Uint8Array[] = [];
    const expected: Uint8Array[] = [];
    for (let batch = 0; batch < 60; batch++) {
      for (let index = 0; index < 6; index++) {
        const payload = payloadOf(76 + 8 * ((batch * 37 + index * 11) % 120), batch * 6 + index + 1);
        expected.push(payload);
        made.publish(sampleBytes(payload));
      }
      made.ring.startReadBatch();
      // In two visits, so that the second begins within a region.
      for (const limit of [2, 4]) {
        made.ring.visit(
          (record) => {
            copies.push(record.bytes());
          },
          { limit },
        );
      }
      made.ring.finishReadBatch();
    }
    expect(copies).toEqual(expected);
  });

  it('of one record are two when it is asked twice', () => {
    const made = new RingFixture();
    made.publish(sampleBytes(payloadOf(100)));
    made.publish(sampleBytes(payloadOf(100, 2)));
    made.ring.startReadBatch();
    made.ring.visit((record) => {
      const first = record.bytes();
      const second = record.bytes();
      first.fill(0);
      expect(second).toEqual(record.bytes());
      expect(second[1]).not.toBe(0);
    });
  });
});
