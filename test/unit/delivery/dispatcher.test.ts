import { PERF_RECORD_LOST } from '../../../lib/abi/perf-event';
import { Dispatcher, type DispatcherOptions, type Subscriber } from '../../../lib/delivery/dispatcher';
import type { RingRecord } from '../../../lib/records/record';
import { codeOf } from '../../support/ring-errors';
import { RingFixture } from '../../support/ring-fixture';
import { lostBytes, recordBytes, sampleBytes, words } from '../../support/ring-records';

/** A payload with `type` and after it `text`. */
function message(type: number, text = 0): Uint8Array {
  const payload = new Uint8Array(8);
  const view = new DataView(payload.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, text, true);
  return sampleBytes(payload);
}

function dispatch(dispatcher: Dispatcher, ...records: readonly Uint8Array[]): number {
  const fixture = new RingFixture({ cpu: 3 });
  fixture.publish(...records);
  fixture.ring.startReadBatch();
  const { sample, other } = dispatcher.visitors;
  const visited = fixture.ring.visit(sample, { other });
  fixture.ring.finishReadBatch();
  return visited;
}

describe('Dispatcher', () => {
  it('sends each sample to the subscribers of its message type, in the order they came', () => {
    const dispatcher = new Dispatcher();
    const seen: string[] = [];
    const note =
      (name: string): Subscriber =>
      (record) => {
        seen.push(`${name}:${record.u32(4)}`);
      };
    dispatcher.onMessage(1, note('one'));
    dispatcher.onMessage(2, note('two'));
    dispatcher.onMessage(1, note('also one'));
    dispatch(dispatcher, message(1, 10), message(2, 20), message(1, 30));
    expect(seen).toEqual(['one:10', 'also one:10', 'two:20', 'one:30', 'also one:30']);
    expect(dispatcher.unknownMessages.size).toBe(0);
  });

  it.each<[DispatcherOptions, number]>([
    [{}, 0x0403_0201],
    [{ typeBytes: 1 }, 0x01],
    [{ typeBytes: 2 }, 0x0201],
    [{ typeOffset: 3, typeBytes: 2 }, 0x0504],
    [{ typeOffset: 1 }, 0x0504_0302],
  ])('reads the type where %p says', (options, type) => {
    const dispatcher = new Dispatcher(options);
    let seen = 0;
    dispatcher.onMessage(type, () => seen++);
    dispatch(dispatcher, sampleBytes(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)));
    expect([seen, dispatcher.unknownMessages.size]).toEqual([1, 0]);
  });

  it('takes the highest u32 for a type', () => {
    const dispatcher = new Dispatcher();
    let seen = 0;
    dispatcher.onMessage(0xffff_ffff, () => seen++);
    dispatch(dispatcher, message(0xffff_ffff));
    expect(seen).toBe(1);
  });

  it('sends lost records and other types to their subscribers', () => {
    const dispatcher = new Dispatcher();
    const seen: string[] = [];
    dispatcher.onLost((record) => {
      seen.push(`${record.cpu} lost ${record.lost}`);
    });
    dispatcher.onRecord(PERF_RECORD_LOST, (record) => {
      seen.push(`type ${record.type}`);
    });
    dispatcher.onRecord(77, (record) => {
      seen.push(`other ${record.u64(0)}`);
    });
    dispatch(dispatcher, lostBytes(1n, 9n), recordBytes(77, words(5n)));
    expect(seen).toEqual(['3 lost 9', 'type 2', 'other 5']);
  });

  it('counts what nobody subscribed to, by type', () => {
    const dispatcher = new Dispatcher();
    dispatcher.onMessage(1, () => undefined);
    dispatch(
      dispatcher,
      message(1),
      message(8),
      message(9),
      message(8),
      lostBytes(1n, 1n),
      recordBytes(77, words(1n)),
    );
    expect([...dispatcher.unknownMessages]).toEqual([
      [8, 2],
      [9, 1],
    ]);
    expect([...dispatcher.unknownRecords]).toEqual([
      [PERF_RECORD_LOST, 1],
      [77, 1],
    ]);
  });

  it('counts samples too short for a type, and reads nothing of them', () => {
    const dispatcher = new Dispatcher({ typeOffset: 9 });
    dispatch(dispatcher, sampleBytes(new Uint8Array(12)), sampleBytes(new Uint8Array(20)));
    expect([dispatcher.tooShort, [...dispatcher.unknownMessages]]).toEqual([1, [[0, 1]]]);
  });

  it('continues with the other subscribers and the next records when one throws', () => {
    const errors: unknown[] = [];
    const dispatcher = new Dispatcher({ onError: (error) => errors.push(error) });
    const failure = new Error('of a subscriber');
    const seen: number[] = [];
    dispatcher.onMessage(1, (record) => {
      seen.push(record.u32(4));
    });
    dispatcher.onMessage(1, () => {
      throw failure;
    });
    dispatcher.onMessage(1, (record) => {
      seen.push(record.u32(4) + 100);
    });
    expect(dispatch(dispatcher, message(1, 1), message(1, 2))).toBe(2);
    expect(seen).toEqual([1, 101, 2, 102]);
    expect(errors).toEqual([failure, failure]);
  });

  it('throws the error as an uncaught exception after the records when there is no onError', async () => {
    const microtasks: (() => void)[] = [];
    const queue = jest.spyOn(globalThis, 'queueMicrotask').mockImplementation((task) => {
      microtasks.push(task);
    });
    try {
      const dispatcher = new Dispatcher();
      let seen = 0;
      dispatcher.onMessage(1, () => {
        seen++;
        throw new Error(`of record ${seen}`);
      });
      dispatch(dispatcher, message(1), message(1));
      expect(seen).toBe(2);
      expect(microtasks).toHaveLength(2);
      expect(microtasks[0]).toThrow('of record 1');
      expect(microtasks[1]).toThrow('of record 2');
    } finally {
      queue.mockRestore();
    }
  });

  it('ignores what a subscriber returns: false does not stop a drain', () => {
    const dispatcher = new Dispatcher();
    dispatcher.onMessage(1, () => false as unknown as undefined);
    expect(dispatch(dispatcher, message(1), message(1))).toBe(2);
  });

  it('ends one subscription, and only once', () => {
    const dispatcher = new Dispatcher();
    let seen = 0;
    const subscriber = (): void => {
      seen++;
    };
    const end = dispatcher.onMessage(1, subscriber);
    dispatcher.onMessage(1, subscriber);
    end();
    end();
    dispatch(dispatcher, message(1));
    expect(seen).toBe(1);
  });

  it('counts a type as unknown again when its last subscription ended', () => {
    const dispatcher = new Dispatcher();
    dispatcher.onMessage(1, () => undefined)();
    dispatcher.onLost(() => undefined)();
    dispatch(dispatcher, message(1), lostBytes(1n, 1n));
    expect([[...dispatcher.unknownMessages], [...dispatcher.unknownRecords]]).toEqual([[[1, 1]], [[2, 1]]]);
  });

  it('applies changes of subscribers from the next record on', () => {
    const dispatcher = new Dispatcher();
    const seen: string[] = [];
    const endSecond = { now: (): void => undefined };
    dispatcher.onMessage(1, (record) => {
      seen.push(`first ${record.u32(4)}`);
      if (record.u32(4) !== 1) return;
      endSecond.now();
      dispatcher.onMessage(1, () => {
        seen.push('third');
      });
    });
    endSecond.now = dispatcher.onMessage(1, () => {
      seen.push('second');
    });
    dispatch(dispatcher, message(1, 1), message(1, 2));
    expect(seen).toEqual(['first 1', 'second', 'first 2', 'third']);
  });

  it.each<[unknown, string]>([
    [{ typeOffset: -1 }, 'ERR_PERF_INVALID_OPTION'],
    [{ typeOffset: 1.5 }, 'ERR_PERF_INVALID_OPTION'],
    [{ typeOffset: '4' }, 'ERR_PERF_INVALID_OPTION'],
    [{ typeBytes: 3 }, 'ERR_PERF_INVALID_OPTION'],
    [{ typeBytes: 8 }, 'ERR_PERF_INVALID_OPTION'],
    [{ onError: 5 }, 'ERR_PERF_INVALID_OPTION'],
    [null, 'ERR_PERF_INVALID_OPTION'],
  ])('refuses the options %p', (options, code) => {
    expect(codeOf(() => new Dispatcher(options as DispatcherOptions))).toBe(code);
  });

  it.each<[unknown, unknown]>([
    [-1, (): void => undefined],
    [2 ** 32, (): void => undefined],
    [1.5, (): void => undefined],
    ['1', (): void => undefined],
    [1, undefined],
    [1, {}],
  ])('refuses a subscription to %p by %p', (type, subscriber) => {
    const dispatcher = new Dispatcher();
    const attempt = (method: 'onMessage' | 'onRecord'): string =>
      codeOf(() => dispatcher[method](type as number, subscriber as (record: RingRecord) => void));
    expect([attempt('onMessage'), attempt('onRecord')]).toEqual([
      'ERR_PERF_INVALID_ARGUMENT',
      'ERR_PERF_INVALID_ARGUMENT',
    ]);
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a number', 7],
    ['an object of a small size', { size: 1 }],
    ['an object of a large size', { size: 100 }],
    ['a Map', new Map()],
    ['a function', () => undefined],
  ])('refuses %s, which is not a record, with a code', (_what, value) => {
    const { sample, other } = new Dispatcher().visitors;
    for (const visitor of [sample, other]) {
      expect(() => visitor(value as RingRecord)).toThrow(
        expect.objectContaining({ code: 'ERR_PERF_INVALID_ARGUMENT' }),
      );
    }
  });
});
