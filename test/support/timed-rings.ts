import { PERF_SAMPLE_RAW, PERF_SAMPLE_TIME } from '../../lib/abi/perf-event';
import type { RingRecord } from '../../lib/records/record';
import { recordFormat } from '../../lib/records/record-format';
import { RingFixture, type RingFixtureOptions } from './ring-fixture';
import { lostBytes, recordBytes, sampleBytes, words } from './ring-records';

const TIMED = recordFormat({ sample_type: PERF_SAMPLE_TIME | PERF_SAMPLE_RAW });

/** The records that tests write into a timed ring: samples, which have a time, and others, which have none. */
export type TimedKind = 'sample' | 'lost' | 'other';

export interface TimedRecord {
  readonly kind: TimedKind;
  /** Used only for samples. */
  readonly time: bigint;
  /** Unique for each record. */
  readonly id: number;
  /** Bytes of the payload, at least 4. */
  readonly bytes: number;
}

/** A ring whose samples have PERF_SAMPLE_TIME. */
export function timedRing(options: Omit<RingFixtureOptions, 'format'> = {}): RingFixture {
  return new RingFixture({ ...options, format: TIMED });
}

export function timedSample(time: bigint, id: number, bytes = 4): TimedRecord {
  return { kind: 'sample', time, id, bytes };
}

/** The bytes of the record as the kernel writes it. */
export function timedBytes({ kind, time, id, bytes }: TimedRecord): Uint8Array {
  if (kind === 'lost') return lostBytes(BigInt(id), 1n);
  if (kind === 'other') return recordBytes(77, words(BigInt(id)));
  return sampleBytes(payloadWith(id, bytes), words(time));
}

/** Publishes as many records as fit. @returns how many */
export function publishTimed(fixture: RingFixture, records: readonly TimedRecord[]): number {
  let published = 0;
  for (const record of records) {
    const bytes = timedBytes(record);
    const used = Number(BigInt.asUintN(64, fixture.head - fixture.tail));
    if (used + bytes.length > fixture.capacityBytes) break;
    const offset = Number(fixture.head % BigInt(fixture.capacityBytes));
    const beforeWrap = Math.min(bytes.length, fixture.capacityBytes - offset);
    fixture.data.set(bytes.subarray(0, beforeWrap), offset);
    fixture.data.set(bytes.subarray(beforeWrap), 0);
    fixture.head += BigInt(bytes.length);
    published++;
  }
  return published;
}

/** Checks every byte of a record of {@link timedBytes}. @returns its id */
export function timedId(record: RingRecord): number {
  if (record.type !== 9) return Number(record.u64(0));
  const id = record.u32(0);
  const bytes = record.bytes();
  let written = bytes.length;
  while (written > 0 && bytes[written - 1] === 0) written--;
  const expected = payloadWith(id, Math.max(4, written));
  if (Buffer.compare(bytes.subarray(0, expected.length), expected) !== 0) {
    throw new Error(`record ${id} holds ${Buffer.from(bytes).toString('hex')}`);
  }
  return id;
}

function payloadWith(id: number, bytes: number): Uint8Array {
  const payload = Uint8Array.from({ length: bytes }, (_, at) => (id + at) & 0xff);
  new DataView(payload.buffer).setUint32(0, id, true);
  return payload;
}
