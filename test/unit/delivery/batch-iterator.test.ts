import { BatchIterator, type BatchSource } from '../../../lib/delivery/batch-iterator';
import { DEFAULT_LIMITS } from '../../../lib/delivery/limits';
import { Notices } from '../../../lib/delivery/notices';
import type { RecordBatch } from '../../../lib/delivery/record-batch';

/** A source of batches whose rings have the records that a test adds. */
class Scene implements BatchSource {
  readonly log: string[] = [];
  readonly notices = new Notices();
  found = 0;
  awake = false;
  closed = false;
  entering: Error | undefined;
  looking: Error | undefined;
  givingBack: Error | undefined;
  wakeUp: (() => void) | undefined;
  #batches = 0;

  enter = (): void => {
    this.log.push('enter');
    if (this.entering !== undefined) throw this.entering;
  };
  finishBatch = (): void => {
    this.log.push('give back');
    if (this.givingBack !== undefined) throw this.givingBack;
  };
  beginBatch = (): RecordBatch | null => {
    this.wakeUp = undefined;
    this.awake = false;
    if (this.looking !== undefined) throw this.looking;
    if (this.found === 0) return null;
    this.found--;
    const name = `batch ${this.#batches++}`;
    return { name, end: () => this.log.push(`end of ${name}`) } as unknown as RecordBatch;
  };
  wait = (wakeUp: () => void): void => {
    this.log.push('wait');
    this.wakeUp = wakeUp;
  };
  leave = (): void => {
    this.log.push('leave');
  };

  /** Adds records to the rings and wakes the iterator if it waits. */
  wake(found = 1): void {
    this.found += found;
    this.wakeUp?.();
  }
}

const iterate = (scene: Scene, signal?: AbortSignal): BatchIterator =>
  new BatchIterator(scene, DEFAULT_LIMITS, signal);

const nameOf = (batch: unknown): string | undefined => (batch as { name?: string } | undefined)?.name;

/** The state of a promise after this many microtasks. */
async function stateOf(promise: Promise<unknown>, microtasks: number): Promise<'settled' | 'pending'> {
  let settled = false;
  promise.then(
    () => (settled = true),
    () => (settled = true),
  );
  for (let i = 0; i < microtasks; i++) await null;
  return settled ? 'settled' : 'pending';
}

describe('an iteration over batches', () => {
  it('delivers at once what is in the rings', async () => {
    const scene = new Scene();
    scene.found = 1;
    const { value, done } = await iterate(scene).next();
    expect([nameOf(value), done]).toEqual(['batch 0', false]);
    expect(scene.log).toEqual(['enter']);
  });

  it('waits when there is nothing, and delivers what a wake finds one microtask later', async () => {
    const scene = new Scene();
    const next = iterate(scene).next();
    expect(await stateOf(next, 10)).toBe('pending');
    scene.wake();
    expect(await stateOf(next, 2)).toBe('settled');
    expect(nameOf((await next).value)).toBe('batch 0');
  });

  it('keeps waiting after a wake that found nothing', async () => {
    const scene = new Scene();
    const next = iterate(scene).next();
    scene.wakeUp?.();
    expect(await stateOf(next, 10)).toBe('pending');
    scene.wake();
    expect(nameOf((await next).value)).toBe('batch 0');
    expect(scene.log).toEqual(['enter', 'wait', 'wait']);
  });

  it('ends a batch before it releases what was visited, and only when the next is requested', async () => {
    const scene = new Scene();
    scene.found = 1;
    const batches = iterate(scene);
    await batches.next();
    expect(scene.log).toEqual(['enter']);
    void batches.next();
    expect(scene.log).toEqual(['enter', 'end of batch 0', 'give back', 'wait']);
  });

  it('returns to the event loop before it delivers the rest', async () => {
    const scene = new Scene();
    scene.found = 2;
    const batches = iterate(scene);
    await batches.next();
    scene.awake = true;
    let loopWentOn = false;
    setImmediate(() => {
      loopWentOn = true;
    });
    const next = batches.next();
    expect(await stateOf(next, 10)).toBe('pending');
    expect(nameOf((await next).value)).toBe('batch 1');
    expect(loopWentOn).toBe(true);
  });

  it('resolves several pending calls in the order in which they were made', async () => {
    const scene = new Scene();
    const batches = iterate(scene);
    const asked = [batches.next(), batches.next(), batches.return(), batches.next()];
    scene.wake();
    expect(nameOf((await asked[0])?.value)).toBe('batch 0');
    await null;
    scene.wake();
    const [, second, returned, after] = await Promise.all(asked);
    expect(nameOf(second?.value)).toBe('batch 1');
    expect([returned?.done, after?.done]).toEqual([true, true]);
    expect(scene.log.filter((entry) => entry === 'leave')).toEqual(['leave']);
  });

  it('leaves once, however and how often it is ended', async () => {
    const scene = new Scene();
    scene.found = 1;
    const batches = iterate(scene);
    await batches.next();
    expect((await batches.return()).done).toBe(true);
    expect((await batches.return()).done).toBe(true);
    expect((await batches.next()).done).toBe(true);
    await batches[Symbol.asyncDispose]();
    expect(scene.log).toEqual(['enter', 'end of batch 0', 'leave']);
  });

  it('neither enters nor leaves when it ends before it began', async () => {
    const scene = new Scene();
    const batches = iterate(scene);
    await batches.return();
    expect((await batches.next()).done).toBe(true);
    expect(scene.log).toEqual([]);
  });

  it('rejects with the argument of throw(), and ends', async () => {
    const scene = new Scene();
    scene.found = 1;
    const batches = iterate(scene);
    await batches.next();
    await expect(batches.throw(new Error('mine'))).rejects.toThrow('mine');
    expect((await batches.next()).done).toBe(true);
    expect(scene.log).toEqual(['enter', 'end of batch 0', 'leave']);
  });

  it('ends when the reader is closed while it waits', async () => {
    const scene = new Scene();
    const next = iterate(scene).next();
    scene.closed = true;
    scene.wakeUp?.();
    expect((await next).done).toBe(true);
    expect(scene.log).toEqual(['enter', 'wait', 'leave']);
  });

  it('ends when beginning a batch closes the reader', async () => {
    const scene = new Scene();
    scene.beginBatch = () => {
      scene.closed = true;
      return null;
    };
    expect((await iterate(scene).next()).done).toBe(true);
  });

  it('ends at the signal, while it waits and while a batch is lent', async () => {
    const waiting = new Scene();
    const stop = new AbortController();
    const next = iterate(waiting, stop.signal).next();
    const lending = new Scene();
    lending.found = 1;
    const batches = iterate(lending, stop.signal);
    await batches.next();
    stop.abort();
    expect((await next).done).toBe(true);
    expect(lending.log).toEqual(['enter']);
    expect((await batches.next()).done).toBe(true);
  });

  it('rejects and ends when entering, beginning or finishing a batch fails', async () => {
    const failure = new Error('no');
    for (const where of ['entering', 'looking', 'givingBack'] as const) {
      const scene = new Scene();
      scene.found = 1;
      const batches = iterate(scene);
      if (where === 'givingBack') await batches.next();
      scene[where] = failure;
      await expect(batches.next()).rejects.toBe(failure);
      expect((await batches.next()).done).toBe(true);
    }
  });

  it.each([
    ['in its first look', 'beginBatch'],
    ['when a batch is given back', 'finishBatch'],
    ['in a look that a wake caused', 'beginBatch'],
    ['when it leaves', 'leave'],
  ] as const)('serves a listener that requests the next batch %s', async (when, step) => {
    const scene = new Scene();
    const asked: Promise<unknown>[] = [];
    let notices = when === 'in a look that a wake caused' ? -1 : 0;
    const original = scene[step];
    scene[step] = (): never => {
      if (notices++ === 0) scene.notices.add(() => asked.push(batches.next(), batches.return()));
      return original() as never;
    };
    const batches = iterate(scene);
    scene.found = when === 'when a batch is given back' ? 1 : 0;
    asked.push(batches.next());
    if (when === 'when a batch is given back') asked.push(batches.next());
    if (when === 'when it leaves') asked.push(batches.return());
    for (let round = 0; round < 10; round++) {
      scene.wake();
      await new Promise(setImmediate);
    }
    expect(asked.length).toBeGreaterThanOrEqual(3);
    const results = (await Promise.all(asked)) as { done: boolean }[];
    expect(results.some(({ done }) => done)).toBe(true);
  });
});
