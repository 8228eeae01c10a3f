import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { encodePerfEventAttr, PERF_COUNT_SW_DUMMY, PERF_TYPE_SOFTWARE } from '../../../lib/abi/perf-event';
import { BAD_ARGUMENT, type PollerHandle, WAKE_EVENTS, WAKE_TIMER } from '../../../lib/addon/contract';
import { addon } from '../../../lib/addon/load';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith, READER_CAPABILITIES } from '../../support/privilege';
import { opened, openOutputEvent, RingFixture } from './kernel-fixture';

const { EEXIST, ENOENT } = constants.errno;
const native = addon();

/** A poller that records the calls of its callback and lets a test wait for the next one. */
class Wakes {
  readonly poller: PollerHandle;
  readonly calls: { reasons: number; hungUp: number[] | undefined }[] = [];
  onWake: () => void = () => {};
  #next: () => void = () => {};

  constructor() {
    this.poller = opened(
      native.pollerOpen((reasons, hungUp) => {
        this.calls.push({ reasons, hungUp });
        this.#next();
        this.onWake();
      }),
    );
  }

  /** Resolves with the next call for which `matches` returns true. It may already have been made. */
  async until(matches: (call: (typeof this.calls)[number]) => boolean): Promise<(typeof this.calls)[number]> {
    for (;;) {
      const call = this.calls.find(matches);
      if (call !== undefined) return call;
      await new Promise<void>((resolve) => {
        this.#next = resolve;
      });
    }
  }

  /** Waits for the wake that follows each addition, and removes it from the list. */
  async settle(): Promise<void> {
    await this.until(({ reasons }) => (reasons & WAKE_EVENTS) !== 0);
    this.calls.length = 0;
  }

  close(): void {
    native.pollerClose(this.poller);
  }
}

/** Long enough for the event loop to make all calls that are due. */
const someTurns = () => delay(30);

describeWith(READER_CAPABILITIES, 'pollers', () => {
  it('wake when a program writes to a ring', async () => {
    const fixture = new RingFixture();
    const wakes = new Wakes();
    expect(native.pollerAdd(wakes.poller, fixture.event, 7)).toBe(0);
    await wakes.settle();
    fixture.source.write(1);
    expect(await wakes.until(() => true)).toEqual({ reasons: WAKE_EVENTS, hungUp: undefined });
    expect(fixture.positions.available()).toBe(fixture.source.recordBytes);
    wakes.close();
    fixture.close();
  });

  it('wake once for an addition, because earlier records are not signalled', async () => {
    const fixture = new RingFixture();
    fixture.source.write(1);
    const wakes = new Wakes();
    native.pollerAdd(wakes.poller, fixture.event, 0);
    expect(await wakes.until(() => true)).toEqual({ reasons: WAKE_EVENTS, hungUp: undefined });
    await someTurns();
    expect(wakes.calls).toHaveLength(1);
    wakes.close();
    fixture.close();
  });

  it('wake for a record written between the addition and the first turn of the event loop', async () => {
    const fixture = new RingFixture();
    const wakes = new Wakes();
    native.pollerAdd(wakes.poller, fixture.event, 0);
    fixture.source.write(1);
    await wakes.until(({ reasons }) => reasons === WAKE_EVENTS);
    wakes.close();
    fixture.close();
  });

  it('wake for each of many rings, again and again', async () => {
    const fixtures = Array.from({ length: 70 }, () => new RingFixture());
    const wakes = new Wakes();
    for (const [token, { event }] of fixtures.entries()) native.pollerAdd(wakes.poller, event, token);
    await wakes.settle();
    for (const { ring, source } of fixtures) {
      wakes.calls.length = 0;
      source.write(1);
      await wakes.until(({ reasons }) => reasons === WAKE_EVENTS);
      expect(native.ringSkipToHead(ring)).toBe(source.recordBytes);
    }
    wakes.close();
    for (const fixture of fixtures) fixture.close();
  });

  it('do not wake for an event that was removed', async () => {
    const fixture = new RingFixture();
    const wakes = new Wakes();
    native.pollerAdd(wakes.poller, fixture.event, 0);
    await wakes.settle();
    expect(native.pollerRemove(wakes.poller, fixture.event)).toBe(0);
    fixture.source.write(1);
    await someTurns();
    expect(wakes.calls).toEqual([]);
    wakes.close();
    fixture.close();
  });

  it('forget a closed event, even if its slot and its mapping keep it alive', async () => {
    const fixture = new RingFixture();
    const wakes = new Wakes();
    native.pollerAdd(wakes.poller, fixture.event, 0);
    await wakes.settle();
    native.perfEventClose(fixture.event);
    fixture.source.write(1);
    expect(fixture.positions.available()).toBe(fixture.source.recordBytes);
    await someTurns();
    expect(wakes.calls).toEqual([]);
    wakes.close();
    fixture.close();
  });

  it('return the errno of an event that is there twice, or not at all', () => {
    const fixture = new RingFixture();
    const wakes = new Wakes();
    expect(native.pollerAdd(wakes.poller, fixture.event, 1)).toBe(0);
    expect(native.pollerAdd(wakes.poller, fixture.event, 2)).toBe(-EEXIST);
    expect(native.pollerRemove(wakes.poller, fixture.event)).toBe(0);
    expect(native.pollerRemove(wakes.poller, fixture.event)).toBe(-ENOENT);
    wakes.close();
    fixture.close();
  });

  describe('a hung-up event', () => {
    it('is reported once by its token and removed: an event without a mapping', async () => {
      const event = openOutputEvent();
      const fixture = new RingFixture();
      const wakes = new Wakes();
      native.pollerAdd(wakes.poller, fixture.event, 4);
      native.pollerAdd(wakes.poller, event, 5);
      expect((await wakes.until(({ hungUp }) => hungUp !== undefined)).hungUp).toEqual([5]);
      await someTurns();
      expect(wakes.calls.filter(({ hungUp }) => hungUp !== undefined)).toHaveLength(1);
      expect(native.pollerRemove(wakes.poller, event)).toBe(-ENOENT);
      expect(native.pollerRemove(wakes.poller, fixture.event)).toBe(0);
      wakes.close();
      fixture.close();
      native.perfEventClose(event);
    });

    it('is one whose process ended', async () => {
      const child = spawn('sleep', ['60'], { stdio: 'ignore' });
      await once(child, 'spawn');
      const attr = encodePerfEventAttr({ type: PERF_TYPE_SOFTWARE, config: PERF_COUNT_SW_DUMMY, comm: true });
      const event = opened(native.perfEventOpen(attr, child.pid ?? -1, -1, -1, 0));
      const ring = opened(native.ringMap(event, 1, true));
      const wakes = new Wakes();
      native.pollerAdd(wakes.poller, event, 31);
      await wakes.settle();
      wakes.calls.length = 0;
      child.kill('SIGKILL');
      expect((await wakes.until(({ hungUp }) => hungUp !== undefined)).hungUp).toEqual([31]);
      // Not every wake looks for hang-ups, but the event is gone after a few.
      expect(wakes.calls.length).toBeLessThanOrEqual(16);
      await someTurns();
      expect(wakes.calls.at(-1)?.hungUp).toEqual([31]);
      wakes.close();
      native.ringClose(ring);
      native.perfEventClose(event);
    });
  });

  describe('the timer', () => {
    it('fires once without an interval', async () => {
      const wakes = new Wakes();
      expect(native.pollerSetTimer(wakes.poller, 1000, 0)).toBe(0);
      expect(await wakes.until(() => true)).toEqual({ reasons: WAKE_TIMER, hungUp: undefined });
      await someTurns();
      expect(wakes.calls).toHaveLength(1);
      wakes.close();
    });

    it('fires again and again with one, until it is disarmed', async () => {
      const wakes = new Wakes();
      native.pollerSetTimer(wakes.poller, 1, 500);
      await wakes.until(() => wakes.calls.length >= 5);
      expect(native.pollerSetTimer(wakes.poller, 0, 0)).toBe(0);
      wakes.calls.length = 0;
      await someTurns();
      expect(wakes.calls).toEqual([]);
      wakes.close();
    });

    it('takes no interval without a first expiry, and no time that is negative, huge or a fraction', () => {
      const wakes = new Wakes();
      for (const [first, interval] of [
        [0, 5],
        [-1, 0],
        [1, -1],
        [0.5, 0],
        [2 ** 60, 0],
        [1, Number.NaN],
      ] as const) {
        expect(native.pollerSetTimer(wakes.poller, first, interval)).toBe(BAD_ARGUMENT);
      }
      wakes.close();
    });
  });

  describe('closing', () => {
    it('is idempotent, and leaves a poller that is a bad argument', () => {
      const fixture = new RingFixture();
      const { poller } = new Wakes();
      expect(native.pollerClose(poller)).toBe(0);
      expect(native.pollerClose(poller)).toBe(0);
      expect(native.pollerAdd(poller, fixture.event, 0)).toBe(BAD_ARGUMENT);
      expect(native.pollerRemove(poller, fixture.event)).toBe(BAD_ARGUMENT);
      expect(native.pollerSetTimer(poller, 1, 1)).toBe(BAD_ARGUMENT);
      expect(native.pollerSetRef(poller, true)).toBe(BAD_ARGUMENT);
      fixture.close();
    });

    it('within the callback is the end of callbacks, with everything else closed there too', async () => {
      const fixture = new RingFixture();
      const wakes = new Wakes();
      native.pollerAdd(wakes.poller, fixture.event, 0);
      native.pollerSetTimer(wakes.poller, 100, 100);
      wakes.onWake = () => {
        fixture.close();
        wakes.close();
      };
      await wakes.until(() => true);
      await someTurns();
      expect(wakes.calls).toHaveLength(1);
    });

    it('another poller within the callback is the end of its callbacks', async () => {
      const one = new Wakes();
      const other = new Wakes();
      const closeBoth = () => {
        one.close();
        other.close();
      };
      one.onWake = closeBoth;
      other.onWake = closeBoth;
      native.pollerSetTimer(one.poller, 1, 0);
      native.pollerSetTimer(other.poller, 1, 0);
      await Promise.race([one.until(() => true), other.until(() => true)]);
      await someTurns();
      expect(one.calls.length + other.calls.length).toBe(1);
    });
  });

  it('take a function, and tokens from 0 to 2^31 - 1', () => {
    expect(native.pollerOpen({} as () => void)).toBe(BAD_ARGUMENT);
    expect(native.pollerOpen(undefined as unknown as () => void)).toBe(BAD_ARGUMENT);
    const fixture = new RingFixture();
    const { poller } = new Wakes();
    for (const token of [-1, 2 ** 31, 0.5, Number.NaN, '1' as unknown as number]) {
      expect(native.pollerAdd(poller, fixture.event, token)).toBe(BAD_ARGUMENT);
    }
    expect(native.pollerAdd(poller, fixture.event, 2 ** 31 - 1)).toBe(0);
    native.pollerClose(poller);
    fixture.close();
  });

  afterAll(expectNothingLeft);
});
