import { STOP } from '../../../lib/records/record';
import { setImmediate } from 'node:timers/promises';
import { addon, withAddon } from '../../../lib/addon/load';
import { PerfEventArray } from '../../../lib/bpf/perf-event-array';
import {
  FlightRecorder,
  type FlightRecorderOptions,
  type FlightSnapshot,
} from '../../../lib/perf-array/flight-recorder';
import type { RingRecord } from '../../../lib/records/record';
import { FlightScene } from '../../support/flight-scene';
import { Flood } from '../../support/flood';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { SampleProducer } from '../../support/producers';
import { CPUS, SCENE_CAPABILITIES } from '../../support/reader-scene';
import { codeOf, messageOf } from '../../support/ring-errors';
import { SampleCheck } from '../../support/sample-check';

afterAll(expectNothingLeft);

const [CPU = 0] = CPUS;
const PAGE = 4096;

interface Seen {
  readonly cpu: number;
  readonly sequence: number;
  readonly time: bigint;
}

/** Checks every byte of all records. @returns the records */
function seenIn(snapshot: FlightSnapshot, sizes: readonly number[] = [48]): Seen[] {
  const check = new SampleCheck(sizes);
  const seen: Seen[] = [];
  const visited = snapshot.visit((record) => {
    check.visitor(record);
    seen.push({ cpu: record.cpu, sequence: record.u64AsNumber(0), time: record.time as bigint });
  });
  expect(check.errors).toEqual([]);
  expect([visited, snapshot.records]).toEqual([seen.length, seen.length]);
  return seen;
}

function expectInOrder(seen: readonly Seen[]): void {
  const next: number[] = [];
  seen.forEach(({ cpu, sequence, time }, at) => {
    const before = seen[at - 1];
    if (before !== undefined && before.time > time) throw new Error(`record ${at} goes back in time`);
    // Within a snapshot no sample of a CPU is missing.
    if (sequence !== (next[cpu] ?? sequence)) throw new Error(`CPU ${cpu}: ${sequence} follows ${next[cpu]}`);
    next[cpu] = sequence + 1;
  });
}

const numbersOf = (seen: readonly Seen[], cpu: number): number[] =>
  seen.filter((one) => one.cpu === cpu).map(({ sequence }) => sequence);

describeWith(SCENE_CAPABILITIES, 'FlightRecorder', () => {
  it('contains the newest samples of all CPUs, in time order', () => {
    using s = new FlightScene({ bufferBytes: 4 * PAGE, largestRecordBytes: 128 });
    for (let round = 0; round < 10; round++) s.emitEverywhere(20);
    const seen = seenIn(s.recorder.snapshot());
    expectInOrder(seen);
    for (const cpu of CPUS) expect(numbersOf(seen, cpu)).toEqual(Array.from({ length: 200 }, (_, n) => n));
  });

  it('overwrites the oldest samples and loses none of the newest', () => {
    using s = new FlightScene({ bufferBytes: 4 * PAGE, largestRecordBytes: 128 }, [40, 8, 100]);
    for (const count of [1, 50, 300, 1000, 5]) {
      s.emitEverywhere(count);
      const seen = seenIn(s.recorder.snapshot(), [40, 8, 100]);
      expectInOrder(seen);
      for (const cpu of CPUS) {
        const { emitted, failedTotal } = s.producer.counts(cpu);
        expect(failedTotal).toBe(0);
        const numbers = numbersOf(seen, cpu);
        expect(numbers.at(-1)).toBe(emitted - 1);
        // Records have 72 bytes on average. The margin of 128 bytes and a part of a record at the end are left out.
        expect(numbers.length).toBeGreaterThanOrEqual(Math.min(emitted, Math.floor((4 * PAGE - 256) / 80)));
      }
    }
  });

  it('leaves out a quarter of a small ring that was overwritten, without largestRecordBytes', () => {
    using s = new FlightScene({ bufferBytes: 4 * PAGE });
    s.emitEverywhere(1000);
    const seen = seenIn(s.recorder.snapshot());
    // Header, time, raw_size and 48 bytes, padded to 8.
    const most = Math.floor((3 * PAGE) / 72);
    for (const cpu of CPUS) {
      const { length } = numbersOf(seen, cpu);
      expect(length).toBeLessThanOrEqual(most);
      expect(length).toBeGreaterThanOrEqual(most - 1);
    }
  });

  it('is empty before the first sample', () => {
    using s = new FlightScene();
    const snapshot = s.recorder.snapshot();
    expect([snapshot.records, snapshot.visit(() => undefined)]).toEqual([0, 0]);
  });

  it('makes snapshots that do not change and can be visited again, also by visitors that stop or throw', () => {
    using s = new FlightScene();
    s.emitEverywhere(5);
    const snapshot = s.recorder.snapshot();
    s.emitEverywhere(5);
    const first = seenIn(snapshot);
    expect(first).toHaveLength(5 * CPUS.length);
    expect(snapshot.visit(() => STOP)).toBe(1);
    expect(() =>
      snapshot.visit(() => {
        throw new Error('of the visitor');
      }),
    ).toThrow('of the visitor');
    s.recorder.close();
    expect(seenIn(snapshot)).toEqual(first);
  });

  it('takes snapshots under a flood with no torn record in them', async () => {
    const sizes = [48, 200, 16];
    using s = new FlightScene({ bufferBytes: 64 * PAGE, largestRecordBytes: 256 }, sizes);
    const flood = await Flood.start({ mapId: s.array.info.id, sizes });
    try {
      let records = 0;
      for (let round = 0; round < 40; round++) {
        await setImmediate();
        const seen = seenIn(s.recorder.snapshot(), sizes);
        expectInOrder(seen);
        records += seen.length;
      }
      expect(records).toBeGreaterThan(1000);
      const reports = await flood.stop();
      // No producer was ever refused.
      for (const { failedTotal } of reports.values()) expect(failedTotal).toBe(0);
      const last = seenIn(s.recorder.snapshot(), sizes);
      for (const cpu of CPUS) {
        expect(numbersOf(last, cpu).at(-1)).toBe((reports.get(cpu)?.emitted ?? 0) - 1);
      }
    } finally {
      flood.kill();
    }
  });

  it('rotates without a gap: each snapshot begins where the one before ended', async () => {
    using s = new FlightScene({ bufferBytes: 1 << 20 });
    const flood = await Flood.start({ mapId: s.array.info.id, rate: 20_000 });
    try {
      const next = new Map<number, number>();
      const snapshots: FlightSnapshot[] = [];
      for (let round = 0; round < 15; round++) snapshots.push(await s.recorder.rotate());
      const reports = await flood.stop();
      snapshots.push(await s.recorder.rotate());
      for (const snapshot of snapshots) {
        for (const { cpu, sequence } of seenIn(snapshot)) {
          if (sequence !== (next.get(cpu) ?? 0))
            throw new Error(`CPU ${cpu}: ${sequence}, not ${next.get(cpu)}`);
          next.set(cpu, sequence + 1);
        }
      }
      for (const cpu of CPUS) {
        expect(reports.get(cpu)).toMatchObject({ failedTotal: 0, emitted: next.get(cpu) });
      }
    } finally {
      flood.kill();
    }
  });

  it('opens, maps and fills nothing when it rotates', async () => {
    let opened = false;
    const refuse = (name: string) => (): number => {
      throw new Error(`${name} in rotate()`);
    };
    const native = new Proxy(addon(), {
      get: (target, name, receiver) =>
        opened && ['perfEventOpen', 'ringMap', 'bpfMapSetEvent', 'bpfMapDelete'].includes(String(name))
          ? refuse(String(name))
          : Reflect.get(target, name, receiver),
    });
    const array = withAddon(native, () => PerfEventArray.create());
    const producer = new SampleProducer(array);
    const recorder = withAddon(native, () => FlightRecorder.open(array));
    try {
      opened = true;
      for (let round = 1; round <= 3; round++) {
        for (const cpu of CPUS) producer.emit(round, { cpu });
        expect(seenIn(recorder.snapshot())).toHaveLength(round * CPUS.length);
        expect(seenIn(await recorder.rotate())).toHaveLength(round * CPUS.length);
        expect(recorder.snapshot().records).toBe(0);
      }
      expect(producer.counts().failedTotal).toBe(0);
    } finally {
      opened = false;
      recorder.close();
      producer.close();
      array.close();
    }
  });

  it('rotates rings that were overwritten in between, and contains their newest samples', async () => {
    using s = new FlightScene({ bufferBytes: 4 * PAGE, largestRecordBytes: 128 });
    const last = new Map<number, number>();
    for (const count of [10, 1000, 5, 230, 253, 260, 1, 3000]) {
      s.emitEverywhere(count);
      const seen = seenIn(await s.recorder.rotate());
      expectInOrder(seen);
      for (const cpu of CPUS) {
        const numbers = numbersOf(seen, cpu);
        const { emitted } = s.producer.counts(cpu);
        expect(numbers.at(-1)).toBe(emitted - 1);
        // No sample comes twice, and all come that fit beside the margin. A record has 72 bytes.
        const before = last.get(cpu) ?? -1;
        const fit = Math.floor((4 * PAGE - 128) / 72);
        expect(numbers[0]).toBe(Math.max(before + 1, emitted - fit));
        last.set(cpu, emitted - 1);
      }
    }
  });

  it('may be rotated and closed at once', async () => {
    using s = new FlightScene();
    s.emitEverywhere(3);
    const rotating = s.recorder.rotate();
    s.recorder.close();
    expect(seenIn(await rotating)).toHaveLength(3 * CPUS.length);
    s.emitEverywhere(1);
    expect(s.producer.counts().failed).toEqual({ ENOENT: CPUS.length });
  });

  it('puts each record into one of two rotations that run at once', async () => {
    using s = new FlightScene();
    s.emitEverywhere(3);
    const one = s.recorder.rotate();
    s.emitEverywhere(2);
    const other = s.recorder.rotate();
    expect([seenIn(await one).length, seenIn(await other).length]).toEqual([
      3 * CPUS.length,
      2 * CPUS.length,
    ]);
  });

  it('has the requested fields of the sample', () => {
    using s = new FlightScene({ attributes: { sample_type: 2 } });
    s.producer.emit(1, { cpu: CPU });
    const fields: unknown[] = [];
    s.recorder.snapshot().visit((record: RingRecord) => {
      fields.push(record.pid, typeof record.time);
    });
    expect(fields).toEqual([process.pid, 'bigint']);
  });

  it('empties its slots when it is closed, and then throws ERR_PERF_CLOSED', async () => {
    using s = new FlightScene();
    s.recorder.close();
    s.recorder.close();
    s.recorder[Symbol.dispose]();
    expect(s.recorder.closed).toBe(true);
    expect(codeOf(() => s.recorder.snapshot())).toBe('ERR_PERF_CLOSED');
    await expect(s.recorder.rotate()).rejects.toMatchObject({ code: 'ERR_PERF_CLOSED' });
    s.emitEverywhere(1);
    expect(s.producer.counts().failed).toEqual({ ENOENT: CPUS.length });
  });

  it('continues when its array is closed before it, and warns', async () => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const s = new FlightScene();
    s.emitEverywhere(2);
    s.array.close();
    expect(seenIn(s.recorder.snapshot())).toHaveLength(2 * CPUS.length);
    await expect(s.recorder.rotate()).rejects.toMatchObject({ code: 'ERR_PERF_CLOSED' });
    s[Symbol.dispose]();
    expect(warn).toHaveBeenCalledTimes(1);
    warn.mockRestore();
  });

  it.each<[unknown, string, RegExp]>([
    [null, 'ERR_PERF_INVALID_OPTION', /options must be an object/],
    [{ wakeup: 'manual' }, 'ERR_PERF_INVALID_OPTION', /no option wakeup; there are cpus, bufferBytes/],
    [{ order: 'time' }, 'ERR_PERF_INVALID_OPTION', /no option order/],
    [
      { largestRecordBytes: 4 },
      'ERR_PERF_INVALID_OPTION',
      /largestRecordBytes must be a whole number from 8/,
    ],
    [{ largestRecordBytes: 8192, bufferBytes: 4096 }, 'ERR_PERF_INVALID_OPTION', /to 4096, got 8192/],
    [{ bufferBytes: 3 * PAGE }, 'ERR_PERF_NOT_POWER_OF_TWO', /nearest/],
    [{ attributes: { write_backward: true } }, 'ERR_PERF_INVALID_OPTION', /write_backward/],
    [{ cpus: [CPU, CPU] }, 'ERR_PERF_INVALID_OPTION', new RegExp(`names CPU ${CPU} twice`)],
    [{ cpus: [60_000] }, 'ERR_PERF_NO_SUCH_CPU', /no CPU 60000/],
  ])('refuses the options %j', (options, code, named) => {
    const array = PerfEventArray.create();
    try {
      const open = (): unknown => FlightRecorder.open(array, options as FlightRecorderOptions);
      expect(codeOf(open)).toBe(code);
      expect(messageOf(open)).toMatch(named);
    } finally {
      array.close();
    }
  });
});
