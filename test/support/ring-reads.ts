import type { RecordFields } from '../../lib/records/sample-fields';
import type { RingRecord } from '../../lib/records/record';
import { codeOf } from './ring-errors';

function check(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}

/** Reads a record by all of its methods. They may throw only errors for reads past the end and for damaged fields. */
export function readInEveryWay(record: RingRecord, capacityBytes: number): void {
  const { size } = record;
  check(size >= 0 && size <= capacityBytes - 8, `a payload of ${size} bytes`);
  check(record.bytes().length === size, 'bytes()');
  const reads: [number, () => unknown][] = [
    [1, () => record.u8(size - 1)],
    [2, () => record.i16(size - 2)],
    [4, () => record.u32(size - 4)],
    [8, () => record.u64(size - 8)],
    [8, () => record.f64(size - 8)],
    [16, () => record.string(size - 16, 16)],
    [size, () => record.string(0, size)],
    [size, () => record.copyTo(new Uint8Array(size))],
  ];
  for (const [width, read] of reads) {
    const code = codeOf(read);
    check(code === (width <= size ? 'nothing' : 'ERR_PERF_OUT_OF_RANGE'), `${width} of ${size}: ${code}`);
  }
  check(codeOf(() => record.u8(size)) === 'ERR_PERF_OUT_OF_RANGE', 'past the end');
  void [record.misc, record.lost];
  for (const [name, read] of Object.entries(FIELD_READS)) {
    const damage = codeOf(() => read(record));
    check(damage === 'nothing' || damage === 'ERR_PERF_RECORD_DAMAGED', `${name}: ${damage}`);
  }
  const { recordSize } = record;
  check(recordSize >= 8 && record.recordBytes().length === recordSize, `${recordSize} bytes of record`);
}

const FIELD_READS: { readonly [Name in keyof RecordFields | 'decode']: (record: RingRecord) => unknown } = {
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
  decode: (record) => record.decode(),
};

/** Decodes a record by a layout whose fields end at `end` bytes. A shorter record must be refused. */
export function decodeOrRefuse(
  decode: (record: RingRecord) => unknown,
  record: RingRecord,
  end: number,
): void {
  const code = codeOf(() => decode(record));
  check(
    code === (record.size >= end ? 'nothing' : 'ERR_PERF_OUT_OF_RANGE'),
    `fields up to ${end} of ${record.size}: ${code}`,
  );
}
