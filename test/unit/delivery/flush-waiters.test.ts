import { RingCounters } from '../../../lib/records/record-ring';
import { FlushWaiters } from '../../../lib/delivery/flush-waiters';

/** A ring with counts of consumed and of unread bytes. */
class FakeRing {
  readonly counters = new RingCounters();

  constructor(
    consumedBytes: number,
    public unread: number,
  ) {
    this.counters.consumedBytes = consumedBytes;
  }

  unreadBytes(): number {
    return this.unread;
  }

  consume(bytes: number): void {
    this.counters.consumedBytes += bytes;
    this.unread -= bytes;
  }
}

async function settledOf(promise: Promise<void>): Promise<string> {
  const pending = new Promise<string>((resolve) => setImmediate(resolve, 'pending'));
  const settled = promise.then(
    () => 'resolved',
    (error: unknown) => String((error as { code?: unknown }).code ?? error),
  );
  return Promise.race([settled, pending]);
}

describe('FlushWaiters', () => {
  it('resolves when everything that was in the rings has been consumed', async () => {
    const rings = [new FakeRing(100, 50), new FakeRing(0, 10)] as const;
    const waiters = new FlushWaiters();
    const flush = waiters.wait(rings, undefined);
    waiters.check();
    expect(await settledOf(flush)).toBe('pending');
    // Records that come later are not waited for.
    rings[0].unread += 1000;
    rings[0].consume(50);
    waiters.check();
    expect(await settledOf(flush)).toBe('pending');
    rings[1].consume(10);
    waiters.check();
    expect(await settledOf(flush)).toBe('resolved');
  });

  it('resolves at once when the rings are empty', async () => {
    const waiters = new FlushWaiters();
    const flush = waiters.wait([new FakeRing(5, 0)], undefined);
    waiters.check();
    expect(await settledOf(flush)).toBe('resolved');
  });

  it('keeps waiters apart', async () => {
    const ring = new FakeRing(0, 10);
    const waiters = new FlushWaiters();
    const first = waiters.wait([ring], undefined);
    ring.unread += 10;
    const second = waiters.wait([ring], undefined);
    ring.consume(10);
    waiters.check();
    expect([await settledOf(first), await settledOf(second)]).toEqual(['resolved', 'pending']);
    waiters.end();
    expect(await settledOf(second)).toBe('ERR_PERF_CLOSED');
  });

  it('at the end resolves the waiters whose records were consumed, and rejects the others', async () => {
    const ring = new FakeRing(0, 10);
    const waiters = new FlushWaiters();
    const flush = waiters.wait([ring], undefined);
    ring.consume(10);
    waiters.end();
    expect(await settledOf(flush)).toBe('resolved');
  });

  it('listens to a signal no longer than it waits', async () => {
    const controller = new AbortController();
    let listeners = 0;
    const { signal } = controller;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>): void => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>): void => {
      listeners--;
      remove(...args);
    };
    const ring = new FakeRing(0, 10);
    const waiters = new FlushWaiters();
    const resolved = waiters.wait([ring], signal);
    ring.consume(10);
    waiters.check();
    await resolved;
    ring.unread = 5;
    const rejected = waiters.wait([ring], signal);
    waiters.end();
    await expect(rejected).rejects.toMatchObject({ code: 'ERR_PERF_CLOSED' });
    expect(listeners).toBe(0);
    const aborted = waiters.wait([ring], signal);
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    expect(() => waiters.wait([ring], signal)).toThrow(reason);
  });

  it('resolves when a ring is empty that had claimed more than it contained', async () => {
    const ring = new FakeRing(0, 4096);
    const waiters = new FlushWaiters();
    const flush = waiters.wait([ring], undefined);
    ring.unread = 0;
    waiters.check();
    expect(await settledOf(flush)).toBe('resolved');
  });
});
