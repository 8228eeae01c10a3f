import { setImmediate, setTimeout } from 'node:timers/promises';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { CPUS, ReaderScene, SCENE_CAPABILITIES, scenesIn } from '../../support/reader-scene';
import { codeOfRejection } from '../../support/rejections';
import { codeOf } from '../../support/ring-errors';

afterAll(expectNothingLeft);

describeWith(SCENE_CAPABILITIES, 'a reader', () => {
  describe.each(['cpu', 'time'] as const)('in the order of %s', (order) => {
    const scene = scenesIn(order);

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

      it('waits for the next consumer when there is none', async () => {
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

      it('does not wait for samples published after the call', async () => {
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
  });

  it('refuses a signal that is not an AbortSignal', async () => {
    using s = new ReaderScene();
    const signal = {} as AbortSignal;
    expect(codeOf(() => s.reader.batches({ signal }))).toBe('ERR_PERF_INVALID_ARGUMENT');
    expect(codeOf(() => s.reader.readable({ signal }))).toBe('ERR_PERF_INVALID_ARGUMENT');
    expect(await codeOfRejection(s.reader.read({ signal }))).toBe('ERR_PERF_INVALID_ARGUMENT');
    expect(await codeOfRejection(s.reader.flush({ signal }))).toBe('ERR_PERF_INVALID_ARGUMENT');
  });
});
