import * as kernel from '../../../lib/abi/perf-event';
import { PERF_RECORD_LOST, PERF_SAMPLE_TIME } from '../../../lib/abi/perf-event';
import { addon } from '../../../lib/addon/load';
import { PerfEventArray } from '../../../lib/bpf/perf-event-array';
import type { PerfEvent } from '../../../lib/events/perf-event';
import { MmapRingStorage, type MmapRingStorageOptions } from '../../../lib/storage/mmap-ring-storage';
import { decodeRecord } from '../../../lib/records/perf-record';
import { collectGarbage, expectNothingLeft, takeLedger } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { SampleProducer } from '../../support/producers';
import { CPUS, SCENE_CAPABILITIES } from '../../support/reader-scene';
import { codeOf } from '../../support/ring-errors';
import { SampleCheck } from '../../support/sample-check';

afterAll(expectNothingLeft);

const [CPU = 0] = CPUS;

class Scene implements Disposable {
  readonly array = PerfEventArray.create();
  readonly producer: SampleProducer;
  readonly storage: MmapRingStorage;
  readonly check: SampleCheck;

  constructor(options: Partial<MmapRingStorageOptions> = {}, sizes: readonly number[] = [48]) {
    this.check = new SampleCheck(sizes);
    this.producer = new SampleProducer(this.array, { sizes });
    this.storage = MmapRingStorage.open({ cpu: CPU, dataPageCount: 4, ...options });
    this.array.set(CPU, this.storage.event);
  }

  /** Reads one batch. @returns the number of records */
  read(): number {
    const { ring } = this.storage;
    ring.startReadBatch();
    const visited = ring.visit(this.check.visitor, { other: () => undefined });
    ring.finishReadBatch();
    return visited;
  }

  [Symbol.dispose](): void {
    this.storage.close();
    this.producer.close();
    this.array.close();
  }
}

describeWith(SCENE_CAPABILITIES, 'MmapRingStorage', () => {
  it('is a ring that the kernel writes', () => {
    using s = new Scene({}, [8, 100, 33]);
    expect([s.storage.ring.capacityBytes, s.storage.pageSize, s.storage.dataPageCount]).toEqual([
      4 * addon().pageSize(),
      addon().pageSize(),
      4,
    ]);
    expect(s.storage.fileDescriptor).toBeGreaterThan(2);
    expect(s.storage.copies).toBe(false);
    // The ring is filled several times, so that records and headers come to lie at many offsets.
    for (let round = 0; round < 300; round++) {
      s.producer.emit(50, { cpu: CPU });
      expect(s.read()).toBe(50);
    }
    expect(s.check.errors).toEqual([]);
    expect(s.storage.event.readLost()).toBe(0);
  });

  it('is read on where data_head passes 4 GiB, and the low word of it starts anew', () => {
    const size = 65_516;
    using s = new Scene({ dataPageCount: 256 }, [size]);
    const atOnce = 15;
    const records = Math.ceil(2 ** 32 / (size + 12)) + 2 * atOnce;
    let read = 0;
    let expected = 0;
    const wrong: number[] = [];
    const { ring } = s.storage;
    while (read < records) {
      s.producer.emit(atOnce, { cpu: CPU });
      ring.startReadBatch();
      read += ring.visit((record) => {
        // All bytes are checked only around 4 GiB. Checking all records would take a minute.
        if (records - expected < 4 * atOnce) s.check.visitor(record);
        else if (record.u64AsNumber(0) !== expected) wrong.push(expected);
        expected++;
      });
      ring.finishReadBatch();
    }
    expect([s.check.errors, wrong, s.storage.event.readLost()]).toEqual([[], [], 0]);
    expect(new DataView(s.storage.unsafeMemory).getUint32(1036, true)).toBe(1);
  });

  it('counts what was lost, at once and by a record', () => {
    using s = new Scene({ dataPageCount: 1 });
    s.producer.emit(1000, { cpu: CPU });
    const { failedTotal } = s.producer.counts(CPU);
    expect(s.storage.event.readLost()).toBe(failedTotal);
    s.read();
    s.producer.emit(1, { cpu: CPU });
    const { ring } = s.storage;
    ring.startReadBatch();
    expect([ring.peekType(), ring.peek()?.lost]).toEqual([PERF_RECORD_LOST, failedTotal]);
    ring.finishReadBatch();
    expect(s.storage.event.readLost()).toBe(failedTotal);
  });

  it('refuses samples while its output is paused, and counts them', () => {
    using s = new Scene();
    s.storage.event.pauseOutput(true);
    s.producer.emit(5, { cpu: CPU });
    s.storage.event.pauseOutput(false);
    s.producer.emit(2, { cpu: CPU });
    expect(s.storage.event.readLost()).toBe(5);
  });

  it('cannot be written', () => {
    using s = new Scene();
    const { ring } = s.storage;
    expect(codeOf(() => ring.startWriteBatch())).toBe('ERR_PERF_READ_ONLY');
  });

  it('has the fields that are asked for', () => {
    using s = new Scene({ attributes: { sample_type: PERF_SAMPLE_TIME } });
    s.producer.emit(1, { cpu: CPU });
    s.storage.ring.startReadBatch();
    const record = s.storage.ring.peek();
    expect(record?.time).toBeLessThanOrEqual(process.hrtime.bigint());
    expect([record?.cpu, s.storage.format.timeOffset]).toEqual([CPU, 8]);
    s.storage.ring.finishReadBatch();
  });

  it('distinguishes a wrong argument from a closed ring', () => {
    using s = new Scene();
    const { storage } = s;
    const uses: (() => unknown)[] = [
      // The ring is not in overwrite mode, and the target is too short.
      () => storage.snapshot(new Uint8Array(storage.dataPageCount * storage.pageSize)),
      () => storage.snapshot(new Uint8Array(8)),
      () => storage.event.pauseOutput('yes' as never),
    ];
    expect(uses.map(codeOf)).toEqual(uses.map(() => 'ERR_PERF_INVALID_ARGUMENT'));
    storage.close();
    const afterClose: (() => unknown)[] = [
      () => storage.snapshot(new Uint8Array(8)),
      () => storage.event.pauseOutput(true),
      () => storage.fileDescriptor,
      () => storage.event.fileDescriptor,
    ];
    expect(afterClose.map(codeOf)).toEqual(afterClose.map(() => 'ERR_PERF_CLOSED'));
  });

  it('takes any event, whose samples have no payload', () => {
    const { PERF_SAMPLE_TID, PERF_SAMPLE_CALLCHAIN, PERF_SAMPLE_CGROUP } = kernel;
    using storage = MmapRingStorage.open({
      cpu: -1,
      pid: 0,
      dataPageCount: 64,
      attributes: {
        type: kernel.PERF_TYPE_SOFTWARE,
        config: kernel.PERF_COUNT_SW_CPU_CLOCK,
        sample_period: 100_000,
        exclude_kernel: true,
        context_switch: true,
        sample_type: PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CALLCHAIN | PERF_SAMPLE_CGROUP,
      },
    });
    expect(storage.format.sampleType & kernel.PERF_SAMPLE_RAW).toBe(0);
    let samples = 0;
    let switches = 0;
    while (samples < 20) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      const { ring } = storage;
      ring.startReadBatch();
      ring.visit((record) => {
        expect(record.pid).toBe(process.pid);
        expect(record.time).toBeLessThanOrEqual(process.hrtime.bigint());
        const decoded = record.decode();
        expect(decodeRecord(record.recordBytes(), storage.format)).toEqual(decoded);
        if (decoded.type === 'SAMPLE') {
          samples++;
          expect([record.size, record.bytes()]).toEqual([0, new Uint8Array(0)]);
          expect(record.callchain()?.[0]).toBe(kernel.PERF_CONTEXT_USER);
          expect(record.cgroup).toBeGreaterThan(0n);
        } else if (decoded.type !== 'LOST') {
          // On a machine under load the ring can become full.
          switches++;
          expect(decoded).toMatchObject({
            type: 'SWITCH',
            sampleId: { pid: process.pid, time: record.time },
          });
        }
      });
      ring.finishReadBatch();
    }
    expect(switches).toBeGreaterThan(0);
  });

  it('is closed for good, inside a visitor too, and again', () => {
    using s = new Scene();
    s.producer.emit(3, { cpu: CPU });
    const { storage } = s;
    storage.ring.startReadBatch();
    let seen = 0;
    storage.ring.visit((record) => {
      seen++;
      storage.close();
      expect(codeOf(() => record.u8(0))).toBe('ERR_PERF_OUT_OF_RANGE');
    });
    expect(seen).toBe(1);
    storage.close();
    storage[Symbol.dispose]();
    expect([storage.closed, storage.ring.closed, storage.unsafeMemory.byteLength]).toEqual([true, true, 0]);
    expect(codeOf(() => storage.ring.startReadBatch())).toBe('ERR_PERF_CLOSED');
    expect(codeOf(() => storage.event.readLost())).toBe('ERR_PERF_CLOSED');
    expect(codeOf(() => storage.snapshot(new Uint8Array(8)))).toBe('ERR_PERF_CLOSED');
  });

  it('opens both the event and the mapping, or neither', () => {
    const before = takeLedger();
    for (const options of [
      { cpu: 60_000, dataPageCount: 1 },
      { cpu: -1, dataPageCount: 1 },
      { cpu: 1.5, dataPageCount: 1 },
      { cpu: CPU, dataPageCount: 2 ** 40 },
      { cpu: CPU, dataPageCount: 1, attributes: { sample_type: 4, clockid: 99 } },
      { cpu: CPU, dataPageCount: 1, timeInPayload: 1 },
      { cpu: CPU, dataPageCount: 1, pid: 2 ** 22 + 5 },
    ]) {
      expect(codeOf(() => MmapRingStorage.open(options))).toMatch(/^(ERR_PERF_|E[A-Z]+$)/);
    }
    expect(takeLedger().handles.perfEvents).toBe(before.handles.perfEvents);
  });

  it('is collected with everything it holds when nobody closes it', async () => {
    await collectGarbage();
    await collectGarbage();
    const before = takeLedger();
    for (let round = 0; round < 20; round++) MmapRingStorage.open({ cpu: CPU, dataPageCount: 1 });
    for (let round = 0; round < 10 && takeLedger().ringMappings > before.ringMappings; round++) {
      await collectGarbage();
    }
    expect(takeLedger().ringMappings).toBeLessThanOrEqual(before.ringMappings);
    expect(takeLedger().descriptors).toEqual(before.descriptors);
  });

  it('leaves nothing behind after a thousand rings', () => {
    const before = takeLedger();
    for (let round = 0; round < 1000; round++) {
      MmapRingStorage.open({ cpu: CPUS[round % CPUS.length] as number, dataPageCount: 1 }).close();
    }
    expect(takeLedger().descriptors).toEqual(before.descriptors);
  });
});

describeWith(SCENE_CAPABILITIES, 'the event of a storage', () => {
  const clock = { type: kernel.PERF_TYPE_SOFTWARE, config: kernel.PERF_COUNT_SW_TASK_CLOCK };
  /** Uses the CPU until the event has counted this many more nanoseconds. */
  const runUntilCounted = (event: PerfEvent, nanoseconds: bigint): void => {
    for (const from = event.read().value; event.read().value - from < nanoseconds; );
  };

  it('that was opened disabled counts and samples once it is enabled, and not before or after', () => {
    const attributes = { ...clock, disabled: true, sample_period: 100_000 };
    using storage = MmapRingStorage.open({ cpu: -1, pid: 0, dataPageCount: 4, attributes });
    const { event, ring } = storage;
    expect([event.read().value, ring.availableBytes()]).toEqual([0n, 0]);
    event.enable();
    runUntilCounted(event, 2_000_000n);
    expect(ring.availableBytes()).toBeGreaterThan(0);
    event.disable();
    const { value } = event.read();
    expect(event.read().value).toBe(value);
    event.reset();
    expect(event.read().value).toBe(0n);
  });

  it('has the id that read_format requests', () => {
    const attributes = { ...clock, read_format: kernel.PERF_FORMAT_ID };
    using storage = MmapRingStorage.open({ cpu: -1, pid: 0, dataPageCount: 1, attributes });
    expect(BigInt(storage.event.id)).toBe(storage.event.read().id);
    expect(storage.event.id).toBeGreaterThan(0);
  });

  it('samples at a frequency', () => {
    const attributes = { ...clock, freq: true, sample_freq: 4000 };
    using storage = MmapRingStorage.open({ cpu: -1, pid: 0, dataPageCount: 4, attributes });
    runUntilCounted(storage.event, 20_000_000n);
    expect(storage.ring.availableBytes()).toBeGreaterThan(0);
  });

  it('says that it was closed', () => {
    const storage = MmapRingStorage.open({ cpu: CPU, dataPageCount: 1 });
    const { event } = storage;
    storage.close();
    for (const call of [
      () => event.enable(),
      () => event.disable(),
      () => event.reset(),
      () => event.read(),
      () => event.id,
    ]) {
      expect(codeOf(call)).toBe('ERR_PERF_CLOSED');
    }
  });
});
