import { STOP } from '../../../lib/records/record';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { CPUS, ReaderScene, SCENE_CAPABILITIES, scenesIn } from '../../support/reader-scene';
import { codeOf } from '../../support/ring-errors';
import { until } from '../../support/until';

afterAll(expectNothingLeft);

const [CPU = 0] = CPUS;

describeWith(SCENE_CAPABILITIES, 'drain', () => {
  describe.each(['cpu', 'time'] as const)('of a reader in the order of %s', (order) => {
    const scene = scenesIn(order);

    it('visits what is in the rings: samples, losses and the rest by separate visitors', () => {
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

    it('delivers all after pause(), when the slack has passed', async () => {
      using s = new ReaderScene({
        order,
        wakeup: 'manual',
        ...(order === 'time' && { slackNanoseconds: 20e6 }),
      });
      s.emitEverywhere(10);
      s.reader.pause();
      s.emitEverywhere(1);
      await until(() => {
        s.reader.drain(s.check.visitor);
        return s.check.received() === 10 * CPUS.length;
      }, 'the last samples');
      s.expectExactAccounts();
    });

    it('stops when the visitor returns STOP', () => {
      using s = scene();
      s.emitEverywhere(10);
      for (let round = 1; round <= 10 * CPUS.length; round++) {
        const visited = s.reader.drain((record) => {
          s.check.visitor(record);
          return STOP;
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

    it('is refused inside its own visitor, and then continues', () => {
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
        expect(codeOf(() => s.reader.drain(() => undefined, { records: 0 }))).toBe('ERR_PERF_INVALID_OPTION');
        expect(s.reader.drain(s.check.visitor)).toBe(1);
      },
    );
  });

  it('is the only way to read with wakeup: manual', () => {
    using s = new ReaderScene({ wakeup: 'manual' });
    for (const use of [() => s.reader.batches(), () => s.reader.readable(), () => void s.reader.read()]) {
      expect(codeOf(use)).toBe('ERR_PERF_INVALID_OPTION');
    }
  });
});
