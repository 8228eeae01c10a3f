import * as fc from 'fast-check';
import * as abi from '../../../lib/abi/perf-event';
import { decodeRecord, type PerfRecord } from '../../../lib/records/perf-record';
import { type RecordFormatAttributes, recordFormat } from '../../../lib/records/record-format';
import type { RecordFields } from '../../../lib/records/sample-fields';
import type { SampleRecord } from '../../../lib/records/sample-record';
import type { RingRecord } from '../../../lib/records/record';
import { propertyRuns } from '../../support/property-runs';
import { attributes, sampleOf, u32, u64 } from '../../support/record-arbitraries';
import { ByteWriter, encodeRecord, encodeSampleBody, encodeSampleId } from '../../support/record-encoder';
import { codeOf } from '../../support/ring-errors';
import { LOOPS, type LoopName } from '../../support/ring-cursor-kinds';
import { RingFixture } from '../../support/ring-fixture';
import { lostBytes, payloadOf, sampleBytes, words } from '../../support/ring-records';

type FieldName = Exclude<keyof RecordFields, never>;

/** Reads every field of a lent record, by the field's name in decoded samples. */
const READS: { readonly [Name in FieldName]: (record: RingRecord) => unknown } = {
  time: (record) => record.time,
  pid: (record) => record.pid,
  tid: (record) => record.tid,
  sampleCpu: (record) => record.sampleCpu,
  id: (record) => record.id,
  streamId: (record) => record.streamId,
  identifier: (record) => record.identifier,
  ip: (record) => record.ip,
  addr: (record) => record.addr,
  period: (record) => record.period,
  readValues: (record) => record.readValues(),
  callchain: (record) => record.callchain(),
  branchStack: (record) => record.branchStack(),
  userRegisters: (record) => record.userRegisters(),
  userStack: (record) => record.userStack(),
  weight: (record) => record.weight,
  weightStruct: (record) => record.weightStruct(),
  dataSource: (record) => record.dataSource(),
  transaction: (record) => record.transaction,
  interruptRegisters: (record) => record.interruptRegisters(),
  physicalAddress: (record) => record.physicalAddress,
  cgroup: (record) => record.cgroup,
  dataPageSize: (record) => record.dataPageSize,
  codePageSize: (record) => record.codePageSize,
  aux: (record) => record.aux(),
};
const NAMES = Object.keys(READS) as FieldName[];

/** The value of the field in a decoded sample. */
function ofSample(sample: SampleRecord, name: FieldName): unknown {
  if (name === 'sampleCpu') return sample.cpu;
  return name === 'readValues' ? sample.read : sample[name];
}

/** The fields of lent records, and their bytes. */
interface Seen {
  readonly fields: Record<string, unknown>;
  readonly decoded: PerfRecord;
  readonly payload: Uint8Array;
  readonly bytes: Uint8Array;
  readonly copied: Uint8Array;
}

function look(record: RingRecord): Seen {
  const copied = new Uint8Array(record.recordSize + 7);
  expect(record.copyRecordTo(copied, 5)).toBe(record.recordSize);
  return {
    fields: Object.fromEntries(NAMES.map((name) => [name, READS[name](record)])),
    decoded: record.decode(),
    payload: record.bytes(),
    bytes: record.recordBytes(),
    copied: copied.slice(5, 5 + record.recordSize),
  };
}

const caseOf = attributes.chain((attr) =>
  fc.record({ attr: fc.constant(attr), samples: fc.array(sampleOf(attr), { minLength: 1, maxLength: 3 }) }),
);

/** Publishes records from `position` on, and reads each while it is lent. */
function lookAt(
  attr: RecordFormatAttributes,
  position: number,
  records: readonly Uint8Array[],
  loop: LoopName = 'equal',
): Seen[] {
  const format = recordFormat(attr);
  const fixture = new RingFixture({ format, position, dataPageCount: 8, fill: 0xff, loop });
  fixture.publish(...records);
  fixture.ring.startReadBatch();
  const seen: Seen[] = [];
  fixture.ring.visit((record) => {
    seen.push(look(record));
  });
  return seen;
}

describe('a lent record', () => {
  it('has every field of its format, and its bytes, wherever it lies in the ring', () => {
    fc.assert(
      fc.property(
        caseOf,
        fc.nat({ max: 2047 }),
        fc.constantFrom(...LOOPS),
        ({ attr, samples }, place, loop) => {
          const records = samples.map((sample) => encodeRecord(9, 2, encodeSampleBody(attr, sample)));
          const seen = lookAt(attr, place * 8, records, loop);
          expect(seen.length).toBe(records.length);
          seen.forEach((one, index) => {
            const bytes = records[index] as Uint8Array;
            const sample = decodeRecord(bytes, recordFormat(attr)) as SampleRecord;
            expect(one.decoded).toEqual(sample);
            expect(one.fields).toEqual(
              Object.fromEntries(NAMES.map((name) => [name, ofSample(sample, name)])),
            );
            expect(one.payload).toEqual(sample.raw ?? new Uint8Array(0));
            expect([one.bytes, one.copied]).toEqual([bytes, bytes]);
          });
        },
      ),
      propertyRuns(400),
    );
  });

  it('has the sample id of a record that is no sample, and its payload before that', () => {
    const id = fc.record({ pid: u32, tid: u32, time: u64, id: u64, streamId: u64, cpu: u32 });
    fc.assert(
      fc.property(attributes, id, fc.nat({ max: 2047 }), (attr, sampleId, place) => {
        const body = encodeSampleId(new ByteWriter().u64(7n).u64(8n), attr, sampleId);
        const bytes = encodeRecord(abi.PERF_RECORD_LOST, 0, body.toBytes());
        const [seen] = lookAt(attr, place * 8, [bytes]);
        const has = (bits: number): boolean =>
          attr.sample_id_all === true && (Number(attr.sample_type) & bits) !== 0;
        const expected: Partial<Record<FieldName, unknown>> = {
          pid: has(abi.PERF_SAMPLE_TID) ? sampleId.pid | 0 : undefined,
          tid: has(abi.PERF_SAMPLE_TID) ? sampleId.tid | 0 : undefined,
          time: has(abi.PERF_SAMPLE_TIME) ? sampleId.time : undefined,
          id: has(abi.PERF_SAMPLE_ID | abi.PERF_SAMPLE_IDENTIFIER) ? sampleId.id : undefined,
          identifier: has(abi.PERF_SAMPLE_IDENTIFIER) ? sampleId.id : undefined,
          streamId: has(abi.PERF_SAMPLE_STREAM_ID) ? sampleId.streamId : undefined,
          sampleCpu: has(abi.PERF_SAMPLE_CPU) ? sampleId.cpu : undefined,
        };
        expect(seen?.fields).toEqual(Object.fromEntries(NAMES.map((name) => [name, expected[name]])));
        expect(seen?.decoded).toMatchObject({ type: 'LOST', id: 7n, lost: 8n });
        expect([seen?.payload, seen?.bytes]).toEqual([bytes.slice(8), bytes]);
      }),
      propertyRuns(200),
    );
  });

  it('throws for a damaged field, and continues with the next record', () => {
    const attr = { sample_type: abi.PERF_SAMPLE_TID | abi.PERF_SAMPLE_CALLCHAIN };
    const fixture = new RingFixture({ format: recordFormat(attr) });
    const sample = (count: bigint): Uint8Array => encodeRecord(9, 0, words(5n, count, 11n));
    fixture.publish(sample(2n), sample(1n));
    fixture.ring.startReadBatch();
    const seen: unknown[] = [];
    fixture.ring.visit((record) => {
      seen.push([record.pid, codeOf(() => record.callchain()), codeOf(() => record.decode())]);
    });
    expect(seen).toEqual([
      [5, 'ERR_PERF_RECORD_DAMAGED', 'ERR_PERF_RECORD_DAMAGED'],
      [5, 'nothing', 'nothing'],
    ]);
  });

  it('is refused by the ring when it is too short for its fields of fixed size, and stepped over', () => {
    const format = recordFormat({ sample_type: abi.PERF_SAMPLE_TID | abi.PERF_SAMPLE_TIME });
    const fixture = new RingFixture({ format });
    fixture.publish(encodeRecord(9, 0, words(5n)), encodeRecord(9, 0, words(6n, 7n)));
    fixture.ring.startReadBatch();
    expect(codeOf(() => fixture.ring.visit(() => undefined))).toBe('ERR_PERF_RING_CORRUPT');
    expect(fixture.ring.skipFault()).toMatchObject({ kind: 'truncated', skippedBytes: 16 });
    const seen: unknown[] = [];
    fixture.ring.visit((record) => {
      seen.push([record.pid, record.time]);
    });
    expect(seen).toEqual([[6, 7n]]);
  });

  it('keeps to the type that was checked, whatever a hostile writer made of it since', () => {
    const format = recordFormat({ sample_type: abi.PERF_SAMPLE_CALLCHAIN | abi.PERF_SAMPLE_IP });
    const fixture = new RingFixture({ format });
    fixture.publish(encodeRecord(9, 0, words(5n, 1n, 11n)));
    fixture.ring.startReadBatch();
    fixture.ring.visit((record) => {
      fixture.view.setUint32(0, abi.PERF_RECORD_COMM, true);
      expect([record.type, record.ip, record.decode().type]).toEqual([9, 5n, 'SAMPLE']);
    });
  });

  it('gives neither bytes nor a decoded record when it is lent no more', () => {
    const fixture = new RingFixture();
    fixture.publish(sampleBytes(payloadOf(12)));
    fixture.ring.startReadBatch();
    let kept: RingRecord | undefined;
    fixture.ring.visit((record) => {
      kept = record;
    });
    const record = kept as RingRecord;
    expect(record.recordSize).toBe(0);
    for (const read of [
      () => record.recordBytes(),
      () => record.decode(),
      () => record.copyRecordTo(new Uint8Array(64)),
    ]) {
      expect(codeOf(read)).toBe('ERR_PERF_OUT_OF_RANGE');
    }
  });

  describe('copyRecordTo', () => {
    function withRecord(look: (record: RingRecord) => void): void {
      const fixture = new RingFixture();
      fixture.publish(lostBytes(1n, 2n));
      fixture.ring.startReadBatch();
      fixture.ring.visit(look);
    }

    it.each([
      [23, 0],
      [24, 1],
      [24, -1],
      [32, 0.5],
      [24, Number.NaN],
      [0, 0],
    ])('refuses a target of %d bytes from %d on', (length, offset) => {
      withRecord((record) => {
        expect(codeOf(() => record.copyRecordTo(new Uint8Array(length), offset))).toBe(
          'ERR_PERF_OUT_OF_RANGE',
        );
      });
    });

    it('takes the last place that there is, and nothing but bytes', () => {
      withRecord((record) => {
        const target = new Uint8Array(32).fill(0xaa);
        expect(record.copyRecordTo(target, 8)).toBe(24);
        expect(target).toEqual(Uint8Array.of(...new Uint8Array(8).fill(0xaa), ...lostBytes(1n, 2n)));
        expect(codeOf(() => record.copyRecordTo(new DataView(new ArrayBuffer(64)) as never))).toBe(
          'ERR_PERF_INVALID_ARGUMENT',
        );
      });
    });

    it('says the size that was checked, whatever a hostile writer made of it since', () => {
      const fixture = new RingFixture();
      fixture.publish(lostBytes(1n, 2n));
      fixture.ring.startReadBatch();
      fixture.ring.visit((record) => {
        fixture.view.setUint16(6, 65_528, true);
        expect(record.recordBytes()).toEqual(lostBytes(1n, 2n));
      });
    });
  });
});
