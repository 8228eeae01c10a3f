import {
  PERF_FORMAT_ID,
  PERF_FORMAT_LOST,
  PERF_FORMAT_TOTAL_TIME_ENABLED,
  PERF_FORMAT_TOTAL_TIME_RUNNING,
  PERF_SAMPLE_ADDR,
  PERF_SAMPLE_CALLCHAIN,
  PERF_SAMPLE_CPU,
  PERF_SAMPLE_ID,
  PERF_SAMPLE_IDENTIFIER,
  PERF_SAMPLE_IP,
  PERF_SAMPLE_PERIOD,
  PERF_SAMPLE_RAW,
  PERF_SAMPLE_READ,
  PERF_SAMPLE_REGS_USER,
  PERF_SAMPLE_STREAM_ID,
  PERF_SAMPLE_TID,
  PERF_SAMPLE_TIME,
} from '../../../lib/abi/perf-event';
import { PerfRing } from '../../../lib/ring/perf-ring';
import type { RingRecord } from '../../../lib/records/record';
import { recordFormat } from '../../../lib/records/record-format';
import { codeOf } from '../../support/ring-errors';
import { RingFixture, type RingFixtureOptions } from '../../support/ring-fixture';
import { lostBytes, payloadOf, recordBytes, sampleBytes, words } from '../../support/ring-records';

const CAPACITY = 2048;

/** Every field of fixed size in the kernel's order, with its value in these tests. */
const FIELDS: [string, number, bigint][] = [
  ['identifier', PERF_SAMPLE_IDENTIFIER, 0x1111_0000_0000_0001n],
  ['ip', PERF_SAMPLE_IP, 0xffff_ffff_8100_0002n],
  ['tid', PERF_SAMPLE_TID, (0x8000_0004n << 32n) | 0x9000_0003n],
  ['time', PERF_SAMPLE_TIME, 0x8000_0000_0000_0005n],
  ['addr', PERF_SAMPLE_ADDR, 0x6n],
  ['id', PERF_SAMPLE_ID, 0x2222_0000_0000_0007n],
  ['streamId', PERF_SAMPLE_STREAM_ID, 0x8n],
  ['cpu', PERF_SAMPLE_CPU, 0x9n],
  ['period', PERF_SAMPLE_PERIOD, 0xffff_ffff_ffff_ffffn],
];
const WORD = Object.fromEntries(FIELDS.map(([name, , word]) => [name, word]));

/** The fields of a record. */
function fieldsOf(record: RingRecord) {
  const { time, pid, tid, ip, addr, id, streamId, period } = record;
  return { time, pid, tid, ip, addr, id, streamId, period, callchain: record.callchain() };
}

const NOTHING = {
  time: undefined,
  pid: undefined,
  tid: undefined,
  ip: undefined,
  addr: undefined,
  id: undefined,
  streamId: undefined,
  period: undefined,
  callchain: undefined,
};

function read<Answer>(
  records: readonly Uint8Array[],
  options: RingFixtureOptions,
  look: (record: RingRecord) => Answer,
): Answer[] {
  const made = new RingFixture(options);
  made.publish(...records);
  made.ring.startReadBatch();
  const answers: Answer[] = [];
  made.ring.visit((record) => answers.push(look(record)));
  return answers;
}

/** Every combination of the fixed fields: the mask over FIELDS. */
const MASKS = Array.from({ length: 1 << FIELDS.length }, (_, mask) => mask);

describe('a sample with a prefix', () => {
  it('is read correctly for every combination of the fixed fields', () => {
    const wrong: number[] = [];
    for (const mask of MASKS) {
      const taken = FIELDS.filter((_, i) => (mask >> i) & 1);
      const sampleType = taken.reduce((bits, [, bit]) => bits | bit, PERF_SAMPLE_RAW);
      const has = (name: string): bigint | undefined =>
        taken.some(([taken]) => taken === name) ? WORD[name] : undefined;
      const record = sampleBytes(payloadOf(20), words(...taken.map(([, , word]) => word)));
      const tid = has('tid');
      const expected = {
        ...NOTHING,
        time: has('time'),
        pid: tid === undefined ? undefined : 0x9000_0003 | 0,
        tid: tid === undefined ? undefined : 0x8000_0004 | 0,
        ip: has('ip'),
        addr: has('addr'),
        id: has('id') ?? has('identifier'),
        streamId: has('streamId'),
        period: has('period'),
      };
      const format = recordFormat({ sample_type: sampleType });
      // Three equal headers, so that the scan compares words. The last record wraps.
      const position = CAPACITY - 3 * record.length + 8;
      const seen = read([record, record, record], { format, position }, (lent) => ({
        ...fieldsOf(lent),
        payload: lent.bytes(),
      }));
      const payload = payloadOf(20);
      const right = seen.every(
        ({ payload: bytes, ...fields }) =>
          Buffer.compare(bytes, payload) === 0 &&
          (Object.keys(expected) as (keyof typeof expected)[]).every((key) => fields[key] === expected[key]),
      );
      if (!right || seen.length !== 3) wrong.push(mask);
    }
    expect(wrong).toEqual([]);
  });

  it('shows what every field holds', () => {
    const sampleType = FIELDS.reduce((bits, [, bit]) => bits | bit, PERF_SAMPLE_RAW);
    const record = sampleBytes(payloadOf(4), words(...FIELDS.map(([, , word]) => word)));
    expect(read([record], { format: recordFormat({ sample_type: sampleType }) }, fieldsOf)).toEqual([
      {
        time: 0x8000_0000_0000_0005n,
        // Signed: -1 is a thread without a number.
        pid: 0x9000_0003 | 0,
        tid: 0x8000_0004 | 0,
        ip: 0xffff_ffff_8100_0002n,
        addr: 6n,
        id: 0x2222_0000_0000_0007n,
        streamId: 8n,
        period: 0xffff_ffff_ffff_ffffn,
        callchain: undefined,
      },
    ]);
  });

  it('has no fields when its format has none, whatever its payload holds', () => {
    expect(read([sampleBytes(payloadOf(100))], {}, fieldsOf)).toEqual([NOTHING]);
  });

  it.each([
    [0, 1],
    [PERF_FORMAT_TOTAL_TIME_ENABLED, 2],
    [PERF_FORMAT_LOST, 2],
    [PERF_FORMAT_ID | PERF_FORMAT_LOST, 3],
    [PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING | PERF_FORMAT_ID | PERF_FORMAT_LOST, 5],
  ])('steps over the counters of PERF_SAMPLE_READ with read_format %d: %d words', (readFormat, count) => {
    const format = recordFormat({
      sample_type: PERF_SAMPLE_RAW | PERF_SAMPLE_READ | PERF_SAMPLE_PERIOD,
      read_format: readFormat,
    });
    const record = sampleBytes(payloadOf(12), words(5n, ...new Array<bigint>(count).fill(99n)));
    expect(read([record], { format }, (lent) => [lent.period, lent.bytes()])).toEqual([[5n, payloadOf(12)]]);
  });

  it('ignores fields after the payload', () => {
    const format = recordFormat({ sample_type: PERF_SAMPLE_RAW | PERF_SAMPLE_TIME | PERF_SAMPLE_REGS_USER });
    const body = sampleBytes(payloadOf(12), words(5n)).subarray(8);
    const record = recordBytes(9, Uint8Array.of(...body, ...words(1n, 2n)));
    expect(read([record, record], { format }, (lent) => [lent.time, lent.bytes()])).toEqual([
      [5n, payloadOf(12)],
      [5n, payloadOf(12)],
    ]);
  });

  describe('and a callchain', () => {
    const chained = (
      chain: readonly bigint[],
      payload: Uint8Array,
      ...before: readonly bigint[]
    ): Uint8Array => sampleBytes(payload, words(...before, BigInt(chain.length), ...chain));
    const format = recordFormat({ sample_type: PERF_SAMPLE_RAW | PERF_SAMPLE_CALLCHAIN | PERF_SAMPLE_TIME });
    const chains = [[], [1n], [2n ** 64n - 128n, 0xffff_ffff_8100_0000n, 3n], new Array<bigint>(40).fill(7n)];

    it.each([0, CAPACITY - 8, CAPACITY - 24, CAPACITY - 40, CAPACITY - 400])(
      'finds the payload behind a chain of any length (from %d)',
      (position) => {
        const records = [...chains, ...[...chains].reverse()].map((chain, i) =>
          chained(chain, payloadOf(12, i), BigInt(i)),
        );
        const seen = read(records, { format, position }, (lent) => ({
          time: lent.time,
          chain: [...(lent.callchain() ?? [])],
          payload: lent.bytes(),
        }));
        expect(seen).toEqual(
          [...chains, ...[...chains].reverse()].map((chain, i) => ({
            time: BigInt(i),
            chain,
            payload: payloadOf(12, i),
          })),
        );
      },
    );

    it('does not take a chain for raw_size, nor a payload for where it lay in the record before', () => {
      const made = [
        chained([12n], payloadOf(12, 1), 1n),
        chained([12n], payloadOf(12, 2), 2n),
        chained([12n], payloadOf(12, 3), 3n),
        // The same length as those before.
        chained([], payloadOf(20, 4), 4n),
        chained([12n], payloadOf(12, 5), 5n),
        chained([12n, 12n], payloadOf(4, 6), 6n),
        chained([12n, 12n], payloadOf(4, 7), 7n),
      ];
      expect(new Set(made.map(({ length }) => length)).size).toBe(1);
      expect(read(made, { format }, (lent) => [lent.time, lent.bytes()])).toEqual([
        [1n, payloadOf(12, 1)],
        [2n, payloadOf(12, 2)],
        [3n, payloadOf(12, 3)],
        [4n, payloadOf(20, 4)],
        [5n, payloadOf(12, 5)],
        [6n, payloadOf(4, 6)],
        [7n, payloadOf(4, 7)],
      ]);
    });

    it('whose chain is a copy that belongs to the caller', () => {
      const made = new RingFixture({ format });
      made.publish(chained([1n, 2n], payloadOf(4), 5n));
      made.ring.startReadBatch();
      let kept: BigUint64Array | undefined;
      made.ring.visit((record) => {
        kept = record.callchain();
      });
      made.data.fill(0);
      expect(kept).toEqual(BigUint64Array.of(1n, 2n));
    });
  });

  it('leaves records of other types without fields', () => {
    const format = recordFormat({
      sample_type: PERF_SAMPLE_RAW | PERF_SAMPLE_TIME | PERF_SAMPLE_TID | PERF_SAMPLE_CALLCHAIN,
    });
    expect(read([lostBytes(1n, 2n)], { format }, fieldsOf)).toEqual([NOTHING]);
  });

  it('has no fields when it is no longer lent', () => {
    const made = new RingFixture({
      format: recordFormat({ sample_type: PERF_SAMPLE_RAW | PERF_SAMPLE_TIME }),
    });
    made.publish(sampleBytes(payloadOf(4), words(5n)));
    made.ring.startReadBatch();
    let kept: RingRecord | undefined;
    made.ring.visit((record) => {
      kept = record;
    });
    expect(fieldsOf(kept as RingRecord)).toEqual(NOTHING);
    made.detach();
    expect(fieldsOf(kept as RingRecord)).toEqual(NOTHING);
  });
});

describe('timeInPayload', () => {
  it.each([0, 4, 8])('reads the time of a sample at offset %d of its payload', (timeInPayload) => {
    const payload = new Uint8Array(20);
    new DataView(payload.buffer).setBigUint64(timeInPayload, 2n ** 60n + 1n, true);
    for (const position of [0, CAPACITY - 16]) {
      expect(read([sampleBytes(payload)], { timeInPayload, position }, (lent) => lent.time)).toEqual([
        2n ** 60n + 1n,
      ]);
    }
  });

  it('counts from the payload behind a prefix, and goes before PERF_SAMPLE_TIME', () => {
    const format = recordFormat({ sample_type: PERF_SAMPLE_RAW | PERF_SAMPLE_TIME });
    const record = sampleBytes(Uint8Array.of(...words(7n), 0, 0, 0, 0), words(5n));
    expect(read([record], { format, timeInPayload: 0 }, (lent) => lent.time)).toEqual([7n]);
  });

  it('is undefined in a sample too short for it', () => {
    expect(read([sampleBytes(payloadOf(12))], { timeInPayload: 8 }, (lent) => lent.time)).toEqual([
      undefined,
    ]);
  });

  it.each([-4, 1, 2, 1.5, Number.NaN, '0', null, 0n, Object.create(null)])('refuses %p', (timeInPayload) => {
    const memory = new ArrayBuffer(4096);
    const options = { timeInPayload: timeInPayload as number };
    expect(codeOf(() => PerfRing.initContiguous(memory, 1, 2048, options))).toBe('ERR_PERF_INVALID_OPTION');
  });

  it('is refused with a callchain, which moves the payload', () => {
    const format = recordFormat({ sample_type: PERF_SAMPLE_RAW | PERF_SAMPLE_CALLCHAIN });
    expect(
      codeOf(() => PerfRing.initContiguous(new ArrayBuffer(4096), 1, 2048, { format, timeInPayload: 0 })),
    ).toBe('ERR_PERF_INVALID_OPTION');
  });
});
