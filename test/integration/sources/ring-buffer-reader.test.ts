import { setImmediate as nextTurn, setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP } from '../../../lib/abi/bpf';
import { RingBufferMap } from '../../../lib/bpf/ring-buffer-map';
import type { RecordBatch } from '../../../lib/delivery/record-batch';
import { type RingRecord, STOP } from '../../../lib/records/record';
import type { RingBufferReaderOptions } from '../../../lib/sources/ring-buffer-options';
import { RingBufferReader } from '../../../lib/sources/ring-buffer-reader';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { RingBufferScene } from '../../support/ring-buffer-scene';
import { until } from '../../support/until';
import { caughtWarnings } from '../../support/warnings';

const code = (name: string): Error => expect.objectContaining({ code: name }) as Error;

afterAll(expectNothingLeft);

describeWith(['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_SYS_ADMIN'], 'RingBufferReader', () => {
  const warnings = caughtWarnings();

  describe.each([false, true])('reads what programs wrote (by bpf_ringbuf_reserve: %s)', (reserves) => {
    it('by drain(), each record once, in order and exactly as long', () => {
      using s = new RingBufferScene({ reserves, size: 44 }, { wakeup: 'manual' });
      for (let round = 0; round < 50; round++) {
        s.producer.emit(997);
        expect(s.reader.drain(s.check)).toBe(997);
      }
      s.expectAll(50 * 997);
      expect(s.sizes).toEqual(new Set([44]));
      expect(s.reader.stats()).toMatchObject({ received: 49_850, bytes: 49_850 * 56, corrupt: 0, shared: 0 });
    });

    it('by batches', async () => {
      using s = new RingBufferScene({ reserves });
      const reading = s.readBatches();
      for (let round = 0; round < 20; round++) {
        s.producer.emit(100);
        await nextTurn();
      }
      await s.reader.flush();
      await s.reader.close({ drain: true });
      await reading;
      s.expectAll(2000);
    });
  });

  it('steps over discarded records', () => {
    using s = new RingBufferScene({ reserves: true, discardMask: 1 }, { wakeup: 'manual' });
    s.producer.emit(1000);
    expect(s.reader.drain((record) => void s.numbers.push(record.u64AsNumber(0)))).toBe(500);
    expect(s.numbers).toEqual(Array.from({ length: 500 }, (_, i) => 2 * i));
  });

  it('by read(), by readable(), and by iterating', async () => {
    using s = new RingBufferScene();
    s.producer.emit(1);
    expect((await s.reader.read())?.u64AsNumber(0)).toBe(0);
    expect(await s.reader.read({ timeoutMilliseconds: 1 })).toBeNull();
    const later = s.reader.read();
    await setTimeout(5);
    s.producer.emit(3);
    expect((await later)?.u64AsNumber(0)).toBe(1);
    const stream = s.reader.readable();
    for await (const record of stream) {
      s.numbers.push(record.u64AsNumber(0));
      if (s.numbers.length === 2) break;
    }
    expect(s.numbers).toEqual([2, 3]);
    s.producer.emit(2);
    for await (const batch of s.reader) {
      expect([...batch].length).toBe(2);
      break;
    }
    expect(s.reader.stats().received).toBe(6);
  });

  it('lends records that have a payload alone', () => {
    using s = new RingBufferScene({}, { wakeup: 'manual' });
    s.producer.emit(1);
    let kept: RingRecord | undefined;
    s.reader.drain((record) => {
      kept = record;
      expect([record.cpu, record.type, record.time, record.pid, record.misc, record.size]).toEqual([
        -1,
        9,
        undefined,
        undefined,
        0,
        44,
      ]);
      expect(() => record.decode()).toThrow(code('ERR_PERF_NOT_SUPPORTED'));
      expect(() => record.recordBytes()).toThrow(code('ERR_PERF_NOT_SUPPORTED'));
      expect(record.bytes().length).toBe(44);
    });
    expect(() => kept?.u8(0)).toThrow(code('ERR_PERF_OUT_OF_RANGE'));
  });

  it('keeps within limits and ends with STOP', () => {
    using s = new RingBufferScene({}, { wakeup: 'manual' });
    s.producer.emit(100);
    expect(s.reader.drain(s.check, { records: 7 })).toBe(7);
    const one = (record: RingRecord): typeof STOP => {
      s.check(record);
      return STOP;
    };
    expect(s.reader.drain(one)).toBe(1);
    expect(s.reader.drain(s.check)).toBe(92);
    s.expectAll(100);
  });

  it('says that what was lost is unknown, not 0', () => {
    using s = new RingBufferScene({}, { wakeup: 'manual' }, 4096);
    s.producer.emit(1000);
    expect(s.producer.counts.full).toBe(1000 - 73);
    expect(s.reader.drain(() => {})).toBe(73);
    expect(s.reader.stats()).toMatchObject({ received: 73, lost: undefined });
    const metrics = s.reader.metrics({ reader: 'calls' });
    const samplesOf = (family: string) => metrics.find(({ name }) => name === family)?.samples;
    expect(samplesOf('perfring_received_samples')).toEqual([{ labels: { reader: 'calls' }, value: 73 }]);
    expect(samplesOf('perfring_ring_capacity_bytes')).toEqual([{ labels: { reader: 'calls' }, value: 4096 }]);
    expect(samplesOf('perfring_lost_samples')).toBeUndefined();
  });

  it('continues where the previous reader ended, also in the middle of a batch', () => {
    using s = new RingBufferScene({}, { wakeup: 'manual' });
    s.producer.emit(100);
    s.reader.drain((record) => {
      s.check(record);
      if (s.numbers.length === 40) void s.reader.close();
    });
    expect(s.numbers.length).toBe(40);
    using next = RingBufferReader.open(s.map, { wakeup: 'manual' });
    expect(next.drain(s.check)).toBe(60);
    s.expectAll(100);
  });

  it('notices another reader of the map, and warns once', () => {
    using s = new RingBufferScene({}, { wakeup: 'manual' });
    using other = RingBufferReader.open(s.map, { wakeup: 'manual' });
    for (let round = 0; round < 3; round++) {
      s.producer.emit(10);
      expect(other.drain(() => {})).toBe(10);
      expect(s.reader.drain(() => {})).toBe(0);
    }
    expect([s.reader.stats().shared, other.stats().shared]).toEqual([3, 0]);
    expect(warnings).toEqual([expect.stringContaining(`ring buffer map ${s.map.info.id}`)]);
  });

  it.each([
    ['nothing', undefined],
    ['a look-alike', Object.create(RingBufferMap.prototype)],
  ])('is not opened on %s', (_what, map) => {
    expect(() => RingBufferReader.open(map as RingBufferMap)).toThrow(code('ERR_PERF_INVALID_ARGUMENT'));
  });

  it('is not opened on a map that was closed', () => {
    const map = RingBufferMap.create({ capacityBytes: 4096 });
    map.close();
    expect(() => RingBufferReader.open(map)).toThrow(code('ERR_PERF_CLOSED'));
  });

  it.each<[unknown]>([
    [{ wakeup: 'sometimes' }],
    [{ wakeup: { everyEvents: 2 } }],
    [{ wakeup: { everyBytes: 8 } }],
    [{ wakeup: null }],
    [{ latencyMicroseconds: 1 }],
    [{ latencyMicroseconds: 100, wakeup: 'manual' }],
    [{ turn: { records: 0 } }],
    [{ cpus: [0] }],
  ])('refuses %j', (options) => {
    using map = RingBufferMap.create({ capacityBytes: 4096 });
    expect(() => RingBufferReader.open(map, options as RingBufferReaderOptions)).toThrow(
      code('ERR_PERF_INVALID_OPTION'),
    );
  });

  it('cannot be used after close, and closes twice', async () => {
    using s = new RingBufferScene();
    await s.reader.close();
    await s.reader.close();
    expect(s.reader.closed).toBe(true);
    expect(() => s.reader.drain(() => {})).toThrow(code('ERR_PERF_CLOSED'));
    expect(() => s.reader.batches()).toThrow(code('ERR_PERF_CLOSED'));
    expect(() => s.reader.pause()).toThrow(code('ERR_PERF_CLOSED'));
    expect(s.reader.stats().received).toBe(0);
  });

  it('ends its loop when it is closed, and releases the batch', async () => {
    using s = new RingBufferScene();
    let held: RecordBatch | undefined;
    const reading = (async () => {
      for await (const batch of s.reader) held = batch;
    })();
    s.producer.emit(5);
    await until(() => held !== undefined, 'a batch');
    await s.reader.close();
    await reading;
    expect(() => held?.forEach(() => {})).toThrow(code('ERR_PERF_CLOSED'));
  });

  it('delivers the rest to the consumer before it closes, and none without one', async () => {
    using s = new RingBufferScene({}, { turn: { records: 10 } });
    s.producer.emit(5);
    await s.reader.close({ drain: true });
    expect(s.reader.stats().received).toBe(0);
    using next = RingBufferReader.open(s.map, { turn: { records: 10 } });
    const reading = (async () => {
      for await (const batch of next) batch.forEach(s.check);
    })();
    s.producer.emit(995);
    await Promise.all([next.close({ drain: true }), next.close({ drain: true })]);
    await reading;
    s.expectAll(1000);
  });

  it('closes when its consumer leaves while it drains', async () => {
    using s = new RingBufferScene({}, { turn: { records: 10 } });
    s.producer.emit(100);
    for await (const batch of s.reader) {
      batch.forEach(s.check);
      void s.reader.close({ drain: true });
      break;
    }
    await until(() => s.reader.closed, 'the close');
    s.expectAll(10);
  });

  it('delivers nothing while it is paused, but to drain()', async () => {
    using s = new RingBufferScene();
    const reading = s.readBatches();
    s.reader.pause();
    s.producer.emit(10);
    await setTimeout(120);
    expect([s.numbers.length, s.reader.paused]).toEqual([0, true]);
    const flushed = s.reader.flush();
    s.reader.resume();
    await flushed;
    s.expectAll(10);
    await s.reader.close();
    await reading;
  });

  describe('waking', () => {
    it.each<[string, RingBufferReaderOptions, number]>([
      ['moderated', {}, 0],
      ['by each record', { wakeup: { everyEvents: 1 } }, 0],
      ['moderated, where programs say NO_WAKEUP', {}, BPF_RB_NO_WAKEUP],
      ['moderated, where programs say FORCE_WAKEUP', {}, BPF_RB_FORCE_WAKEUP],
    ])('%s: strands no record, slow or fast', async (_what, options, flags) => {
      using s = new RingBufferScene({}, options);
      const reading = s.readBatches();
      for (const count of [1, 1, 1, 50, 500, 500, 500, 1, 1]) {
        s.producer.emit(count, flags);
        const { emitted } = s.producer.counts;
        await until(() => s.numbers.length === emitted, `record ${emitted}`);
      }
      await s.reader.close({ drain: true });
      await reading;
      s.expectAll(1555);
    });

    it('turns to the timer under load, and back when it is over', async () => {
      using s = new RingBufferScene();
      const reading = s.readBatches();
      for (let round = 1; round <= 5; round++) {
        await until(() => {
          if (s.reader.stats().switches < round * 2 - 1) s.producer.emit(200);
          return s.reader.stats().switches === round * 2;
        }, 'the timer, and waking again');
      }
      await s.reader.close({ drain: true });
      await reading;
      s.expectAll(s.producer.counts.emitted);
    });
  });

  it('strands, loses and doubles no record while a program on another CPU writes and waking is switched', async () => {
    using s = new RingBufferScene({}, { latencyMicroseconds: 50 }, 1024 * 1024);
    const worker = new Worker(require.resolve('../../support/ring-buffer-flood.cjs'), {
      workerData: { mapId: s.map.info.id, milliseconds: 3000 },
    });
    const emitted = new Promise<number>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    const reading = s.readBatches();
    const total = await emitted;
    await new Promise((resolve) => worker.once('exit', resolve));
    await until(() => s.numbers.length >= total, `record ${total} of ${s.numbers.length}`);
    expect(s.reader.stats().switches).toBeGreaterThan(20);
    await s.reader.close({ drain: true });
    await reading;
    s.expectAscending(total);
  });
});
