import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import type { LossReport, PerfMapReaderOptions, Wakeup } from '../../../lib/perf-array/options';
import { errnoNumber } from '../../../lib/abi/errno';
import { PERF_RECORD_EXIT, PERF_RECORD_LOST, PERF_RECORD_SWITCH_CPU_WIDE } from '../../../lib/abi/perf-event';
import { addon, withAddon } from '../../../lib/addon/load';
import { PerfEventArray } from '../../../lib/bpf/perf-event-array';
import { PerfMapReader } from '../../../lib/perf-array/perf-map-reader';
import { Flood } from '../../support/flood';
import { SampleProducer } from '../../support/producers';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { CPUS, ReaderScene, SCENE_CAPABILITIES } from '../../support/reader-scene';
import { MAKES_CODE_FROM_STRINGS } from '../../support/code-from-strings';
import { until } from '../../support/until';

afterAll(expectNothingLeft);

const WAKEUPS: readonly Wakeup[] = [
  'moderated',
  { everyEvents: 1 },
  { everyEvents: 7 },
  { everyBytes: 2048 },
];
const MODES = WAKEUPS.flatMap((wakeup) => [
  { wakeup, order: 'cpu' as const },
  { wakeup, order: 'time' as const },
]);
const PAGE = 4096;

/** A reader of rings of one page that is never woken, and the losses that it reports. */
function smallScene(): { readonly scene: ReaderScene; readonly reports: LossReport[] } {
  const reports: LossReport[] = [];
  const onLoss = (report: LossReport) => reports.push(report);
  return { scene: new ReaderScene({ bufferBytes: PAGE, wakeup: 'manual', onLoss }), reports };
}

describeWith(SCENE_CAPABILITIES, 'the accounts of a reader', () => {
  it.each(MODES)('are exact over many samples on each CPU, every byte of them right: %j', async (mode) => {
    const each = mode.wakeup === 'moderated' ? 100_000 : 30_000;
    using scene = new ReaderScene({ ...mode, bufferBytes: 64 * PAGE }, { sizes: [8, 9, 48, 100, 63, 64] });
    const { reader, check } = scene;
    const burst = 1000;
    scene.emitEverywhere(burst);
    let emitted = burst;
    for await (const batch of reader) {
      batch.forEach(check.visitor);
      if (check.received() < emitted * CPUS.length) continue;
      if (emitted === each) break;
      scene.emitEverywhere(burst);
      emitted += burst;
    }
    scene.expectExactAccounts();
    const { total, loops } = reader.stats();
    expect(total).toMatchObject({ received: each * CPUS.length, lost: 0 });
    // Each record is counted for exactly one kind of loop, and the visitor was used long enough for a specialised loop.
    expect(loops.own + loops.shared + loops.single).toBe(each * CPUS.length);
    expect(loops.own > 0).toBe(MAKES_CODE_FROM_STRINGS);
  });

  it.each<PerfMapReaderOptions>([...MODES, { wakeup: 'manual' }, { wakeup: 'manual', order: 'time' }])(
    'are exact when the rings overflow, again and again: %j',
    (mode) => {
      for (const pages of [1, 2, 16]) {
        using scene = new ReaderScene({ ...mode, bufferBytes: pages * PAGE }, { sizes: [40, 8, 200] });
        const { reader, check } = scene;
        let lost = 0;
        for (const count of [3000, 1, 500, 20, 3000]) {
          scene.emitEverywhere(count);
          reader.drain(check.visitor);
        }
        scene.emitEverywhere(5000);
        // The count is exact, although no further record is written.
        for (const cpu of CPUS) lost += scene.producer.counts(cpu).failed['ENOSPC'] ?? 0;
        expect(lost).toBeGreaterThan(0);
        expect(reader.stats().total.lost).toBe(lost);
        if (mode.order === 'time') continue;
        reader.drain(check.visitor);
        scene.expectExactAccounts();
        for (const cpu of CPUS) {
          expect(check.missing(cpu, scene.emitted(cpu))).toBe(
            reader.stats().cpus.find((one) => one.cpu === cpu)?.lost,
          );
        }
      }
    },
  );

  it.each(['cpu', 'time'] as const)(
    'count every size of sample, up to the largest, in the order of %s',
    async (order) => {
      // PERF_SAMPLE_TIME takes 8 bytes of the 64 KiB.
      const largest = order === 'time' ? 65_508 : 65_516;
      for (const size of [8, 12, 13, 60, 4000, 4084, 32_000, largest - 16, largest - 7, largest]) {
        using scene = new ReaderScene({ order, bufferBytes: 64 * PAGE }, { sizes: [size] });
        const { reader, check } = scene;
        for (let round = 0; round < 5; round++) {
          scene.emitEverywhere(3);
          const want = (round + 1) * 3 * CPUS.length;
          for await (const batch of reader) {
            batch.forEach(check.visitor);
            if (check.received() === want) break;
          }
        }
        scene.expectExactAccounts();
      }
    },
  );

  it('name what the kernel refused after the drain that delivers its record, not within it', () => {
    const [cpu = 0] = CPUS;
    const told: string[] = [];
    using scene = new ReaderScene({
      bufferBytes: PAGE,
      wakeup: 'manual',
      onLoss: ({ lost, total, ...rest }) => told.push(`${lost} of ${total} lost on CPU ${rest.cpu}`),
    });
    const { reader, producer, check } = scene;
    // 63 samples fill the ring. While 20 are being read it overflows; no drain finds it half full before that.
    producer.emit(20, { cpu });
    let overflowed = false;
    reader.drain((record) => {
      check.visitor(record);
      if (!overflowed) producer.emit(100, { cpu });
      overflowed = true;
    });
    expect(told).toEqual([]);
    const lost = producer.counts(cpu).failedTotal;
    producer.emit(2, { cpu });
    reader.drain({
      sample: (record) => {
        check.visitor(record);
        told.push('sample');
      },
      lost: (record) => {
        told.push(`record of ${record.lost}`);
      },
    });
    expect(told).toEqual([
      ...Array<string>(100 - lost).fill('sample'),
      `record of ${lost}`,
      'sample',
      'sample',
      `${lost} of ${lost} lost on CPU ${cpu}`,
    ]);
    scene.expectExactAccounts();
  });

  it('name what a full ring refused after the drain that finds it full', () => {
    const { scene: small, reports } = smallScene();
    using scene = small;
    const [cpu = 0] = CPUS;
    scene.producer.emit(100, { cpu });
    scene.reader.drain(() => {
      expect(reports).toEqual([]);
    });
    expect(reports).toHaveLength(1);
    expect(reports[0]?.lost).toBe(scene.producer.counts(cpu).failedTotal);
  });

  it('name what a full ring refused, and nothing came after, by the drain that finds it empty', () => {
    const { scene: small, reports } = smallScene();
    using scene = small;
    const [cpu = 0] = CPUS;
    // The ring is full again just after the counters were read.
    for (let round = 0; round < 2; round++) {
      scene.producer.emit(100, { cpu });
      scene.reader.drain(scene.check.visitor);
    }
    expect(scene.reader.drain(scene.check.visitor)).toBe(0);
    expect(reports.map(({ total }) => total).at(-1)).toBe(scene.producer.counts(cpu).failedTotal);
    expect(reports).toHaveLength(2);
    scene.expectExactAccounts();
  });

  it('tell of what each lost record says after its drain, however soon after the last, and in all of what was lost', () => {
    const [cpu = 0] = CPUS;
    let told = 0;
    let said = 0;
    const behind: number[] = [];
    using scene = new ReaderScene({
      bufferBytes: PAGE,
      wakeup: 'manual',
      onLoss: ({ lost, total }) => {
        told += lost;
        if (total !== told) behind.push(total);
      },
    });
    const { reader, producer, check } = scene;
    for (let round = 0; round < 20; round++) {
      producer.emit(100, { cpu });
      reader.drain({
        sample: check.visitor,
        lost: (record) => {
          said += record.lost;
        },
      });
      if (told < said) behind.push(said);
    }
    expect(said).toBeGreaterThan(19 * 30);
    expect(behind).toEqual([]);
    expect(reader.stats().total.lost).toBe(producer.counts(cpu).failed['ENOSPC']);
    expect(told).toBe(producer.counts(cpu).failed['ENOSPC']);
    scene.expectExactAccounts();
  });

  it('tell of a loss when it happens, though nothing more is ever written', async () => {
    const reports: LossReport[] = [];
    using scene = new ReaderScene({ bufferBytes: PAGE, onLoss: (report) => reports.push(report) });
    const [cpu = 0] = CPUS;
    scene.producer.emit(500, { cpu });
    const refused = scene.producer.counts(cpu).failedTotal;
    await until(() => reports.length > 0, 'a report');
    expect(reports).toEqual([{ cpu, lost: refused, total: refused, ringTooSmall: false }]);
  });

  it('recognise a ring that is too small for its samples, and say which size would do', async () => {
    const reports: LossReport[] = [];
    using scene = new ReaderScene(
      { bufferBytes: PAGE, onLoss: (report) => reports.push(report) },
      { sizes: [5000] },
    );
    const [cpu = 0] = CPUS;
    scene.producer.emit(10, { cpu });
    await until(() => reports.length > 0, 'a report');
    expect(reports[0]).toEqual({ cpu, lost: 10, total: 10, ringTooSmall: true });
    const account = scene.reader.stats().cpus.find((one) => one.cpu === cpu);
    expect(account).toMatchObject({ ringTooSmall: true, lost: 10, received: 0 });
    expect(account?.advisedBytes).toBeGreaterThanOrEqual(8192);
  });

  it('recognise it among samples that do fit, and are read', async () => {
    const reports: LossReport[] = [];
    using scene = new ReaderScene(
      { bufferBytes: 4 * PAGE, onLoss: (report) => reports.push(report) },
      { sizes: [40, 40, 40, 20_000] },
    );
    const { reader, check } = scene;
    const reading = (async (): Promise<void> => {
      for await (const batch of reader) batch.forEach(check.visitor);
    })();
    const [cpu = 0] = CPUS;
    for (let round = 0; round < 10; round++) {
      scene.producer.emit(4, { cpu });
      await reader.flush();
    }
    await until(() => reports.length > 0, 'a report');
    await reader.close({ drain: true });
    await reading;
    expect(reports[0]?.ringTooSmall).toBe(true);
    expect(reader.stats().cpus.find((one) => one.cpu === cpu)).toMatchObject({
      ringTooSmall: true,
      received: 30,
      lost: 10,
      advisedBytes: 128 * 1024,
    });
  });

  it.each([
    ['less than half full: yes', 8000, true],
    ['more than half full: no', 8400, false],
  ])('call a ring too small for a sample that is lost while it is %s', (_, bytes, ringTooSmall) => {
    using scene = new ReaderScene({ bufferBytes: 4 * PAGE, wakeup: 'manual' }, { sizes: [bytes, 20_000] });
    const [cpu = 0] = CPUS;
    scene.producer.emit(2, { cpu });
    const account = scene.reader.stats().cpus.find((one) => one.cpu === cpu);
    expect(account).toMatchObject({ lost: 1, ringTooSmall });
  });

  it('do not call a ring too small that is only full, for every way to read and at any time', () => {
    for (const askInVisitor of [false, true]) {
      using scene = new ReaderScene({ bufferBytes: PAGE, wakeup: 'manual' });
      const { reader } = scene;
      for (let round = 0; round < 20; round++) {
        scene.emitEverywhere(100 + round);
        if (round % 3 === 0) reader.stats();
        let asked = false;
        reader.drain(() => {
          if (askInVisitor && !asked) scene.emitEverywhere(5);
          if (askInVisitor) reader.stats();
          asked = true;
        });
        if (round % 4 === 0) reader.stats();
      }
      expect(reader.stats().total.lost).toBe(scene.producer.counts().failedTotal);
      expect(reader.stats().cpus.map(({ ringTooSmall }) => ringTooSmall)).toEqual(CPUS.map(() => false));
    }
  });

  it.each(['cpu', 'time'] as const)(
    'do not call a ring too small that a flood fills and a slow reader empties, in the order of %s',
    async (order) => {
      const reports: LossReport[] = [];
      using array = PerfEventArray.create();
      using reader = PerfMapReader.open(array, {
        order,
        bufferBytes: 16 * PAGE,
        onLoss: (report) => reports.push(report),
      });
      const flood = await Flood.start({ mapId: array.info.id, sizes: [40] });
      try {
        let batches = 0;
        for await (const batch of reader) {
          batch.forEach(() => undefined);
          // From 0 to 8 ms, so that losses come at different times between two reads of the counters.
          await setTimeout(batches % 9);
          if (++batches === 300) break;
        }
        const emitted = [...(await flood.stop()).values()].reduce((sum, one) => sum + one.emitted, 0);
        await setTimeout(10);
        while (reader.drain(() => undefined) > 0) await setTimeout(10);
        const { total, cpus } = reader.stats();
        expect(total.received + total.lost).toBe(emitted);
        expect(total.lost).toBeGreaterThan(0);
        expect(cpus.map(({ ringTooSmall }) => ringTooSmall)).toEqual(CPUS.map(() => false));
        expect(reports.filter(({ ringTooSmall }) => ringTooSmall)).toEqual([]);
        expect(Math.max(...cpus.map(({ advisedBytes }) => advisedBytes))).toBeLessThanOrEqual(2 ** 30);
      } finally {
        flood.kill();
      }
    },
  );

  it.each<PerfMapReaderOptions>([
    { wakeup: 'manual' },
    { wakeup: 'manual', order: 'time', slackNanoseconds: 0 },
    { wakeup: 'moderated' },
  ])('count lost side-band records apart from lost samples: %j', async (mode) => {
    const reports: LossReport[] = [];
    const [cpu = 0] = CPUS;
    using scene = new ReaderScene({
      ...mode,
      bufferBytes: PAGE,
      attributes: { context_switch: true, sample_id_all: true },
      onLoss: (report) => reports.push(report),
    });
    const { reader, producer, check } = scene;
    const types = new Map<number, number>();
    const other = ({ type }: { readonly type: number }): void => {
      types.set(type, (types.get(type) ?? 0) + 1);
    };
    // Without reading, records of context switches fill the rings and are then lost. No sample was emitted.
    await until(() => reader.stats().total.lostOthers > 100, 'lost side-band records');
    expect(reader.stats().total).toMatchObject({ received: 0, lost: 0 });
    reader.drain({ other });
    expect(reader.stats().total).toMatchObject({ received: 0, lost: 0 });
    expect(types.get(PERF_RECORD_SWITCH_CPU_WIDE)).toBeGreaterThan(10);
    expect(reports).toEqual([]);

    for (let round = 0; round < 20; round++) {
      scene.emitEverywhere(200);
      reader.drain({ sample: check.visitor, other });
    }
    reader.drain({ sample: check.visitor, other });
    scene.expectExactAccounts();
    const { lost, lostOthers, received } = reader.stats().total;
    expect([lost, lost + received]).toEqual([
      CPUS.reduce((sum, one) => sum + (producer.counts(one).failed['ENOSPC'] ?? 0), 0),
      20 * 200 * CPUS.length,
    ]);
    expect(lostOthers).toBeGreaterThan(100);
    expect(reports.reduce((sum, one) => sum + one.lost, 0)).toBe(lost);
    expect(types.has(PERF_RECORD_LOST)).toBe(true);
    expect(reader.stats().cpus.find((one) => one.cpu === cpu)?.advisedBytes).toBeGreaterThan(PAGE);
  });

  it.each(['manual', 'moderated'] as const)(
    'bring each side-band record once, wakeup: %p',
    async (wakeup) => {
      using scene = new ReaderScene({ wakeup, bufferBytes: 64 * PAGE, attributes: { task: true } });
      const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
      await once(child, 'exit');
      const ends: number[] = [];
      scene.reader.drain({
        other: (record) => {
          // u32 pid, ppid, tid, ptid
          if (record.type === PERF_RECORD_EXIT && record.u32(0) === child.pid) ends.push(record.u32(8));
        },
      });
      expect(ends).toContain(child.pid);
      // Each thread of it ended once.
      expect(new Set(ends).size).toBe(ends.length);
    },
  );

  it('count by lost records where the kernel counts for nobody (before 6.0)', () => {
    const reports: number[] = [];
    const old = new Proxy(addon(), {
      get: (target, name, receiver) =>
        name === 'perfEventOpen'
          ? (attr: Uint8Array, ...rest: [number, number, number, number]) =>
              // PERF_FORMAT_LOST in attr.read_format
              ((attr[32] ?? 0) & 16) === 0 ? target.perfEventOpen(attr, ...rest) : -errnoNumber('EINVAL')
          : (Reflect.get(target, name, receiver) as unknown),
    });
    for (const order of ['cpu', 'time'] as const) {
      const array = PerfEventArray.create();
      const producer = new SampleProducer(array);
      const slack = order === 'time' ? { slackNanoseconds: 0 } : {};
      const reader = withAddon(old, () =>
        PerfMapReader.open(array, {
          order,
          ...slack,
          bufferBytes: PAGE,
          onLoss: ({ lost }) => reports.push(lost),
        }),
      );
      try {
        for (const cpu of CPUS) producer.emit(200, { cpu });
        reader.drain(() => undefined);
        expect(reader.stats().total.lost).toBe(0);
        // Each loss is known when the next record is written.
        for (const cpu of CPUS) producer.emit(1, { cpu });
        reader.drain(() => undefined);
        const { failedTotal, emitted } = producer.counts();
        expect(reader.stats().total).toMatchObject({ lost: failedTotal, received: emitted - failedTotal });
        expect(reports.splice(0).reduce((sum, lost) => sum + lost, 0)).toBe(failedTotal);
      } finally {
        reader[Symbol.dispose]();
        producer.close();
        array.close();
      }
    }
  });

  it('advise a ring size with which the same samples are not lost', () => {
    const burst = (bufferBytes: number): { lost: number; advised: number } => {
      using scene = new ReaderScene({ bufferBytes, wakeup: 'manual', cpus: [CPUS[0] as number] });
      for (let round = 0; round < 20; round++) {
        scene.producer.emit(3000, { cpu: CPUS[0] as number });
        scene.reader.drain(() => undefined);
      }
      const { lost, advisedBytes } = scene.reader.stats().cpus[0] ?? { lost: -1, advisedBytes: -1 };
      return { lost, advised: advisedBytes };
    };
    const small = burst(4 * PAGE);
    expect(small.lost).toBeGreaterThan(0);
    expect(burst(small.advised)).toEqual({ lost: 0, advised: 0 });
    // Not much larger than needed: 3,000 samples of 64 bytes are 192,000 bytes.
    expect(small.advised).toBe(256 * 1024);
  });

  it.each([
    { size: 48, bytes: 64 },
    { size: 3000, bytes: 3016 },
    { size: 7000, bytes: 7016 },
  ])('advise for several losses between which the ring was never empty: %j', ({ size, bytes }) => {
    const [cpu = 0] = CPUS;
    const capacity = 8 * PAGE;
    using scene = new ReaderScene(
      { bufferBytes: capacity, wakeup: 'manual', cpus: [cpu] },
      { sizes: [size] },
    );
    const { producer, reader } = scene;
    const inRing = Math.floor(capacity / bytes);
    let taken = 0;
    // Half of each ring is read, and as many bytes are lost as the ring has.
    for (let round = 0; round < 6; round++) {
      producer.emit(2 * inRing, { cpu });
      reader.stats();
      taken += reader.drain(() => undefined, { records: Math.floor(inRing / 2) });
    }
    const { lost, advisedBytes = 0 } = reader.stats().cpus[0] ?? { lost: -1 };
    expect(lost).toBe(producer.counts(cpu).failed['ENOSPC']);
    // A ring of the advised size would have held everything: what this ring held and what was lost.
    expect(advisedBytes).toBeGreaterThanOrEqual(capacity + lost * bytes);
    expect(advisedBytes).toBeLessThan(2 * (capacity + (lost + 6) * bytes));
    expect(taken).toBeGreaterThan(0);
  });

  it('count samples above 64 KiB apart, and what is written after them is read', async () => {
    const [cpu = 0] = CPUS;
    using scene = new ReaderScene({ bufferBytes: 256 * PAGE, wakeup: 'manual' }, { sizes: [70_000] });
    const { producer, reader } = scene;
    producer.emit(1, { cpu });
    producer.setSizes([48]);
    producer.emit(3, { cpu });
    let sound = 0;
    reader.drain((record) => {
      if (record.size === 52 && Number(record.u64(0)) >= 1) sound++;
    });
    const { received, truncated, corrupt, lost } = reader.stats().total;
    expect({ received, truncated, corrupt, lost, sound }).toEqual({
      received: 3,
      truncated: 1,
      corrupt: 0,
      lost: 0,
      sound: 3,
    });
  });

  it('survive whatever samples above 64 KiB leave of a ring', async () => {
    const [cpu = 0] = CPUS;
    // The u16 size in the header wraps to different values, including 0 and 8.
    const sizes = [65_517, 65_520, 65_524, 65_528, 65_532, 66_000, 81_000, 100_000, 120_000];
    for (const order of ['cpu', 'time'] as const) {
      using scene = new ReaderScene({ bufferBytes: 256 * PAGE, wakeup: 'manual', order }, { sizes });
      const { producer, reader } = scene;
      for (let round = 0; round < 30; round++) {
        producer.emit(1 + (round % 4), { cpu });
        reader.drain(() => undefined);
      }
      // In time order the rest is due after the slack.
      await setTimeout(10);
      reader.drain(() => undefined);
      producer.setSizes([48]);
      const before = reader.stats().total;
      expect(before.truncated + before.corrupt).toBeGreaterThan(0);
      producer.emit(10, { cpu });
      let sound = 0;
      const count = (record: { readonly size: number }): void => {
        if (record.size === 52) sound++;
      };
      await until(() => {
        reader.drain(count);
        return sound === 10;
      }, 'ten sound samples');
      expect(reader.stats().total).toMatchObject({ corrupt: before.corrupt, truncated: before.truncated });
    }
  });

  it('stay as they were after close, with the last losses in them', () => {
    using scene = new ReaderScene({ bufferBytes: PAGE, wakeup: 'manual' });
    const { reader, check } = scene;
    scene.emitEverywhere(50);
    reader.drain(check.visitor);
    scene.emitEverywhere(500);
    const lost = scene.producer.counts().failedTotal;
    void reader.close();
    expect(reader.stats().total).toMatchObject({ received: 50 * CPUS.length, lost });
    expect(reader.stats()).toEqual(reader.stats());
  });
});
