import { recordFormat } from '../../../lib/records/record-format';
import { CURSOR_KINDS } from '../../support/ring-cursor-kinds';
import { codeOf, messageOf } from '../../support/ring-errors';
import { RingFixture } from '../../support/ring-fixture';
import { lostBytes, payloadOf, recordBytes, SAMPLE, sampleBytes } from '../../support/ring-records';
import { parseRing } from '../../support/ring-reference';

const CAPACITY = 2048;
const RAW = 1 << 10;
const CALLCHAIN = 1 << 5;
const TIME = 1 << 2;

/** A sample with this size and raw_size in its header, and a body of any length. */
function sampleHeader(size: number, rawSize: number, bodyLength = 8): Uint8Array {
  const record = recordBytes(SAMPLE, new Uint8Array(bodyLength), { size });
  new DataView(record.buffer).setUint32(8, rawSize, true);
  return record;
}

/** What is wrong, the bytes of the last record, and a part of the error message. */
const CORRUPT: [string, Uint8Array, string][] = [
  ['a size of 0', recordBytes(SAMPLE, payloadOf(8), { size: 0 }), 'type 9, size 0,'],
  ['a size of 4', recordBytes(1, payloadOf(8), { size: 4 }), 'type 1, size 4,'],
  ['a size of 7', recordBytes(1, payloadOf(8), { size: 7 }), 'type 1, size 7,'],
  ['a size that is no multiple of 8', recordBytes(2, payloadOf(8), { size: 12 }), 'type 2, size 12,'],
  ['an odd size', sampleHeader(17, 4), 'type 9, size 17,'],
  ['a size beyond what is available', recordBytes(77, payloadOf(8), { size: 24 }), '(beyond-available)'],
  ['a size beyond the ring', recordBytes(77, payloadOf(8), { size: 65_528 }), 'size 65528,'],
  ['a sample with no room for raw_size', recordBytes(SAMPLE, new Uint8Array(0)), '(truncated)'],
  ['a raw_size beyond the record', sampleHeader(16, 5), '(raw-size)'],
  ['a raw_size just beyond the record', sampleHeader(24, 13, 16), '(raw-size)'],
  ['a raw_size of all ones', sampleHeader(16, 0xffff_ffff), '(raw-size)'],
  ['a size truncated at 64 KiB', sampleHeader(16, 65_536 + 16 - 12), '(truncated)'],
  ['a size twice truncated at 64 KiB', sampleHeader(16, 131_072 + 16 - 12), '(truncated)'],
];

describe.each(CURSOR_KINDS)('a corrupt header, read with %s:', (_, cursors) => {
  const reading = (position: number, ...records: readonly Uint8Array[]): RingFixture => {
    const made = new RingFixture({ cursors, position });
    made.publish(...records);
    made.ring.startReadBatch();
    return made;
  };

  describe.each(CORRUPT)('%s', (_, corrupt, says) => {
    const good = sampleBytes(payloadOf(20));
    // At the start, after valid records, and just before the end of the data area.
    const places = [0, 800, CAPACITY - 64 - 8];

    it.each(places)('is ERR_PERF_RING_CORRUPT to a visit, after the good ones (at %d)', (position) => {
      const { ring } = reading(position, good, good, corrupt);
      let visited = 0;
      const message = messageOf(() => ring.visit(() => visited++));
      expect(visited).toBe(2);
      expect(message).toContain(
        `corrupt header at ${(position + 64) % CAPACITY} of ${CAPACITY}: type ${typeOf(corrupt)}, `,
      );
      expect(message).toContain(says);
      expect(message).toContain(`with ${corrupt.length} bytes available`);
      expect(message).toContain('resynchronise()');
      expect(codeOf(() => ring.visit(() => visited++))).toBe('ERR_PERF_RING_CORRUPT');
      expect(visited).toBe(2);
      expect(ring.bytesRemaining()).toBe(corrupt.length);
    });

    it.each(places)(
      'is ERR_PERF_RING_CORRUPT to each peek and pop, as often as they try (at %d)',
      (position) => {
        const { ring } = reading(position, good, good, corrupt);
        ring.pop();
        ring.pop();
        for (let i = 0; i < 3; i++) {
          for (const action of [
            () => ring.peekSize(),
            () => ring.peekType(),
            () => ring.peekCopy(new Uint8Array(0)),
            () => ring.peek(),
            () => ring.pop(),
          ]) {
            expect(codeOf(action)).toBe('ERR_PERF_RING_CORRUPT');
          }
        }
        expect(ring.bytesRemaining()).toBe(corrupt.length);
      },
    );

    it('ends a batch that can be finished: what was good is consumed, the rest met again', () => {
      const made = reading(800, good, corrupt);
      codeOf(() => made.ring.visit(() => undefined));
      made.ring.finishReadBatch();
      expect(made.tail).toBe(832n);
      made.ring.startReadBatch();
      expect(codeOf(() => made.ring.pop())).toBe('ERR_PERF_RING_CORRUPT');
    });

    it('is behind the reader after resynchronise(), which returns the bytes skipped', () => {
      const made = reading(CAPACITY - 40, good, corrupt);
      codeOf(() => made.ring.visit(() => undefined));
      expect(made.ring.resynchronise()).toBe(corrupt.length);
      expect(made.tail).toBe(made.head);
      // A writer would continue at an 8-byte boundary.
      made.publish(good);
      expect(made.ring.startReadBatch()).toBe(good.length);
      expect(made.ring.visit(() => undefined)).toBe(1);
    });

    it('is stepped over by skipFault()', () => {
      const made = reading(CAPACITY - 40, good, corrupt);
      codeOf(() => made.ring.visit(() => undefined));
      const { kind, skippedBytes, error } = made.ring.skipFault();
      expect(error.code).toBe('ERR_PERF_RING_CORRUPT');
      expect(error.message).toContain(says);
      expect(kind).toBe(says === '(truncated)' ? 'truncated' : 'corrupt');
      expect(skippedBytes).toBe(corrupt.length);
      made.ring.finishReadBatch();
      expect(made.tail).toBe(made.head);
    });
  });

  it.each([
    ['16 bytes, by its raw_size', sampleHeader(16, 65_536 + 4)],
    ['8 bytes, where its raw_size is the next header', recordBytes(SAMPLE, new Uint8Array(0))],
  ])('a sample truncated to %s, is stepped over alone: what follows it is read', (_what, truncated) => {
    const made = reading(CAPACITY - 24, sampleBytes(payloadOf(4)), truncated, sampleBytes(payloadOf(12)));
    expect(codeOf(() => made.ring.visit(() => undefined))).toBe('ERR_PERF_RING_CORRUPT');
    expect(made.ring.skipFault()).toMatchObject({ kind: 'truncated', skippedBytes: truncated.length });
    const sizes: number[] = [];
    expect(made.ring.visit((record) => sizes.push(record.size))).toBe(1);
    expect(sizes).toEqual([12]);
  });

  it('a run of samples with equal headers ends at the first that differs, wherever that is', () => {
    const good = sampleBytes(payloadOf(20));
    for (let before = 0; before < 40; before++) {
      for (const [, corrupt] of CORRUPT) {
        const { ring } = reading(CAPACITY - 20 * 32, ...new Array<Uint8Array>(before).fill(good), corrupt);
        let visited = 0;
        const code = codeOf(() => ring.visit(() => visited++));
        if (code !== 'ERR_PERF_RING_CORRUPT' || visited !== before) fail(`${code}, ${visited} of ${before}`);
      }
    }
  });

  it('in a run of samples the first that differs in any part of its header is seen, wherever that is', () => {
    const good = sampleBytes(payloadOf(20));
    const changes: [string, (view: DataView) => void][] = [
      ['type', (view) => view.setUint32(0, 2, true)],
      ['misc', (view) => view.setUint16(4, 1, true)],
      ['size', (view) => view.setUint16(6, 24, true)],
      ['size twice as long', (view) => view.setUint16(6, 64, true)],
      ['raw_size', (view) => view.setUint32(8, 4, true)],
      ['raw_size beyond the record', (view) => view.setUint32(8, 28, true)],
    ];
    for (const [what, change] of changes) {
      for (let at = 0; at < 20; at++) {
        const records = Array.from({ length: 30 }, () => good.slice());
        change(new DataView((records[at] as Uint8Array).buffer));
        const expected = parseRing(Buffer.concat(records));
        // The first 16 are before the end of the data area.
        const { ring } = reading(CAPACITY - 16 * 32, ...records);
        const seen: string[] = [];
        const code = codeOf(() =>
          ring.visit((record) => seen.push(`${record.type} ${record.misc} ${record.size}`)),
        );
        expect([what, at, code, seen]).toEqual([
          what,
          at,
          expected.faultAt === -1 ? 'nothing' : 'ERR_PERF_RING_CORRUPT',
          expected.records.map(({ type, misc, payload }) => `${type} ${misc} ${payload.length}`),
        ]);
      }
    }
  });

  it('records of unknown types are no corruption: they are skipped by their size', () => {
    const types: number[] = [];
    const { ring } = reading(
      0,
      recordBytes(0, new Uint8Array(0)),
      recordBytes(0x8000_0009, payloadOf(8)),
      recordBytes(0xffff_ffff, payloadOf(32)),
      lostBytes(1n, 2n),
      sampleBytes(payloadOf(4)),
    );
    ring.visit((record) => types.push(record.type));
    expect(types).toEqual([0, 0x8000_0009, 0xffff_ffff, 2, 9]);
  });

  it('a raw_size shorter than the record is none: other fields may follow it', () => {
    const { ring } = reading(0, sampleHeader(32, 4, 24), sampleHeader(32, 0, 24), sampleHeader(32, 20, 24));
    const sizes: number[] = [];
    ring.visit((record) => sizes.push(record.size));
    expect(sizes).toEqual([4, 0, 20]);
  });

  describe('of samples with a prefix', () => {
    const prefixed = (sampleType: number, ...records: readonly Uint8Array[]) => {
      const made = new RingFixture({ cursors, format: recordFormat({ sample_type: sampleType }) });
      made.publish(...records);
      made.ring.startReadBatch();
      return codeOf(() => made.ring.visit(() => undefined));
    };

    it('the record must reach past raw_size', () => {
      expect(prefixed(RAW | TIME, sampleHeader(16, 0))).toBe('ERR_PERF_RING_CORRUPT');
      expect(prefixed(RAW | TIME, sampleBytes(payloadOf(4), new Uint8Array(8)))).toBe('nothing');
    });

    it.each([
      ['reaches past the record', 4n],
      ['is longer than any record', 0x7fff_ffffn],
      ['overflows 32 bits when multiplied', 0x2000_0001n],
      ['overflows 32 bits', 1n << 32n],
      ['overflows 64 bits when multiplied', 1n << 61n],
      ['is all ones', (1n << 64n) - 1n],
    ])('a callchain that %s is corrupt', (_, length) => {
      const prefix = new Uint8Array(24);
      new DataView(prefix.buffer).setBigUint64(0, length, true);
      expect(prefixed(RAW | CALLCHAIN, sampleBytes(payloadOf(12), prefix))).toBe('ERR_PERF_RING_CORRUPT');
    });

    it('a callchain needs its own length to be there', () => {
      expect(prefixed(RAW | CALLCHAIN, recordBytes(SAMPLE, new Uint8Array(0)))).toBe('ERR_PERF_RING_CORRUPT');
    });
  });
});

function typeOf(record: Uint8Array): number {
  return new DataView(record.buffer).getUint32(0, true);
}

function fail(message: string): never {
  throw new Error(message);
}
