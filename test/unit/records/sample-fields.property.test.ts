import * as fc from 'fast-check';
import { type RecordFormatAttributes, recordFormat } from '../../../lib/records/record-format';
import { RecordView } from '../../../lib/records/record-view';
import { decodeRecord } from '../../../lib/records/perf-record';
import type { SampleRecord } from '../../../lib/records/sample-record';
import { propertyRuns } from '../../support/property-runs';
import { attributes, sampleOf } from '../../support/record-arbitraries';
import { encodeRecord, encodeSampleBody, type SampleModel } from '../../support/record-encoder';

type Fields = Omit<SampleRecord, 'type' | 'misc' | 'cpuMode' | 'isExactIp'>;

const caseOf = attributes.chain((attr) => fc.record({ attr: fc.constant(attr), sample: sampleOf(attr) }));

/** The expected result of a decoder for the model, written from the meaning of each bit. */
function expected(attr: RecordFormatAttributes, sample: SampleModel): Fields {
  const type = Number(attr.sample_type);
  const read = Number(attr.read_format);
  const branch = Number(attr.branch_sample_type);
  const on = <Value>(bit: number, value: Value): Value | undefined =>
    (type & (1 << bit)) === 0 ? undefined : value;
  const ifRead = (bit: number, value: bigint): bigint | undefined => ((read & bit) === 0 ? undefined : value);
  const registers = (mask: unknown, model: SampleModel['userRegisters']): object => ({
    abi: model?.abi ?? 0,
    mask,
    values: BigUint64Array.from(model?.values ?? []),
  });
  const bits = (word: bigint, from: bigint, width: number): number =>
    Number((word >> from) & ((1n << BigInt(width)) - 1n));
  return {
    identifier: on(16, sample.identifier),
    ip: on(0, sample.ip),
    pid: on(1, sample.pid | 0),
    tid: on(1, sample.tid | 0),
    time: on(2, sample.time),
    addr: on(3, sample.addr),
    id: on(6, sample.id) ?? on(16, sample.identifier),
    streamId: on(9, sample.streamId),
    cpu: on(7, sample.cpu),
    period: on(8, sample.period),
    read: on(4, {
      timeEnabled: ifRead(1, sample.read.timeEnabled),
      timeRunning: ifRead(2, sample.read.timeRunning),
      values: sample.read.counters.map(({ value, id, lost }) => ({
        value,
        id: ifRead(4, id),
        lost: ifRead(16, lost),
      })),
    }),
    callchain: on(5, BigUint64Array.from(sample.callchain)),
    raw: on(10, sample.raw),
    branchStack: on(11, {
      hwIndex: (branch & (1 << 17)) === 0 ? undefined : sample.branchStack?.hwIndex,
      entries: (sample.branchStack?.entries ?? []).map((entry) => ({
        ...entry,
        counters: (branch & (1 << 19)) === 0 ? undefined : entry.counters,
      })),
    }),
    userRegisters: on(12, registers(attr.sample_regs_user, sample.userRegisters)) as Fields['userRegisters'],
    userStack: on(13, {
      bytes: sample.userStack?.bytes ?? new Uint8Array(0),
      size: sample.userStack?.room ?? 0,
    }),
    weight: on(14, sample.weight) ?? on(24, sample.weight),
    weightStruct: on(24, {
      var1: bits(sample.weight, 0n, 32),
      var2: bits(sample.weight, 32n, 16),
      var3: bits(sample.weight, 48n, 16),
    }),
    dataSource: on(15, {
      value: sample.dataSource,
      op: bits(sample.dataSource, 0n, 5),
      lvl: bits(sample.dataSource, 5n, 14),
      snoop: bits(sample.dataSource, 19n, 5),
      lock: bits(sample.dataSource, 24n, 2),
      dtlb: bits(sample.dataSource, 26n, 7),
      lvlNum: bits(sample.dataSource, 33n, 4),
      remote: bits(sample.dataSource, 37n, 1),
      snoopx: bits(sample.dataSource, 38n, 2),
      blk: bits(sample.dataSource, 40n, 3),
      hops: bits(sample.dataSource, 43n, 3),
    }),
    transaction: on(17, sample.transaction),
    interruptRegisters: on(
      18,
      registers(attr.sample_regs_intr, sample.interruptRegisters),
    ) as Fields['interruptRegisters'],
    physicalAddress: on(19, sample.physicalAddress),
    cgroup: on(21, sample.cgroup),
    dataPageSize: on(22, sample.dataPageSize),
    codePageSize: on(23, sample.codePageSize),
    aux: on(20, sample.aux),
  };
}

const READS: { readonly [Name in keyof Fields]: (view: RecordView) => unknown } = {
  identifier: (view) => view.identifier,
  ip: (view) => view.ip,
  pid: (view) => view.pid,
  tid: (view) => view.tid,
  time: (view) => view.time,
  addr: (view) => view.addr,
  id: (view) => view.id,
  streamId: (view) => view.streamId,
  cpu: (view) => view.sampleCpu,
  period: (view) => view.period,
  read: (view) => view.readValues(),
  callchain: (view) => view.callchain(),
  raw: (view) => view.raw(),
  branchStack: (view) => view.branchStack(),
  userRegisters: (view) => view.userRegisters(),
  userStack: (view) => view.userStack(),
  weight: (view) => view.weight,
  weightStruct: (view) => view.weightStruct(),
  dataSource: (view) => view.dataSource(),
  transaction: (view) => view.transaction,
  interruptRegisters: (view) => view.interruptRegisters(),
  physicalAddress: (view) => view.physicalAddress,
  cgroup: (view) => view.cgroup,
  dataPageSize: (view) => view.dataPageSize,
  codePageSize: (view) => view.codePageSize,
  aux: (view) => view.aux(),
};

describe('the fields of samples of any format', () => {
  it('are decoded as they were encoded', () => {
    fc.assert(
      fc.property(caseOf, ({ attr, sample }) => {
        const bytes = encodeRecord(9, 0x4002, encodeSampleBody(attr, sample));
        expect(decodeRecord(bytes, recordFormat(attr))).toEqual({
          type: 'SAMPLE',
          misc: 0x4002,
          cpuMode: 'user',
          isExactIp: true,
          ...expected(attr, sample),
        });
      }),
      propertyRuns(1500),
    );
  });

  it('can be read one by one, in any order, between other bytes', () => {
    const field = fc.constantFrom(...(Object.keys(READS) as (keyof Fields)[]));
    fc.assert(
      fc.property(
        caseOf,
        fc.array(field, { minLength: 1, maxLength: 8 }),
        fc.nat({ max: 64 }),
        ({ attr, sample }, order, start) => {
          const bytes = encodeRecord(9, 0, encodeSampleBody(attr, sample));
          const around = new Uint8Array(start + bytes.length + 64).fill(0xa5);
          around.set(bytes, start);
          const view = new RecordView(recordFormat(attr));
          view.moveTo(new DataView(around.buffer), start, bytes.length);
          const wanted = expected(attr, sample);
          for (const name of order) expect([name, READS[name](view)]).toEqual([name, wanted[name]]);
        },
      ),
      propertyRuns(500),
    );
  });

  it('are refused or decoded for any bytes, and never read past the record', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 12 });
    fc.assert(
      fc.property(caseOf, damage, fc.nat(), ({ attr, sample }, writes, cut) => {
        const whole = encodeRecord(9, 0, encodeSampleBody(attr, sample));
        const bytes = whole.slice(0, 8 + (cut % (whole.length - 7)));
        for (const [at, value] of writes) if (bytes.length > 8) bytes[8 + (at % (bytes.length - 8))] = value;
        // At the end of its memory, so that an unchecked read throws a RangeError.
        const view = new RecordView(recordFormat(attr)).moveTo(new DataView(bytes.buffer), 0, bytes.length);
        for (const read of Object.values(READS)) {
          try {
            read(view);
          } catch (error) {
            expect(error).toMatchObject({ code: 'ERR_PERF_RECORD_DAMAGED' });
          }
        }
      }),
      propertyRuns(1000),
    );
  });
});
