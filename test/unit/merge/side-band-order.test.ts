import * as fc from 'fast-check';
import * as abi from '../../../lib/abi/perf-event';
import { recordFormat } from '../../../lib/records/record-format';
import { propertyRuns } from '../../support/property-runs';
import { ByteWriter, encodeRecord, encodeSampleId } from '../../support/record-encoder';
import { RingFixture } from '../../support/ring-fixture';
import { payloadOf, sampleBytes, words } from '../../support/ring-records';
import { pass, readerOf, seenAs } from '../../support/timed-reader';

const ATTR = {
  sample_type: abi.PERF_SAMPLE_RAW | abi.PERF_SAMPLE_TIME | abi.PERF_SAMPLE_CPU,
  sample_id_all: true,
};

type Kind = 'sample' | 'comm' | 'user';
interface Written {
  readonly kind: Kind;
  /** The time. A record of user space has none: then that of the record before it. */
  readonly time: number;
  /** The length of the payload or the name, in words. */
  readonly length: number;
}

function bytesOf({ kind, time, length }: Written): Uint8Array {
  if (kind === 'sample') return sampleBytes(payloadOf(8 * length + 4), words(BigInt(time), 0n));
  const body = new ByteWriter()
    .u32(1)
    .u32(1)
    .string('x'.repeat(8 * length));
  if (kind === 'user') return encodeRecord(64, 0, body.toBytes());
  const id = { pid: 1, tid: 1, time: BigInt(time), id: 0n, streamId: 0n, cpu: 0 };
  return encodeRecord(abi.PERF_RECORD_COMM, 0, encodeSampleId(body, ATTR, id).toBytes());
}

function ringOf(cpu: number, position: number, records: readonly Written[]): RingFixture {
  const fixture = new RingFixture({
    cpu,
    position,
    format: recordFormat(ATTR),
    dataPageCount: 2,
    fill: 0xff,
  });
  fixture.publish(...records.map(bytesOf));
  return fixture;
}

const comm = (time: number): Written => ({ kind: 'comm', time, length: 1 });
const sample = (time: number): Written => ({ kind: 'sample', time, length: 1 });

describe('records that are no samples', () => {
  it('come before the later samples of other rings, and after the earlier ones', () => {
    const rings = [
      ringOf(0, 0, [comm(5), sample(20), comm(25)]),
      ringOf(1, 0, [sample(4), sample(6), sample(24), comm(30)]),
    ];
    expect(pass(readerOf(rings))).toEqual(['1:4', '0:5', '1:6', '0:20', '1:24', '0:25', '1:30']);
  });

  it('have the time of their sample id to peekTimestamp, and are popped by it', () => {
    const reader = readerOf([ringOf(0, 0, [comm(5)]), ringOf(1, 0, [comm(4)])]);
    reader.start();
    const seen: [bigint, string][] = [];
    while (!reader.isEmpty()) {
      const record = reader.peek();
      if (record !== null) seen.push([reader.peekTimestamp(), seenAs(record)]);
      reader.pop();
    }
    expect(seen).toEqual([
      [4n, '1:4'],
      [5n, '0:5'],
    ]);
  });

  it('are late when they come after a later time, as samples are', () => {
    const reader = readerOf([ringOf(0, 0, [sample(10), comm(4), sample(12)]), ringOf(1, 0, [comm(11)])]);
    expect(pass(reader)).toEqual(['0:10', '0:4!', '1:11', '0:12']);
    expect(reader.late).toBe(1);
  });

  it('keep their place when a visitor throws before them', () => {
    const reader = readerOf([ringOf(0, 0, [sample(5), comm(20)]), ringOf(1, 0, [sample(10)])]);
    reader.start();
    let calls = 0;
    const seen: string[] = [];
    const visit = (): void => {
      reader.visit((record) => {
        seen.push(seenAs(record));
        if (calls++ === 0) throw new Error('bad');
      });
    };
    expect(visit).toThrow('bad');
    visit();
    expect(seen).toEqual(['0:5', '1:10', '0:20']);
  });

  it('without a time keep their place in their ring', () => {
    const untimed = ringOf(0, 0, [sample(5), { kind: 'user', time: 5, length: 1 }, sample(20)]);
    const reader = readerOf([untimed, ringOf(1, 0, [sample(10)])]);
    expect(pass(reader)).toEqual(['0:5', '0:undefined', '1:10', '0:20']);
  });

  it('whose size no writer writes lead no read out of the ring', () => {
    const wrong: string[] = [];
    for (const size of [0, 7, 25, 28, 31, 33, 65_535]) {
      const bad = bytesOf(comm(20));
      new DataView(bad.buffer).setUint16(6, size, true);
      for (let position = 0; position < 4096; position += 8) {
        const fixture = ringOf(0, position, [sample(5)]);
        fixture.publish(bad);
        const faults: unknown[] = [];
        const reader = readerOf([fixture, ringOf(1, 0, [sample(10)])], {
          live: false,
          onFault: (_ring, fault) => faults.push(fault.kind),
        });
        const seen = `${pass(reader)} ${faults}`;
        if (seen !== '0:5,1:10 corrupt') wrong.push(`${size} at ${position}: ${seen}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('have no time where that of samples is in their payload: it may be of another clock', () => {
    const fixture = new RingFixture({ cpu: 0, format: recordFormat(ATTR), timeInPayload: 0 });
    const body = sampleBytes(Uint8Array.of(...words(7n), 0, 0, 0, 0), words(1000n, 0n));
    fixture.publish(body, bytesOf(comm(1000)));
    expect(pass(readerOf([fixture]))).toEqual(['0:7', '0:undefined']);
  });

  it('are ordered with samples in rings of any number, wherever records wrap', () => {
    const kind = fc.constantFrom<Kind>('sample', 'sample', 'sample', 'comm', 'user');
    const ring = fc
      .array(fc.record({ kind, step: fc.nat({ max: 5 }), length: fc.nat({ max: 3 }) }), { maxLength: 25 })
      .map((steps) => {
        let time = 0;
        return steps.map(({ kind, step, length }): Written => {
          if (kind !== 'user') time += step;
          return { kind, time, length };
        });
      });
    fc.assert(
      fc.property(fc.array(fc.tuple(ring, fc.nat({ max: 511 })), { minLength: 1, maxLength: 5 }), (given) => {
        const fixtures = given.map(([records, place], cpu) => ringOf(cpu, place * 8, records));
        const expected = given
          .flatMap(([records], cpu) => records.map((record, place) => ({ ...record, cpu, place })))
          .sort((one, other) => one.time - other.time || one.cpu - other.cpu || one.place - other.place)
          .map(({ cpu, time, kind }) => `${cpu}:${kind === 'user' ? undefined : time}`);
        expect(pass(readerOf(fixtures))).toEqual(expected);
      }),
      propertyRuns(300),
    );
  });
});
