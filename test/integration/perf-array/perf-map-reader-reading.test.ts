import { setImmediate, setTimeout } from 'node:timers/promises';
import { PERF_SAMPLE_TID } from '../../../lib/abi/perf-event';
import type { OwnedRecord } from '../../../lib/records/owned-record';
import { decoderFor } from '../../../lib/layout/sample-decoder';
import { defineLayout } from '../../../lib/layout/sample-layout';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { CPUS, SCENE_CAPABILITIES, scenesIn } from '../../support/reader-scene';
import { codeOfRejection } from '../../support/rejections';
import { codeOf } from '../../support/ring-errors';
import { sequenceOf } from '../../support/sample-payload';

afterAll(expectNothingLeft);

const [CPU = 0] = CPUS;

describeWith(SCENE_CAPABILITIES, 'a reader', () => {
  describe.each(['cpu', 'time'] as const)('in the order of %s', (order) => {
    const scene = scenesIn(order);

    describe('read', () => {
      it('returns samples one by one, and null at the deadline', async () => {
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

      it('returns a record that decoders accept, with pid and tid if they are sampled', async () => {
        using s = scene({ attributes: { sample_type: PERF_SAMPLE_TID } });
        const decode = decoderFor(defineLayout([{ name: 'sequence', kind: 'u32' }]));
        s.producer.emit(2, { cpu: CPU });
        const record = await s.reader.read();
        expect(record?.pid).toBe(process.pid);
        expect(record && decode(record).sequence).toBe(0);
        for await (const next of s.reader.readable()) {
          expect(next.tid).toBe(record?.tid);
          expect(decode(next).sequence).toBe(1);
          break;
        }
      });

      it('waits for the next sample', async () => {
        using s = scene();
        const pending = s.reader.read({ timeoutMilliseconds: 60_000 });
        await setImmediate();
        s.producer.emit(1, { cpu: CPU });
        expect(sequenceOf((await pending)?.data as Uint8Array)).toBe(0);
      });

      it('takes the CPUs in turn', async () => {
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

    describe('readable', () => {
      it('streams copies of every sample', async () => {
        using s = scene();
        s.emitEverywhere(1000);
        const kept: OwnedRecord[] = [];
        const stream = s.reader.readable();
        const closed = new Promise((resolve) => stream.once('close', resolve));
        for await (const record of stream) {
          kept.push(record);
          if (kept.length === 1000 * CPUS.length) break;
        }
        for (const { cpu, data } of kept) s.check.take(cpu, data);
        s.expectExactAccounts();
        // The consumer ends with its stream.
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
          first ??= stream.read();
        });
        for (let turns = 0; turns < 50; turns++) await setTimeout(1);
        expect(first).not.toBeNull();
        expect(stream.readableLength).toBeLessThanOrEqual(11);
        expect(s.reader.stats().total.received).toBeLessThanOrEqual(30);
        stream.removeAllListeners('readable');
        s.check.take((first as unknown as OwnedRecord).cpu, (first as unknown as OwnedRecord).data);
        for await (const { cpu, data } of stream) {
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
  });
});
