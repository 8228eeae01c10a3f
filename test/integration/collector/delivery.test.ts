import { setImmediate, setTimeout } from 'node:timers/promises';
import { PerfMapReader } from '../../../lib/collector/perf-map-reader';
import type { RecordBatch } from '../../../lib/collector/record-batch';
import type { OwnedRecord } from '../../../lib/collector/visitors';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { CPUS, ReaderScene, SCENE_CAPABILITIES } from '../../support/reader-scene';
import { codeOf } from '../../support/ring-errors';
import { sequenceOf } from '../../support/sample-payload';

afterAll(expectNothingLeft);

const [CPU = 0] = CPUS;

const codeOfRejection = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'nothing',
    (error: unknown) => (error as { code?: unknown }).code ?? String(error),
  );

describeWith(SCENE_CAPABILITIES, 'a reader', () => {
  describe.each(['cpu', 'time'] as const)('in the order of %s', (order) => {
    /** Slack 0: what is published is due at once. */
    const scene = (options: ConstructorParameters<typeof ReaderScene>[0] = {}): ReaderScene =>
      new ReaderScene({ order, ...(order === 'time' ? { slackNanoseconds: 0 } : {}), ...options });

    describe('for await', () => {
      it('goes on with the next record after a body that throws', async () => {
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
        // And the reader lives on.
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
          // A bound in bytes is looked at between chunks, the first of which is 256 records.
          if (turn.records !== undefined) expect(Math.max(...visited)).toBe(turn.records);
          s.expectExactAccounts();
        }
      });

      it('lets the event loop go on between turns, however much there is', async () => {
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

    describe('read', () => {
      it('gives samples one by one, and null at the deadline', async () => {
        using s = scene();
        s.producer.emit(3, { cpu: CPU });
        for (let sequence = 0; sequence < 3; sequence++) {
          const record = (await s.reader.read()) as OwnedRecord;
          s.check.take(record.cpu, record.data);
          expect([record.cpu, record.type, sequenceOf(record.data), record.late]).toEqual([
            CPU,
            9,
            sequence,
            false,
          ]);
          expect(typeof record.time).toBe(order === 'time' ? 'bigint' : 'undefined');
        }
        expect(await s.reader.read({ timeoutMilliseconds: 0 })).toBeNull();
        expect(await s.reader.read({ timeoutMilliseconds: 3 })).toBeNull();
        s.expectExactAccounts();
      });

      it('waits for the next sample', async () => {
        using s = scene();
        const pending = s.reader.read({ timeoutMilliseconds: 60_000 });
        await setImmediate();
        s.producer.emit(1, { cpu: CPU });
        expect(sequenceOf((await pending)?.data as Uint8Array)).toBe(0);
      });

      it('takes each CPU in its turn', async () => {
        using s = scene();
        s.emitEverywhere(4);
        const seen: number[] = [];
        for (let left = 4 * CPUS.length; left > 0; left--) seen.push((await s.reader.read())?.cpu ?? -1);
        if (order === 'cpu') expect(seen.slice(0, CPUS.length).sort()).toEqual([...CPUS].sort());
        expect(await s.reader.read({ timeoutMilliseconds: 0 })).toBeNull();
      });

      it('is rejected by its signal with the signal’s reason', async () => {
        using s = scene();
        const reason = new Error('enough');
        await expect(s.reader.read({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
        const controller = new AbortController();
        const pending = s.reader.read({ signal: controller.signal });
        await setImmediate();
        controller.abort(reason);
        await expect(pending).rejects.toBe(reason);
        s.producer.emit(1, { cpu: CPU });
        expect(await s.reader.read()).not.toBeNull();
      });

      it('is rejected when the reader is closed meanwhile', async () => {
        for (const drain of [false, true]) {
          using s = scene();
          const pending = s.reader.read();
          await setImmediate();
          const closed = s.reader.close({ drain });
          expect(await codeOfRejection(pending)).toBe('ERR_PERF_CLOSED');
          await closed;
          expect(codeOf(() => void s.reader.read())).toBe('ERR_PERF_CLOSED');
        }
      });

      it.each([[-1], [Number.NaN], ['5' as unknown as number]])(
        'refuses a deadline of %p',
        async (timeoutMilliseconds) => {
          using s = scene();
          expect(await codeOfRejection(s.reader.read({ timeoutMilliseconds }))).toBe(
            'ERR_PERF_INVALID_ARGUMENT',
          );
        },
      );
    });

    describe('drain', () => {
      it('visits at once what lies in the rings, samples, losses and the rest apart', () => {
        using s = scene({ bufferBytes: 4096 });
        s.producer.emit(200, { cpu: CPU });
        expect(s.reader.drain({ sample: s.check.visitor, records: undefined } as never)).toBe(
          s.check.received(),
        );
        s.producer.emit(1, { cpu: CPU });
        const lost: number[] = [];
        const others: number[] = [];
        const visited = s.reader.drain({
          sample: s.check.visitor,
          lost: (record) => {
            lost.push(record.lost);
          },
          other: (record) => {
            others.push(record.type);
          },
        });
        expect([visited, lost, others]).toEqual([2, [s.producer.counts(CPU).failedTotal], []]);
        s.expectExactAccounts();
      });

      it('stops when the visitor says false', () => {
        using s = scene();
        s.emitEverywhere(10);
        for (let round = 1; round <= 10 * CPUS.length; round++) {
          const visited = s.reader.drain((record) => {
            s.check.visitor(record);
            return false;
          });
          expect([visited, s.check.received()]).toEqual([1, round]);
        }
        expect(s.reader.drain(s.check.visitor)).toBe(0);
        s.expectExactAccounts();
      });

      it('consumes the record whose visitor throws, and no other', () => {
        using s = scene();
        s.emitEverywhere(10);
        for (let round = 1; round <= 10 * CPUS.length; round++) {
          expect(() =>
            s.reader.drain((record) => {
              s.check.visitor(record);
              throw new Error('of the visitor');
            }),
          ).toThrow('of the visitor');
        }
        expect(s.reader.drain(s.check.visitor)).toBe(0);
        s.expectExactAccounts();
      });

      it('keeps to its limits', () => {
        using s = scene();
        s.emitEverywhere(600);
        expect(s.reader.drain(s.check.visitor, { records: 7 })).toBe(7);
        const byBytes = s.reader.drain(s.check.visitor, { bytes: 64 * 300 });
        expect(byBytes).toBeGreaterThanOrEqual(256);
        expect(byBytes).toBeLessThan(600);
        while (s.reader.drain(s.check.visitor, { records: 100 }) > 0);
        expect(s.check.received()).toBe(600 * CPUS.length);
        s.expectExactAccounts();
      });

      it('is refused inside its own visitor, and goes on', () => {
        using s = scene();
        s.producer.emit(3, { cpu: CPU });
        const codes = new Set<string>();
        s.reader.drain((record) => {
          for (const use of [
            () => s.reader.drain(() => undefined),
            () => s.reader.batches(),
            () => s.reader.readable(),
            () => void s.reader.read(),
          ]) {
            codes.add(codeOf(use));
          }
          s.reader.refresh();
          s.reader.stats();
          s.check.visitor(record);
        });
        expect([...codes]).toEqual(['ERR_PERF_BUSY']);
        s.expectExactAccounts();
        expect(s.check.received()).toBe(3);
      });

      it('ends when its visitor closes the reader', () => {
        using s = scene();
        s.emitEverywhere(3);
        let seen = 0;
        const visited = s.reader.drain((record) => {
          seen++;
          void s.reader.close();
          expect(codeOf(() => record.u8(0))).toBe('ERR_PERF_OUT_OF_RANGE');
        });
        expect([visited, seen, s.reader.stats().total.received]).toEqual([1, 1, 1]);
        expect(codeOf(() => s.reader.drain(() => undefined))).toBe('ERR_PERF_CLOSED');
      });

      it.each([[undefined], [null], [5], [{ sample: 5 }], [{ lost: {} }], [{ other: null }]])(
        'refuses %p as visitors, and consumes nothing',
        (visitors) => {
          using s = scene();
          s.producer.emit(1, { cpu: CPU });
          expect(codeOf(() => s.reader.drain(visitors as never))).toBe('ERR_PERF_INVALID_ARGUMENT');
          expect(codeOf(() => s.reader.drain(() => undefined, { records: 0 }))).toBe(
            'ERR_PERF_INVALID_OPTION',
          );
          expect(s.reader.drain(s.check.visitor)).toBe(1);
        },
      );
    });

    describe('readable', () => {
      it('streams copies of every sample', async () => {
        using s = scene();
        s.emitEverywhere(1000);
        const kept: OwnedRecord[] = [];
        const stream = s.reader.readable();
        const closed = new Promise((resolve) => stream.once('close', resolve));
        for await (const record of stream as AsyncIterable<OwnedRecord>) {
          kept.push(record);
          if (kept.length === 1000 * CPUS.length) break;
        }
        for (const { cpu, data } of kept) s.check.take(cpu, data);
        s.expectExactAccounts();
        // The consumer goes with its stream.
        await closed;
        s.producer.emit(1, { cpu: CPU });
        expect(s.reader.drain(s.check.visitor)).toBe(1);
      });

      it('takes no more from the rings than its buffer holds', async () => {
        using s = scene({ bufferBytes: 1 << 20 });
        s.emitEverywhere(5000);
        const stream = s.reader.readable({ highWaterMark: 10 });
        let first: OwnedRecord | null = null;
        stream.on('readable', () => {
          first ??= stream.read() as OwnedRecord | null;
        });
        for (let turns = 0; turns < 50; turns++) await setTimeout(1);
        expect(first).not.toBeNull();
        expect(stream.readableLength).toBeLessThanOrEqual(11);
        expect(s.reader.stats().total.received).toBeLessThanOrEqual(30);
        stream.removeAllListeners('readable');
        s.check.take((first as unknown as OwnedRecord).cpu, (first as unknown as OwnedRecord).data);
        for await (const { cpu, data } of stream as AsyncIterable<OwnedRecord>) {
          s.check.take(cpu, data);
          if (s.check.received() === 5000 * CPUS.length) break;
        }
        s.expectExactAccounts();
      });

      it('ends at once when it is destroyed, though nothing comes', async () => {
        using s = scene();
        const stream = s.reader.readable();
        stream.resume();
        await setTimeout(5);
        const closed = new Promise((resolve) => stream.once('close', resolve));
        stream.destroy();
        await closed;
        s.producer.emit(1, { cpu: CPU });
        expect(s.reader.drain(s.check.visitor)).toBe(1);
      });

      it('passes on the error it is destroyed with', async () => {
        using s = scene();
        const stream = s.reader.readable();
        const failed = new Promise((resolve) => stream.once('error', resolve));
        const failure = new Error('enough');
        stream.resume();
        stream.destroy(failure);
        expect(await failed).toBe(failure);
        expect(s.reader.closed).toBe(false);
      });

      it('ends by its signal, and when the reader is closed', async () => {
        for (const drain of [undefined, false, true]) {
          using s = scene();
          const controller = new AbortController();
          const stream = s.reader.readable({ signal: controller.signal });
          const ended = new Promise((resolve) => stream.once('end', resolve));
          stream.on('data', ({ cpu, data }: OwnedRecord) => s.check.take(cpu, data));
          s.emitEverywhere(100);
          await setTimeout(5);
          const before = s.check.received();
          if (drain === undefined) controller.abort();
          else void s.reader.close({ drain });
          await ended;
          if (drain === true) expect(s.check.received()).toBe(100 * CPUS.length);
          else expect(s.check.received()).toBeGreaterThanOrEqual(before);
          expect(s.check.errors).toEqual([]);
          expect(s.reader.closed).toBe(drain !== undefined);
        }
      });

      it('ends at once by a signal that was aborted before', async () => {
        using s = scene();
        s.producer.emit(1, { cpu: CPU });
        const seen: unknown[] = [];
        for await (const record of s.reader.readable({ signal: AbortSignal.abort() })) seen.push(record);
        expect(seen).toEqual([]);
      });
    });

    describe('flush', () => {
      it('resolves when everything published before has been delivered, however slow the consumer', async () => {
        using s = scene({ turn: { records: 10 } });
        const reading = (async (): Promise<void> => {
          for await (const batch of s.reader) {
            batch.forEach(s.check.visitor);
            await setTimeout(1);
          }
        })();
        for (let round = 1; round <= 5; round++) {
          s.emitEverywhere(30);
          await s.reader.flush();
          expect(s.check.received()).toBe(30 * round * CPUS.length);
        }
        await s.reader.flush();
        s.expectExactAccounts();
        await s.reader.close();
        await reading;
      });

      it('waits for the next consumer where there is none', async () => {
        using s = scene();
        s.emitEverywhere(5);
        let flushed = false;
        const flush = s.reader.flush().then(() => {
          flushed = true;
        });
        await setTimeout(5);
        expect(flushed).toBe(false);
        s.reader.drain(s.check.visitor, { records: 3 });
        await setImmediate();
        expect(flushed).toBe(false);
        s.reader.drain(s.check.visitor);
        await flush;
        expect(s.check.received()).toBe(5 * CPUS.length);
      });

      it('does not wait for what comes after', async () => {
        using s = scene();
        s.emitEverywhere(5);
        const flush = s.reader.flush();
        s.emitEverywhere(5);
        for await (const batch of s.reader) {
          batch.forEach(s.check.visitor, { records: 5 * CPUS.length });
          break;
        }
        if (order === 'cpu') s.reader.drain(s.check.visitor);
        else s.reader.drain(s.check.visitor);
        await flush;
        s.expectExactAccounts();
      });

      it('is rejected by its signal, by close, and after close', async () => {
        using s = scene();
        s.emitEverywhere(1);
        const reason = new Error('enough');
        await expect(s.reader.flush({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
        const controller = new AbortController();
        const flush = s.reader.flush({ signal: controller.signal });
        controller.abort(reason);
        await expect(flush).rejects.toBe(reason);
        const pending = s.reader.flush();
        void s.reader.close();
        expect(await codeOfRejection(pending)).toBe('ERR_PERF_CLOSED');
        expect(await codeOfRejection(s.reader.flush())).toBe('ERR_PERF_CLOSED');
      });
    });

    describe('pause and resume', () => {
      it('take the rings out of the map and put them back: nothing is delivered or lost meanwhile', async () => {
        using s = scene();
        s.emitEverywhere(5);
        s.reader.pause();
        s.reader.pause();
        expect(s.reader.paused).toBe(true);
        s.emitEverywhere(7);
        expect(s.producer.counts().failed).toEqual({ ENOENT: 7 * CPUS.length });
        expect(s.reader.drain(s.check.visitor)).toBe(5 * CPUS.length);
        s.reader.resume();
        s.reader.resume();
        s.emitEverywhere(5);
        s.reader.drain(s.check.visitor);
        s.expectExactAccounts();
        expect(s.reader.stats().total).toMatchObject({ received: 10 * CPUS.length, lost: 0 });
      });
    });

    describe('close', () => {
      it('with drain delivers the rest to whoever reads, then frees everything', async () => {
        using s = scene({ bufferBytes: 1 << 20, turn: { records: 100 } });
        s.emitEverywhere(3000);
        const reading = (async (): Promise<void> => {
          for await (const batch of s.reader) batch.forEach(s.check.visitor);
        })();
        await setImmediate();
        const closing = s.reader.close({ drain: true });
        expect(s.reader.close({ drain: true })).toBe(closing);
        s.emitEverywhere(5);
        expect(codeOf(() => s.reader.resume())).toBe('ERR_PERF_CLOSED');
        await closing;
        await reading;
        expect(s.reader.closed).toBe(true);
        expect(s.check.received()).toBe(3000 * CPUS.length);
        s.expectExactAccounts();
        expect(s.producer.counts().failed).toEqual({ ENOENT: 5 * CPUS.length });
      });

      it('with drain in the body of the loop delivers the rest', async () => {
        using s = scene({ turn: { records: 3 } });
        s.emitEverywhere(50);
        for await (const batch of s.reader) {
          batch.forEach((record) => {
            s.check.visitor(record);
            void s.reader.close({ drain: true });
          });
        }
        expect([s.reader.closed, s.check.received()]).toEqual([true, 50 * CPUS.length]);
        s.expectExactAccounts();
      });

      it('with drain frees what a consumer that leaves does not take', async () => {
        using s = scene({ turn: { records: 3 } });
        s.emitEverywhere(50);
        let closing: Promise<void> | undefined;
        for await (const batch of s.reader) {
          batch.forEach(s.check.visitor);
          closing = s.reader.close({ drain: true });
          break;
        }
        await closing;
        expect([s.reader.closed, s.check.received()]).toEqual([true, 3]);
      });

      it('without drain ends one that drains', async () => {
        using s = scene({ turn: { records: 3 } });
        s.emitEverywhere(50);
        let closing: Promise<void> | undefined;
        for await (const batch of s.reader) {
          batch.forEach(s.check.visitor);
          closing = s.reader.close({ drain: true });
          void s.reader.close();
        }
        await closing;
        expect(s.check.received()).toBe(3);
      });

      it('with drain and nobody reading frees at once', async () => {
        using s = scene();
        s.emitEverywhere(5);
        const closing = s.reader.close({ drain: true });
        expect(s.reader.closed).toBe(true);
        await closing;
      });

      it('empties the slots', async () => {
        using s = scene();
        await s.reader[Symbol.asyncDispose]();
        s.emitEverywhere(1);
        expect(s.producer.counts().failed).toEqual({ ENOENT: CPUS.length });
      });

      it('leaves nothing to be done: every method says so', async () => {
        using s = scene();
        s.reader[Symbol.dispose]();
        for (const use of [
          () => s.reader.drain(() => undefined),
          () => s.reader.batches(),
          () => s.reader[Symbol.asyncIterator](),
          () => s.reader.readable(),
          () => void s.reader.read(),
          () => s.reader.pause(),
          () => s.reader.resume(),
          () => s.reader.refresh(),
        ]) {
          expect(codeOf(use)).toBe('ERR_PERF_CLOSED');
        }
        expect(s.reader.metrics()).not.toHaveLength(0);
        expect(s.reader.cpus).toEqual([]);
      });

      it('may come from another reader’s visitor, and from its own onLoss', async () => {
        using one = scene();
        using other = scene({ bufferBytes: 4096, onLoss: () => void other.reader.close() });
        one.producer.emit(1, { cpu: CPU });
        one.reader.drain(() => {
          other.emitEverywhere(500);
          other.reader.stats();
        });
        expect(other.reader.closed).toBe(true);
        expect(other.reader.stats().total.lost).toBe(other.producer.counts().failedTotal);
        await setTimeout(5);
      });

      it('may come from onLoss, in a loop over batches', async () => {
        using s: ReaderScene = scene({ bufferBytes: 4096, onLoss: () => void s.reader.close() });
        s.emitEverywhere(500);
        for await (const batch of s.reader) batch.forEach(s.check.visitor);
        expect(s.reader.closed).toBe(true);
        expect(s.check.errors).toEqual([]);
      });
    });
  });

  it('that nobody wakes has only drain', () => {
    using s = new ReaderScene({ wakeup: 'manual' });
    for (const use of [() => s.reader.batches(), () => s.reader.readable(), () => void s.reader.read()]) {
      expect(codeOf(use)).toBe('ERR_PERF_INVALID_OPTION');
    }
  });

  it('refuses a signal that is none', async () => {
    using s = new ReaderScene();
    const signal = {} as AbortSignal;
    expect(codeOf(() => s.reader.batches({ signal }))).toBe('ERR_PERF_INVALID_ARGUMENT');
    expect(codeOf(() => s.reader.readable({ signal }))).toBe('ERR_PERF_INVALID_ARGUMENT');
    expect(await codeOfRejection(s.reader.read({ signal }))).toBe('ERR_PERF_INVALID_ARGUMENT');
    expect(await codeOfRejection(s.reader.flush({ signal }))).toBe('ERR_PERF_INVALID_ARGUMENT');
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

  it('of a closed array is not opened', () => {
    const s = new ReaderScene();
    s[Symbol.dispose]();
    expect(codeOf(() => PerfMapReader.open(s.array))).toBe('ERR_PERF_CLOSED');
  });

  it('survives that its array is closed before it', async () => {
    for (const drain of [false, true]) {
      const s = new ReaderScene();
      s.emitEverywhere(5);
      s.array.close();
      expect(s.reader.drain(s.check.visitor)).toBe(5 * CPUS.length);
      await s.reader.close({ drain });
      s[Symbol.dispose]();
    }
  });
});
