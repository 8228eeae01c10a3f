import fc from 'fast-check';
import type { RingRecord } from '../../../lib/records/record';
import { LOOPS, type LoopName } from '../../support/ring-cursor-kinds';
import { codeOf } from '../../support/ring-errors';
import { RingFixture } from '../../support/ring-fixture';
import { lostBytes, payloadOf, recordBytes, sampleBytes } from '../../support/ring-records';

const COMM = 3;
const USER = 2;

/** A sample as the kernel writes it: its misc has the CPU mode and is never 0. */
function kernelSample(payload: Uint8Array, misc = 1): Uint8Array {
  const sample = sampleBytes(payload);
  new DataView(sample.buffer).setUint16(4, misc, true);
  return sample;
}

/** The results of visiting records in a ring of this kind. */
function shown(
  records: readonly Uint8Array[],
  options: { kernelWritten?: boolean; position?: number; loop?: LoopName },
): string[] {
  const made = new RingFixture(options);
  made.publish(...records);
  made.ring.startReadBatch();
  const seen: string[] = [];
  const see = (record: RingRecord): void => {
    seen.push(`${record.type} ${record.misc} ${record.bytes().join()}`);
  };
  made.ring.visit(see, { other: see });
  return seen;
}

const record = fc.oneof(
  fc
    .tuple(fc.constantFrom(1, 4, 12, 20, 60), fc.nat(255), fc.constantFrom(1, 1, 1, USER))
    .map(([length, seed, misc]) => kernelSample(payloadOf(length, seed), misc)),
  fc.nat(1000).map((lost) => lostBytes(12n, BigInt(lost))),
);

describe.each(LOOPS)('a ring that the kernel alone writes, read by the loop for %s samples,', (loop) => {
  it('shows what any other ring shows: samples of few lengths, and what was lost between them', () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 24 }), fc.nat(255), (records, place) => {
        const position = place * 8;
        expect(shown(records, { kernelWritten: true, position, loop })).toEqual(shown(records, { position }));
      }),
    );
  });

  it('takes no record of what was lost for a sample, though its size and id are those of size and raw_size', () => {
    const sample = kernelSample(payloadOf(12));
    const records = [sample, sample, lostBytes(12n, 5n), sample];
    expect(shown(records, { kernelWritten: true, loop }).map((text) => text[0])).toEqual([
      '9',
      '9',
      '2',
      '9',
    ]);
  });

  it('shows samples without a misc, which no kernel writes', () => {
    const records = [1, 2, 3, 4].map((seed) => sampleBytes(payloadOf(12, seed)));
    expect(shown(records, { kernelWritten: true, loop })).toEqual(shown(records, {}));
  });

  it('stops at a sample above 64 KiB whose header is that of the samples before it', () => {
    const oversized = kernelSample(payloadOf(12));
    new DataView(oversized.buffer).setUint32(8, 65_548, true);
    const made = new RingFixture({ kernelWritten: true, loop });
    made.publish(
      kernelSample(payloadOf(12)),
      kernelSample(payloadOf(12)),
      oversized,
      kernelSample(payloadOf(12)),
    );
    made.ring.startReadBatch();
    let visited = 0;
    const code = codeOf(() => made.ring.visit(() => visited++));
    expect([visited, code]).toEqual([2, 'ERR_PERF_RING_CORRUPT']);
    expect(made.ring.skipFault().kind).toBe('truncated');
    expect(made.ring.visit(() => visited++)).toBe(1);
  });

  it('applies to no other ring: elsewhere the type decides, whatever the misc field', () => {
    const sample = kernelSample(payloadOf(12), USER);
    const comm = recordBytes(COMM, sample.subarray(8), { misc: USER });
    expect(shown([sample, sample, comm, sample], { loop }).map((text) => text[0])).toEqual([
      '9',
      '9',
      '3',
      '9',
    ]);
  });

  it('is asked for by true or false', () => {
    const kernelWritten = 1 as unknown as boolean;
    expect(codeOf(() => new RingFixture({ kernelWritten }))).toBe('ERR_PERF_INVALID_OPTION');
  });
});
