import { execFileSync } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setTimeout } from 'node:timers/promises';
import {
  PERF_FORMAT_ID,
  PERF_RECORD_LOST,
  PERF_RECORD_MMAP2,
  PERF_RECORD_SAMPLE,
  PERF_SAMPLE_ADDR,
  PERF_SAMPLE_CALLCHAIN,
  PERF_SAMPLE_CPU,
  PERF_SAMPLE_ID,
  PERF_SAMPLE_IDENTIFIER,
  PERF_SAMPLE_IP,
  PERF_SAMPLE_PERIOD,
  PERF_SAMPLE_READ,
  PERF_SAMPLE_STREAM_ID,
  PERF_SAMPLE_TID,
  PERF_SAMPLE_TIME,
} from '../../../lib/abi/perf-event';
import { addon } from '../../../lib/addon/load';
import { formatOpenMetrics } from '../../../lib/export/open-metrics';
import type { PerfMapReaderOptions } from '../../../lib/perf-array/options';
import type { PerfRecord } from '../../../lib/records/perf-record';
import type { RingRecord } from '../../../lib/records/record';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { CPUS, ReaderScene, SCENE_CAPABILITIES } from '../../support/reader-scene';
import { SteeredNative } from '../../support/steered-native';

afterAll(expectNothingLeft);

const [CPU = 0] = CPUS;

interface Fields {
  readonly pid: number | undefined;
  readonly tid: number | undefined;
  readonly time: bigint | undefined;
  readonly ip: bigint | undefined;
  readonly addr: bigint | undefined;
  readonly id: bigint | undefined;
  readonly streamId: bigint | undefined;
  readonly period: bigint | undefined;
  readonly callchain: BigUint64Array | undefined;
}

function fieldsOf(record: RingRecord): Fields {
  const { pid, tid, time, ip, addr, id, streamId, period } = record;
  return { pid, tid, time, ip, addr, id, streamId, period, callchain: record.callchain() };
}

describeWith(SCENE_CAPABILITIES, 'a record of the kernel', () => {
  /** Reads three samples with these fields and checks their payload. */
  function sampled(sampleType: number, more: object = {}): Fields[] {
    using s = new ReaderScene({ wakeup: 'manual', attributes: { sample_type: sampleType, ...more } });
    const fields: Fields[] = [];
    s.producer.emit(3, { cpu: CPU });
    s.reader.drain((record) => {
      s.check.visitor(record);
      fields.push(fieldsOf(record));
    });
    s.expectExactAccounts();
    expect(fields).toHaveLength(3);
    return fields;
  }

  it('has no field that was not requested', () => {
    for (const fields of sampled(0)) expect(Object.values(fields)).toEqual(Array(9).fill(undefined));
  });

  it('has the process and thread', () => {
    for (const { pid, tid } of sampled(PERF_SAMPLE_TID))
      expect([pid, tid]).toEqual([process.pid, process.pid]);
  });

  it('has the time of CLOCK_MONOTONIC', () => {
    const before = process.hrtime.bigint();
    const times = sampled(PERF_SAMPLE_TIME).map(({ time }) => time as bigint);
    const after = process.hrtime.bigint();
    expect([...times].sort()).toEqual(times);
    expect(times.every((time) => time >= before && time <= after)).toBe(true);
  });

  it('has the identity of its event', () => {
    const [one] = sampled(PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_ID | PERF_SAMPLE_STREAM_ID);
    expect(one?.id).toBeGreaterThan(0n);
    expect(one?.streamId).toBeGreaterThan(0n);
    expect(sampled(PERF_SAMPLE_IDENTIFIER)[0]?.id).toBeGreaterThan(0n);
  });

  it('has the place where it was taken', () => {
    const [one] = sampled(PERF_SAMPLE_IP | PERF_SAMPLE_ADDR | PERF_SAMPLE_PERIOD | PERF_SAMPLE_CPU);
    expect([typeof one?.ip, typeof one?.addr, typeof one?.period]).toEqual(['bigint', 'bigint', 'bigint']);
  });

  it('has its callchain, and after it the payload', () => {
    for (const { callchain, pid } of sampled(PERF_SAMPLE_CALLCHAIN | PERF_SAMPLE_TID)) {
      expect(callchain?.length).toBeGreaterThan(0);
      // PERF_CONTEXT_KERNEL comes first: the program ran in a system call.
      expect(BigInt.asIntN(64, callchain?.[0] ?? 0n)).toBe(-128n);
      expect(pid).toBe(process.pid);
    }
  });

  it('has the counter’s value before its payload', () => {
    expect(sampled(PERF_SAMPLE_READ | PERF_SAMPLE_TID, { read_format: PERF_FORMAT_ID })[0]?.pid).toBe(
      process.pid,
    );
  });

  it('has them all at once', () => {
    const all =
      PERF_SAMPLE_IDENTIFIER |
      PERF_SAMPLE_IP |
      PERF_SAMPLE_TID |
      PERF_SAMPLE_TIME |
      PERF_SAMPLE_ADDR |
      PERF_SAMPLE_ID |
      PERF_SAMPLE_STREAM_ID |
      PERF_SAMPLE_CPU |
      PERF_SAMPLE_PERIOD |
      PERF_SAMPLE_READ |
      PERF_SAMPLE_CALLCHAIN;
    for (const fields of sampled(all)) {
      expect(Object.values(fields)).not.toContain(undefined);
      expect(fields.pid).toBe(process.pid);
      expect(fields.time as bigint).toBeLessThan(process.hrtime.bigint());
    }
  });

  it('is ordered by a time in its payload as well', () => {
    // The first word of a payload is its sequence number: each CPU's samples count from 0.
    using s = new ReaderScene({ order: 'time', timeInPayload: 0, slackNanoseconds: 0 });
    s.emitEverywhere(50);
    const times: bigint[] = [];
    s.reader.drain((record) => {
      s.check.visitor(record);
      expect(record.time).toBe(record.u64(0));
      times.push(record.time as bigint);
    });
    expect(times).toHaveLength(50 * CPUS.length);
    expect(times).toEqual([...times].sort((one, other) => Number(one - other)));
    s.expectExactAccounts();
  });
});

describeWith(SCENE_CAPABILITIES, 'a reader', () => {
  it('is ordered by time whatever its type: what explains a sample comes before it', async () => {
    using s = new ReaderScene({
      order: 'time',
      wakeup: 'manual',
      attributes: {
        sample_type: PERF_SAMPLE_TID,
        task: true,
        comm: true,
        comm_exec: true,
        mmap: true,
        mmap2: true,
      },
    });
    const types = new Map<number, number>();
    let latest = 0n;
    let untimed = 0;
    const decoded: PerfRecord[] = [];
    const visit = (record: RingRecord): void => {
      types.set(record.type, (types.get(record.type) ?? 0) + 1);
      if (record.time === undefined) untimed++;
      else if (!record.late) expect(record.time >= latest).toBe(true);
      if (!record.late && record.time !== undefined) latest = record.time;
      if (record.type !== PERF_RECORD_SAMPLE) decoded.push(record.decode());
    };
    for (let round = 0; round < 5; round++) {
      s.emitEverywhere(50);
      execFileSync('/bin/true');
      s.emitEverywhere(50);
      s.reader.drain({ sample: visit, other: visit });
    }
    // The newest records are held back for the slack.
    await setTimeout(20);
    s.reader.drain({ sample: visit, other: visit });
    expect(types.get(PERF_RECORD_SAMPLE)).toBe(5 * 100 * CPUS.length);
    expect(types.get(PERF_RECORD_MMAP2)).toBeGreaterThan(5);
    expect(untimed).toBe(0);
    // The records of a process are in order, even if it has moved between CPUs.
    const comm = decoded.find((record) => record.type === 'COMM' && record.comm === 'true');
    const pid = comm?.type === 'COMM' ? comm.pid : 0;
    const life = decoded.filter((record) => 'pid' in record && record.pid === pid).map(({ type }) => type);
    expect([life[0], life.at(-1)]).toEqual(['FORK', 'EXIT']);
    expect(life.indexOf('COMM')).toBeLessThan(life.indexOf('MMAP2'));
  });

  it('puts the record of a loss before the samples that follow it', async () => {
    using s = new ReaderScene({ order: 'time', wakeup: 'manual', bufferBytes: 16_384 });
    const seen: [number, bigint | undefined, boolean][] = [];
    for (let round = 0; round < 3; round++) {
      s.producer.emit(1000, { cpu: CPU });
      await setTimeout(20);
      const visit = (record: RingRecord): void => {
        seen.push([record.type, record.time, record.late]);
      };
      s.reader.drain({ sample: visit, other: visit });
    }
    const lost = seen.findIndex(([type]) => type === PERF_RECORD_LOST);
    expect(lost).toBeGreaterThan(0);
    // The kernel writes the record of a loss with the time of the sample after it.
    expect(seen[lost]?.[1]).toBe(seen[lost + 1]?.[1]);
    expect(seen.some(([, , late]) => late)).toBe(false);
  });

  /** What a drain delivers of one sample on one CPU, while this thread runs on a given one. */
  function dueOn(readersCpu: number, options: PerfMapReaderOptions): number {
    const native = addon();
    const before = native.getThreadAffinity() as number[];
    using s = new ReaderScene({ order: 'time', slackNanoseconds: 1e12, wakeup: 'manual', ...options });
    s.producer.emit(1, { cpu: CPU });
    try {
      native.setThreadAffinity([readersCpu]);
      return s.reader.drain(() => undefined);
    } finally {
      native.setThreadAffinity(before);
    }
  }
  const [, OTHER] = CPUS;
  const ifTwo = OTHER === undefined ? it.skip : it;

  ifTwo('is not held back in time order by the ring of the CPU that it runs on', () => {
    const cpus = [CPU, OTHER as number];
    expect(dueOn(OTHER as number, { cpus })).toBe(1);
    expect(dueOn(CPU, { cpus })).toBe(0);
  });

  it('asks for its CPU only in time order by PERF_SAMPLE_TIME: programs can be preempted between two helpers', () => {
    const asked = (options: PerfMapReaderOptions): boolean => {
      const steered = new SteeredNative();
      using s = new ReaderScene({ wakeup: 'manual', ...options }, {}, steered.native);
      s.reader.drain(() => undefined);
      return steered.calls.has('currentCpu');
    };
    expect(asked({ order: 'time' })).toBe(true);
    expect(asked({ order: 'time', timeInPayload: 0 })).toBe(false);
    expect(asked({})).toBe(false);
  });

  it('publishes what it does on diagnostics channels', () => {
    const names = ['open', 'close', 'loss', 'fault', 'swap', 'cpu'];
    const told: [string, Record<string, unknown>][] = [];
    const listeners = names.map((name) => {
      const listen = (message: unknown): void => {
        told.push([name, message as Record<string, unknown>]);
      };
      subscribe(`perfring:${name}`, listen);
      return () => unsubscribe(`perfring:${name}`, listen);
    });
    try {
      using s = new ReaderScene({ wakeup: 'manual', bufferBytes: 4096 });
      s.producer.emit(100, { cpu: CPU });
      const { lost } = s.reader.stats().total;
      s.reader.drain(() => undefined);
      void s.reader.close();
      expect(told.map(([name, message]) => [name, message['reader'] === s.reader])).toEqual([
        ['open', true],
        ['loss', true],
        ['close', true],
      ]);
      expect(told[0]?.[1]['cpus']).toEqual(CPUS);
      expect(told[1]?.[1]).toMatchObject({ cpu: CPU, lost, total: lost, ringTooSmall: false });
      expect(told[2]?.[1]['stats']).toEqual(s.reader.stats());
    } finally {
      for (const end of listeners) end();
    }
  });

  it('reports samples above 64 KiB', () => {
    const told: unknown[] = [];
    const listen = (message: unknown): void => {
      const { kind, cpu } = message as Record<string, unknown>;
      told.push([kind, cpu]);
    };
    subscribe('perfring:fault', listen);
    try {
      using s = new ReaderScene({ wakeup: 'manual', bufferBytes: 1 << 20 }, { sizes: [70_000] });
      s.producer.emit(2, { cpu: CPU });
      s.reader.drain(() => undefined);
      expect(told).toEqual(Array(2).fill(['truncated', CPU]));
    } finally {
      unsubscribe('perfring:fault', listen);
    }
  });

  it('has its counts as metrics', () => {
    using s = new ReaderScene({ bufferBytes: 4096, wakeup: 'manual' });
    s.producer.emit(100, { cpu: CPU });
    s.reader.drain(s.check.visitor);
    const text = formatOpenMetrics(s.reader.metrics());
    const { received, lost, bytes, highWaterBytes } =
      s.reader.stats().cpus.find((one) => one.cpu === CPU) ?? {};
    expect(received).toBe(s.check.received(CPU));
    for (const line of [
      `perfring_received_samples_total{cpu="${CPU}"} ${received}`,
      `perfring_lost_samples_total{cpu="${CPU}"} ${lost}`,
      `perfring_received_bytes_total{cpu="${CPU}"} ${bytes}`,
      `perfring_ring_high_water_bytes{cpu="${CPU}"} ${highWaterBytes}`,
      `perfring_ring_capacity_bytes{cpu="${CPU}"} 4096`,
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    // 63 records of 64 bytes: the kernel never fills a ring to its last byte.
    expect([highWaterBytes, bytes]).toEqual([63 * 64, 63 * 64]);
  });
});
