import { setImmediate, setTimeout } from 'node:timers/promises';
import type { RecordBatch } from '../../../lib/delivery/record-batch';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { CPUS, ReaderScene, SCENE_CAPABILITIES, scenesIn } from '../../support/reader-scene';
import { codeOfRejection } from '../../support/rejections';
import { codeOf } from '../../support/ring-errors';

afterAll(expectNothingLeft);

const [CPU = 0] = CPUS;

describeWith(SCENE_CAPABILITIES, 'for await', () => {
  describe.each(['cpu', 'time'] as const)('over a reader in the order of %s', (order) => {
    const scene = scenesIn(order);

    it('continues with the next record after the body of the loop throws', async () => {
      using s = scene();
      s.producer.emit(10, { cpu: CPU });
      const failing = async (): Promise<void> => {
        for await (const batch of s.reader) {
          batch.forEach((record) => {
            s.check.visitor(record);
            if (s.check.received() === 4) throw new Error('of the body');
          });
        }
      };
      await expect(failing()).rejects.toThrow('of the body');
      for await (const batch of s.reader) {
        batch.forEach(s.check.visitor);
        if (s.check.received() === 10) break;
      }
      expect(s.check.missing(CPU, 10)).toBe(0);
      s.expectExactAccounts();
    });

    it('brings what was not visited again', async () => {
      using s = scene();
      s.producer.emit(5, { cpu: CPU });
      let batches = 0;
      for await (const batch of s.reader) {
        if (++batches < 4) continue;
        batch.forEach(s.check.visitor, { records: 1 });
        if (s.check.received() === 5) break;
      }
      expect(batches).toBe(8);
      s.expectExactAccounts();
    });

    it('lends a batch, and its records, until the next is asked for', async () => {
      using s = scene();
      s.producer.emit(2, { cpu: CPU });
      const kept: RecordBatch[] = [];
      let iterator: Iterator<unknown> | undefined;
      for await (const batch of s.reader) {
        kept.push(batch);
        for (const old of kept.slice(0, -1)) {
          expect(codeOf(() => old.forEach(() => undefined))).toBe('ERR_PERF_CLOSED');
        }
        if (iterator !== undefined) {
          const old = iterator;
          expect(codeOf(() => old.next())).toBe('ERR_PERF_CLOSED');
        }
        iterator = batch[Symbol.iterator]();
        iterator.next();
        if (kept.length === 2) break;
      }
      expect(codeOf(() => kept[1]?.forEach(() => undefined))).toBe('ERR_PERF_CLOSED');
      expect(s.reader.stats().total.received).toBe(2);
    });

    it('iterates over the samples of a batch, one lent at a time, and mixes with forEach', async () => {
      using s = scene();
      s.producer.emit(20, { cpu: CPU });
      for await (const batch of s.reader) {
        for (const record of batch) {
          s.check.visitor(record);
          if (s.check.received() % 7 === 3) break;
        }
        batch.forEach(s.check.visitor, { records: 2 });
        if (s.check.received() === 20) break;
      }
      s.expectExactAccounts();
    });

    it('consumes the record whose body threw, and no other', async () => {
      using s = scene();
      s.producer.emit(6, { cpu: CPU });
      const reading = async (): Promise<void> => {
        for await (const batch of s.reader) {
          for (const record of batch) {
            s.check.visitor(record);
            throw new Error('of the body');
          }
        }
      };
      for (let round = 0; round < 6; round++) await expect(reading()).rejects.toThrow('of the body');
      s.expectExactAccounts();
      expect(s.check.received()).toBe(6);
    });

    it('ends when the reader is closed, in the body, and after it', async () => {
      for (const when of [
        'before forEach',
        'in a visitor',
        'after forEach',
        'in an iteration',
        'later',
      ] as const) {
        using s = scene();
        s.producer.emit(5, { cpu: CPU });
        let seen = 0;
        for await (const batch of s.reader) {
          if (when === 'before forEach') void s.reader.close();
          if (when === 'in an iteration') {
            for (const record of batch) {
              expect(record.size).toBe(52);
              seen++;
              void s.reader.close();
              expect(codeOf(() => record.u8(0))).not.toBe('no code');
            }
            continue;
          }
          batch.forEach((record) => {
            s.check.visitor(record);
            seen++;
            if (when === 'in a visitor') void s.reader.close();
          });
          if (when === 'after forEach') void s.reader.close();
          if (when === 'later') void setImmediate().then(() => s.reader.close());
        }
        expect(s.reader.closed).toBe(true);
        const expected =
          { 'before forEach': 0, 'in a visitor': 1, 'in an iteration': 1 }[when as string] ?? 5;
        expect([when, seen, s.reader.stats().total.received]).toEqual([when, expected, expected]);
      }
    });

    it('visits nothing of a batch whose reader was closed, however many rings hold samples', async () => {
      using s = scene();
      s.emitEverywhere(5);
      const visited: string[] = [];
      for await (const batch of s.reader) {
        void s.reader.close();
        visited.push(codeOf(() => expect(batch.forEach(s.check.visitor)).toBe(0)));
        visited.push(codeOf(() => expect([...batch]).toEqual([])));
      }
      expect(visited).toEqual(['nothing', 'nothing']);
      expect(s.reader.stats().total.received).toBe(0);
    });

    it('may close the reader in finally, and twice', async () => {
      using s = scene();
      s.producer.emit(1, { cpu: CPU });
      try {
        for await (const batch of s.reader) {
          batch.forEach(s.check.visitor);
          break;
        }
      } finally {
        await s.reader.close();
        await s.reader.close();
        await s.reader.close({ drain: true });
      }
      expect(s.check.received()).toBe(1);
    });

    it('ends by its signal, whenever it comes, and leaves the rest in the rings', async () => {
      using s = scene();
      const aborted = AbortSignal.abort();
      s.producer.emit(3, { cpu: CPU });
      for await (const batch of s.reader.batches({ signal: aborted })) batch.forEach(s.check.visitor);
      expect(s.check.received()).toBe(0);

      const inBody = new AbortController();
      for await (const batch of s.reader.batches({ signal: inBody.signal })) {
        batch.forEach(s.check.visitor, { records: 1 });
        inBody.abort();
      }
      expect(s.check.received()).toBe(1);

      const whileWaiting = new AbortController();
      for await (const batch of s.reader.batches({ signal: whileWaiting.signal })) {
        batch.forEach(s.check.visitor);
        if (s.check.received() === 3) void setTimeout(5).then(() => whileWaiting.abort());
      }
      expect(s.check.received()).toBe(3);
      s.expectExactAccounts();
      // The reader can still be used.
      s.producer.emit(1, { cpu: CPU });
      expect(s.reader.drain(s.check.visitor)).toBe(1);
    });

    it('is refused to a second consumer, until the first has ended', async () => {
      using s = scene();
      s.producer.emit(1, { cpu: CPU });
      const second = s.reader.batches();
      for await (const batch of s.reader) {
        expect(codeOf(() => s.reader.drain(() => undefined))).toBe('ERR_PERF_BUSY');
        expect(codeOf(() => s.reader.batches())).toBe('ERR_PERF_BUSY');
        expect(codeOf(() => s.reader.readable())).toBe('ERR_PERF_BUSY');
        expect(codeOf(() => void s.reader.read())).toBe('ERR_PERF_BUSY');
        expect(await codeOfRejection(second.next())).toBe('ERR_PERF_BUSY');
        batch.forEach(s.check.visitor);
        break;
      }
      s.producer.emit(1, { cpu: CPU });
      for await (const batch of s.reader) {
        batch.forEach(s.check.visitor);
        break;
      }
      s.expectExactAccounts();
    });

    it('bounds every turn in records and bytes, and comes back for the rest', async () => {
      for (const turn of [{ records: 10 }, { bytes: 640 }, { records: 1 }]) {
        using s = scene({ turn });
        s.emitEverywhere(50);
        const visited: number[] = [];
        for await (const batch of s.reader) {
          visited.push(batch.forEach(s.check.visitor));
          if (s.check.received() === 50 * CPUS.length) break;
        }
        // A bound in bytes is checked between chunks. The first chunk has 256 records.
        if (turn.records !== undefined) expect(Math.max(...visited)).toBe(turn.records);
        s.expectExactAccounts();
      }
    });

    it.each([
      ['bytes', { bytes: 1 }],
      ['time', { microseconds: 1 }],
    ])(
      'bounds forEach in %s after its first chunk, and for-of at its first look at the bounds',
      async (_, limits) => {
        using s = scene({ bufferBytes: 1 << 20, turn: limits });
        s.producer.emit(2000, { cpu: CPU });
        for await (const batch of s.reader) {
          expect(batch.forEach(s.check.visitor)).toBe(256);
          expect(batch.forEach(s.check.visitor, limits)).toBe(256);
          let iterated = 0;
          for (const record of batch) {
            s.check.visitor(record);
            iterated++;
          }
          expect(iterated).toBe(63);
          break;
        }
        s.reader.drain(s.check.visitor);
        s.expectExactAccounts();
      },
    );

    it('returns to the event loop between batches, however much there is to read', async () => {
      using s = scene({ turn: { records: 16 }, bufferBytes: 1 << 20 });
      s.emitEverywhere(4000);
      let loops = 0;
      let reading = true;
      const ticking = (async (): Promise<void> => {
        while (reading) {
          await setImmediate();
          loops++;
        }
      })();
      let turns = 0;
      for await (const batch of s.reader) {
        turns++;
        batch.forEach(s.check.visitor);
        if (s.check.received() === 4000 * CPUS.length) break;
      }
      reading = false;
      await ticking;
      expect(turns).toBe((4000 * CPUS.length) / 16);
      expect(loops).toBeGreaterThanOrEqual(turns);
      s.expectExactAccounts();
    });
  });

  it('gives each ring its turn in for-of, however small the bound of a turn', async () => {
    using s = new ReaderScene({ turn: { records: 5 } });
    s.emitEverywhere(200);
    const firstSeen = new Map<number, number>();
    let batches = 0;
    for await (const batch of s.reader) {
      batches++;
      for (const record of batch) {
        s.check.visitor(record);
        if (!firstSeen.has(record.cpu)) firstSeen.set(record.cpu, batches);
      }
      // The flood on the first CPU does not end.
      s.producer.emit(5, { cpu: CPU });
      if (batches === 40) break;
    }
    expect(Math.max(...firstSeen.values())).toBeLessThanOrEqual(CPUS.length);
    expect(firstSeen.size).toBe(CPUS.length);
    for (const cpu of CPUS) expect(s.check.received(cpu)).toBe(200 / CPUS.length);
  });

  it('gives each ring its turn in forEach', async () => {
    using s = new ReaderScene({ turn: { records: 300 }, bufferBytes: 1 << 20 });
    s.emitEverywhere(6000);
    let batches = 0;
    for await (const batch of s.reader) {
      batch.forEach(s.check.visitor);
      if (++batches === 8) break;
    }
    const counts = CPUS.map((cpu) => s.check.received(cpu));
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(600);
  });
});
