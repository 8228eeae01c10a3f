import { once } from 'node:events';
import { PERF_RECORD_LOST } from '../../../lib/abi/perf-event';
import type { RecordFormat } from '../../../lib/cli/formats/formats';
import { StopRequest } from '../../../lib/cli/stop-request';
import { StreamCollection, type StreamingReader } from '../../../lib/cli/stream-collection';
import { type RecordBatch, type RingRecord, STOP } from '../../../lib/index';
import { statsWith } from './reader-stats';

type Visitor = (record: RingRecord) => unknown;
type Step = readonly (readonly ['sample' | 'lost', number])[];

/** Delivers its steps one by one and, when it is closed, what is left in the rings. */
class FakeReader {
  readonly log: string[] = [];
  received = 0;
  lost = 0;
  #close: () => void = () => undefined;
  readonly #closed = new Promise<void>((resolve) => {
    this.#close = resolve;
  });

  constructor(
    readonly steps: readonly Step[],
    readonly rest: Step = [],
  ) {}

  async *batches({ signal }: { signal: AbortSignal }): AsyncGenerator<RecordBatch, void, undefined> {
    try {
      for (const step of this.steps) yield this.#batch(step);
      await Promise.race([this.#closed, once(signal, 'abort')]);
      if (!signal.aborted) yield this.#batch(this.rest);
    } finally {
      this.log.push('left');
    }
  }

  close({ drain = false } = {}): Promise<void> {
    this.log.push(drain ? 'close, drained' : 'close');
    this.#close();
    return Promise.resolve();
  }

  stats() {
    return statsWith([{ received: this.received, lost: this.lost }]);
  }

  asReader(): StreamingReader {
    return this as unknown as StreamingReader;
  }

  #batch(step: Step): RecordBatch {
    const forEach = (visitors: { sample: Visitor; lost: Visitor }): number => {
      this.log.push('visit');
      for (const [kind, value] of step) {
        if (kind === 'lost') visitors.lost({ cpu: 0, type: PERF_RECORD_LOST, lost: value } as RingRecord);
        else this.received++;
        if (kind === 'sample' && visitors.sample({ cpu: 0, size: value } as RingRecord) === STOP) break;
      }
      return step.length;
    };
    return { forEach } as unknown as RecordBatch;
  }
}

class WordsFormat implements RecordFormat {
  readonly unfit = 0;
  #words: string[] = [];
  begin(): void {
    this.#words.push('begin');
  }
  sample(record: RingRecord): void {
    this.#words.push(`${record.size}`);
  }
  lost(_cpu: number, count: number): void {
    this.#words.push(`lost ${count}`);
  }
  other(): void {}
  snapshot(): void {}
  take(): string {
    const text = this.#words.join(' ');
    this.#words = [];
    return text;
  }
}

interface Run {
  readonly written: string[];
  readonly stop: StopRequest;
  readonly finished: Promise<void>;
}

function run(
  reader: FakeReader,
  options: { count?: number; write?: (text: string) => Promise<void> } = {},
): Run {
  const written: string[] = [];
  const stop = new StopRequest();
  const write = async (chunk: string | Uint8Array): Promise<void> => {
    await options.write?.(String(chunk));
    written.push(String(chunk));
  };
  const finished = new StreamCollection(reader.asReader()).run({
    format: new WordsFormat(),
    output: { write },
    stop,
    count: options.count,
    stopProducer: () => reader.log.push('producer off'),
    quiet: true,
    sharesTerminal: false,
  });
  return { written, stop, finished };
}

describe('StreamCollection', () => {
  it('writes batch by batch, then on a stop ends the program, and drains the rings', async () => {
    const reader = new FakeReader(
      [
        [
          ['sample', 1],
          ['sample', 2],
        ],
        [['sample', 3]],
      ],
      [['sample', 4]],
    );
    const { written, stop, finished } = run(reader);
    stop.request('duration');
    await finished;
    expect(written).toEqual(['begin', '1 2', '3', '4']);
    expect(reader.log.filter((entry) => entry !== 'visit')).toEqual([
      'producer off',
      'close, drained',
      'left',
    ]);
  });

  it('drains also when the stop came before it began', async () => {
    const reader = new FakeReader([], [['sample', 1]]);
    const stop = new StopRequest();
    stop.request('signal');
    const written: string[] = [];
    await new StreamCollection(reader.asReader()).run({
      format: new WordsFormat(),
      output: { write: async (chunk) => void written.push(String(chunk)) },
      stop,
      count: undefined,
      stopProducer: () => undefined,
      quiet: true,
      sharesTerminal: false,
    });
    expect(written).toEqual(['begin', '1']);
  });

  it('stops in the middle of a batch at the sample that was asked for last', async () => {
    const reader = new FakeReader([
      [
        ['sample', 1],
        ['sample', 2],
        ['sample', 3],
      ],
    ]);
    const { written, finished } = run(reader, { count: 2 });
    await finished;
    expect(written).toEqual(['begin', '1 2']);
    expect(reader.received).toBe(2);
    expect(reader.log).toEqual(['visit', 'left']);
  });

  it('writes losses at their place, and at the end those without a record', async () => {
    const reader = new FakeReader([
      [
        ['sample', 1],
        ['lost', 5],
        ['sample', 2],
      ],
    ]);
    reader.lost = 12;
    const { written, stop, finished } = run(reader);
    stop.request('signal');
    await finished;
    expect(written.join('; ')).toBe('begin; 1 lost 5 2; lost 7');
  });

  it('visits no batch before the output has accepted the last one', async () => {
    const reader = new FakeReader([[['sample', 1]], [['sample', 2]]]);
    let take: () => void = () => undefined;
    const taken = new Promise<void>((resolve) => {
      take = resolve;
    });
    const { written, stop, finished } = run(reader, {
      write: (text) => (text === '1' ? taken : Promise.resolve()),
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(reader.log).toEqual(['visit']);
    take();
    stop.request('signal');
    await finished;
    expect(written).toEqual(['begin', '1', '2']);
  });

  it('leaves the reader to others when the output fails', async () => {
    const reader = new FakeReader([[['sample', 1]], [['sample', 2]]]);
    const { finished } = run(reader, {
      write: (text) => (text === '1' ? Promise.reject(new Error('full')) : Promise.resolve()),
    });
    await expect(finished).rejects.toThrow('full');
    expect(reader.log).toEqual(['visit', 'left']);
  });

  it('closes the reader although the program cannot be ended, and reports that', async () => {
    const reader = new FakeReader([]);
    const stop = new StopRequest();
    const finished = new StreamCollection(reader.asReader()).run({
      format: new WordsFormat(),
      output: { write: () => Promise.resolve() },
      stop,
      count: undefined,
      stopProducer: () => {
        throw new Error('it goes on');
      },
      quiet: true,
      sharesTerminal: false,
    });
    stop.request('signal');
    await expect(finished).rejects.toThrow('it goes on');
    expect(reader.log).toContain('close, drained');
  });
});
