import { setImmediate } from 'node:timers/promises';
import { type OwnedRecordStream, readableOf } from '../../../lib/delivery/readable';
import type { RecordBatch } from '../../../lib/delivery/record-batch';
import type { OwnedRecord } from '../../../lib/records/owned-record';
import type { RecordVisitor } from '../../../lib/records/record';
import { RingFixture } from '../../support/ring-fixture';
import { sampleBytes } from '../../support/ring-records';

/** A stream of records that hold 0, 1, 2, …, in batches of these sizes; then it ends, or fails. */
function streamOf(batches: readonly number[], options: { highWaterMark?: number; failure?: Error } = {}) {
  const { failure, ...given } = options;
  let sequence = 0;
  let isLeft = false;
  const stream = readableOf(async function* (signal) {
    try {
      for (const size of batches) {
        if (signal.aborted) return;
        const made = new RingFixture({ dataPageCount: 16 });
        for (let index = 0; index < size; index++) {
          made.publish(sampleBytes(new Uint8Array(Uint32Array.of(sequence++).buffer)));
        }
        made.ring.startReadBatch();
        yield {
          forEach: (visitor: RecordVisitor) => made.ring.visit(visitor),
        } as unknown as RecordBatch;
        await setImmediate();
      }
      if (failure !== undefined) throw failure;
    } finally {
      isLeft = true;
    }
  }, given);
  return { stream, isLeft: () => isLeft };
}

const numberOf = (record: OwnedRecord): number => record.u32(0);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

async function numbersOf(stream: OwnedRecordStream): Promise<number[]> {
  const numbers: number[] = [];
  for await (const record of stream) numbers.push(numberOf(record));
  return numbers;
}

describe('a stream of copied records', () => {
  it.each([1, 3, 256, 1000])('gives all, in their order, with a buffer of %i', async (highWaterMark) => {
    const { stream, isLeft } = streamOf([5, 0, 1, 300, 7], { highWaterMark });
    const closed = new Promise((resolve) => stream.once('close', resolve));
    expect(await numbersOf(stream)).toEqual(upTo(313));
    await closed;
    expect(isLeft()).toBe(true);
  });

  it('gives the same by events', async () => {
    const { stream } = streamOf([5, 300]);
    const numbers: number[] = [];
    stream.on('data', (record: OwnedRecord) => numbers.push(numberOf(record)));
    await new Promise((resolve) => stream.once('end', resolve));
    expect(numbers).toEqual(upTo(305));
  });

  it('gives the rest to a loop when some were read before', async () => {
    const { stream } = streamOf([50, 50], { highWaterMark: 8 });
    await new Promise((resolve) => stream.once('readable', resolve));
    const first = stream.read() as OwnedRecord;
    expect([numberOf(first), ...(await numbersOf(stream))]).toEqual(upTo(100));
  });

  it('gives each record once to calls of next() that do not wait for each other', async () => {
    const { stream } = streamOf([3, 40]);
    const iterator = stream[Symbol.asyncIterator]();
    const results = await Promise.all(Array.from({ length: 45 }, () => iterator.next()));
    expect(results.slice(0, 43).map(({ value }) => numberOf(value as OwnedRecord))).toEqual(upTo(43));
    expect(results.slice(43).map(({ done }) => done)).toEqual([true, true]);
  });

  it('is destroyed when its loop is left, after one record or many', async () => {
    for (const count of [1, 2, 30]) {
      const { stream, isLeft } = streamOf([20, 20, 20]);
      let seen = 0;
      for await (const _ of stream) if (++seen === count) break;
      expect(stream.destroyed).toBe(true);
      await setImmediate();
      await setImmediate();
      expect(isLeft()).toBe(true);
    }
  });

  it('is destroyed by an iterator that is returned before it began', async () => {
    const { stream } = streamOf([20]);
    expect(await stream[Symbol.asyncIterator]().return?.()).toEqual({ done: true, value: undefined });
    expect(stream.destroyed).toBe(true);
  });

  it('has its loop throw what the source threw, after the records before it', async () => {
    const failure = new Error('no more');
    const { stream } = streamOf([4], { failure });
    const numbers: number[] = [];
    const loop = async (): Promise<void> => {
      for await (const record of stream) numbers.push(numberOf(record));
    };
    await expect(loop()).rejects.toBe(failure);
    expect(numbers).toEqual(upTo(4));
  });

  it('has its loop throw when it is destroyed from outside', async () => {
    const { stream } = streamOf([4, 4]);
    const loop = async (): Promise<void> => {
      for await (const record of stream) if (numberOf(record) === 1) stream.destroy();
    };
    await expect(loop()).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
  });

  it('keeps the iterator that does not destroy it', async () => {
    const { stream } = streamOf([4]);
    for await (const record of stream.iterator({ destroyOnReturn: false })) {
      expect(numberOf(record)).toBe(0);
      break;
    }
    expect(await numbersOf(stream)).toEqual([1, 2, 3]);
  });
});
