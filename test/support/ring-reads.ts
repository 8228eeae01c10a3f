import type { RingRecord } from '../../lib/ring/record';
import { codeOf } from './ring-errors';

function check(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}

/** Reads what a record has in every way there is: each read lies within it, or says that it does not. */
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
  void [
    record.time,
    record.pid,
    record.tid,
    record.ip,
    record.addr,
    record.id,
    record.streamId,
    record.period,
  ];
  void [record.misc, record.lost, record.callchain()];
}

/** Decodes a record whose layout's fields end at `end`: a shorter one is refused. */
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
