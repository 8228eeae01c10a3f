import { PERF_RECORD_LOST, PERF_RECORD_SAMPLE } from '../../../lib/abi/perf-event';
import { addon } from '../../../lib/addon/load';
import { PerfEventArray } from '../../../lib/bpf/perf-event-array';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { ProducerProcess } from '../../support/producer-process';
import { RemoteSampleProducer, SampleProducer } from '../../support/producers';
import { RawRings } from '../../support/raw-rings';
import { isExpectedPayload, LARGEST_PAYLOAD_BYTES, sequenceOf } from '../../support/sample-payload';

afterAll(expectNothingLeft);

describeWith(['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN', 'CAP_SYS_ADMIN'], 'the producers of tests', () => {
  let array: PerfEventArray;
  let rings: RawRings;

  beforeEach(() => {
    array = PerfEventArray.create();
    rings = new RawRings(array);
  });

  afterEach(() => {
    rings.close();
    array.close();
  });

  it('emit exactly the samples asked for, on the right CPU, with the right bytes', () => {
    const sizes = [8, 9, 16, 48, 64, 1000];
    using producer = new SampleProducer(array, { sizes });
    const affinity = addon().getThreadAffinity();
    for (const cpu of rings.cpus) {
      producer.emit(500, { cpu });
      const records = rings.drain();
      expect(records).toHaveLength(500);
      records.forEach((record, sequence) => {
        expect([record.cpu, record.type]).toEqual([cpu, PERF_RECORD_SAMPLE]);
        expect(isExpectedPayload(record.payload, sequence, sizes[sequence % sizes.length] as number)).toBe(
          true,
        );
      });
      expect(producer.counts(cpu)).toEqual({ emitted: 500, failed: {}, failedTotal: 0 });
    }
    expect(producer.counts().emitted).toBe(500 * rings.cpus.length);
    expect(addon().getThreadAffinity()).toEqual(affinity);
  });

  it('write payloads shorter than a sequence number, down to none', () => {
    using producer = new SampleProducer(array, { sizes: [0, 1, 7] });
    const [cpu = 0] = rings.cpus;
    producer.emit(6, { cpu });
    const records = rings.drain();
    expect(records.map((record) => record.payload.length)).toEqual([4, 4, 12, 4, 4, 12]);
    records.forEach((record, sequence) => {
      expect(isExpectedPayload(record.payload, sequence, [0, 1, 7][sequence % 3] as number)).toBe(true);
    });
  });

  it('write the largest payload that a record holds', () => {
    using producer = new SampleProducer(array, { sizes: [65_516] });
    const [cpu = 0] = rings.cpus;
    producer.emit(3, { cpu });
    const records = rings.drain();
    expect(records.map((record) => isExpectedPayload(record.payload, 0, 65_516))).toEqual([
      true,
      false,
      false,
    ]);
    expect(records.map((record) => sequenceOf(record.payload))).toEqual([0, 1, 2]);
  });

  it('write payloads above 64 KiB without an error, because the kernel allows it', () => {
    using producer = new SampleProducer(array, { sizes: [70_000, LARGEST_PAYLOAD_BYTES] });
    const [cpu = 0] = rings.cpus;
    producer.emit(2, { cpu });
    expect(producer.counts(cpu)).toEqual({ emitted: 2, failed: {}, failedTotal: 0 });
  });

  it('count samples that a full ring lost, as the kernel does', () => {
    using producer = new SampleProducer(array, { sizes: [1000] });
    const [cpu = 0] = rings.cpus;
    producer.emit(1000, { cpu });
    const received = rings.drain().length;
    const { emitted, failed } = producer.counts(cpu);
    expect(emitted).toBe(1000);
    expect(received).toBeGreaterThan(0);
    expect(failed).toEqual({ ENOSPC: 1000 - received });
    expect(rings.lostOn(cpu)).toBe(1000 - received);

    producer.emit(1, { cpu });
    const [lost, sample] = rings.drain();
    expect(lost?.type).toBe(PERF_RECORD_LOST);
    expect(isExpectedPayload(sample?.payload ?? new Uint8Array(), 1000, 1000)).toBe(true);
  });

  it('count samples for a CPU whose slot is empty', () => {
    using producer = new SampleProducer(array);
    const [cpu = 0] = rings.cpus;
    array.clear(cpu);
    producer.emit(10, { cpu });
    expect(producer.counts(cpu)).toEqual({ emitted: 10, failed: { ENOENT: 10 }, failedTotal: 10 });
  });

  it('change sizes between runs', () => {
    using producer = new SampleProducer(array, { sizes: [12] });
    const [cpu = 0] = rings.cpus;
    producer.emit(1, { cpu });
    producer.setSizes([20]);
    producer.emit(1, { cpu });
    expect(rings.drain().map((record) => record.payload.length)).toEqual([12, 20]);
  });

  it('refuse a CPU that does not exist', () => {
    using producer = new SampleProducer(array);
    const nowhere = array.info.maxEntries;
    expect(() => producer.emit(1, { cpu: nowhere })).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });

  it('emit one sample on a named CPU from any other', () => {
    using producer = new RemoteSampleProducer(array, { sizes: [24] });
    for (const cpu of rings.cpus) {
      producer.emitOne({ cpu });
      producer.emitOne({ cpu });
      const records = rings.drain();
      expect(records.map((record) => record.cpu)).toEqual([cpu, cpu]);
      expect(records.map((record) => isExpectedPayload(record.payload, 0, 24))).toEqual([true, false]);
      expect(records.map((record) => sequenceOf(record.payload))).toEqual([0, 1]);
    }
  });

  it('emit from a process of their own while this one reads', async () => {
    const cpu = rings.cpus.at(-1) ?? 0;
    const producer = await ProducerProcess.spawn({ mapId: array.info.id, cpu, sizes: [40], count: 2000 });
    try {
      producer.start();
      const report = await producer.finished();
      expect(report).toMatchObject({ emitted: 2000, failed: {}, failedTotal: 0 });
      expect(rings.drain().every((record, sequence) => isExpectedPayload(record.payload, sequence, 40))).toBe(
        true,
      );
    } finally {
      producer.kill();
    }
  });

  it('emit at a rate until they are stopped', async () => {
    const [cpu = 0] = rings.cpus;
    const producer = await ProducerProcess.spawn({ mapId: array.info.id, cpu, rate: 1000 });
    try {
      producer.start();
      let received = 0;
      while (received < 20) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        received += rings.drain().length;
      }
      const report = await producer.stop();
      received += rings.drain().length;
      expect(report.failedTotal).toBe(0);
      expect(received).toBe(report.emitted);
    } finally {
      producer.kill();
    }
  });
});
