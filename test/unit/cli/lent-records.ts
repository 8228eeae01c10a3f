import { PERF_RECORD_LOST, PERF_RECORD_SAMPLE } from '../../../lib/abi/perf-event';
import { PerfRing, type RingRecord } from '../../../lib/index';

const PAGE = 4096;

/** Lends records of a ring in memory to a visitor, one after the other. */
export function lendRecords(
  records: readonly { readonly payload: Uint8Array; readonly type?: number }[],
  visitor: (record: RingRecord) => void,
  options: { readonly cpu?: number; readonly timeInPayload?: number } = {},
): void {
  const ring = PerfRing.initContiguous(new ArrayBuffer(PAGE * 17), 16, PAGE, { cpu: 0, ...options });
  ring.startWriteBatch();
  for (const { payload, type = PERF_RECORD_SAMPLE } of records) ring.write(payload, type);
  ring.finishWriteBatch();
  ring.startReadBatch();
  ring.visit(visitor, { other: visitor });
  ring.finishReadBatch();
  ring.close();
}

/** The payload of a PERF_RECORD_LOST: u64 id, u64 lost. */
export function lostPayload(lost: number): Uint8Array {
  return new Uint8Array(BigUint64Array.of(7n, BigInt(lost)).buffer);
}

export { PERF_RECORD_LOST };
