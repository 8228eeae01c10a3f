import type { NativeAddon, PerfEventHandle } from '../../../lib/addon/contract';
import { Waker } from '../../../lib/delivery/waker';
import { answers, fakeNative } from '../../support/fake-native';
import { codeOf, messageOf } from '../../support/ring-errors';

const POLLER = { poller: true };
const ignoreWake = (): void => undefined;

/** A waker with an addon that records its calls. They succeed, unless `functions` replaces them. */
function scene(functions: Partial<Record<keyof NativeAddon, unknown>> = {}) {
  const calls: unknown[][] = [];
  const recorded =
    (name: string) =>
    (...args: unknown[]) => {
      calls.push([name, ...args.slice(1)]);
      return 0;
    };
  let wake: (reasons: number, hungUp?: number[]) => void = ignoreWake;
  const native = fakeNative({
    pollerOpen: (onWake: typeof wake) => {
      wake = onWake;
      return POLLER;
    },
    pollerSetRef: recorded('ref'),
    pollerSetTimer: recorded('timer'),
    ...functions,
  });
  return { native, calls, wake: (reasons: number, hungUp?: number[]) => wake(reasons, hungUp) };
}

describe('Waker', () => {
  it.each([
    ['EMFILE', /ulimit -n/],
    ['ENFILE', /fs\.file-max/],
    ['ENOMEM', /out of memory/],
    ['EPERM', /watching rings failed/],
  ])('cannot be made when epoll_create1 fails with %s', (errno, message) => {
    const { native } = scene({ pollerOpen: answers(errno) });
    const make = (): Waker => new Waker(native, ignoreWake);
    expect(codeOf(make)).toBe(errno);
    expect(messageOf(make)).toMatch(message);
  });

  it('does not keep the process alive by default, and makes no native call when nothing changes', () => {
    const { native, calls } = scene();
    const waker = new Waker(native, ignoreWake);
    waker.keepAlive(false);
    expect(calls).toEqual([['ref', false]]);
    waker.keepAlive(true);
    waker.keepAlive(true);
    waker.keepAlive(false);
    expect(calls).toEqual([
      ['ref', false],
      ['ref', true],
      ['ref', false],
    ]);
  });

  it('sets its timer when the interval changes, and only then', () => {
    const { native, calls } = scene();
    const waker = new Waker(native, ignoreWake);
    calls.length = 0;
    for (const microseconds of [0, 100, 100, 250, 0, 0]) waker.every(microseconds);
    expect(calls).toEqual([
      ['timer', 100, 100],
      ['timer', 250, 250],
      ['timer', 0, 0],
    ]);
  });

  it('sets the timer again after it could not', () => {
    let result = answers('EBADF');
    const { native } = scene({ pollerSetTimer: () => result() });
    const waker = new Waker(native, ignoreWake);
    expect(codeOf(() => waker.every(100))).toBe('ERR_PERF_CLOSED');
    expect(codeOf(() => waker.every(100))).toBe('ERR_PERF_CLOSED');
    result = () => 0;
    expect(codeOf(() => waker.every(100))).toBe('nothing');
  });

  it('says what cannot be watched', () => {
    const { native } = scene({ pollerAdd: answers('ENOSPC') });
    const waker = new Waker(native, ignoreWake);
    const event = {} as PerfEventHandle;
    const watch = (): void => waker.watch(event, 7, 'the ring of CPU 7');
    expect(codeOf(watch)).toBe('ENOSPC');
    expect(messageOf(watch)).toMatch(/CPU 7: .*max_user_watches/);
  });

  it('passes the reasons of a wake, and the CPUs whose events hung up', () => {
    const woken: unknown[][] = [];
    const { native, wake } = scene();
    new Waker(native, (...args) => woken.push(args));
    wake(1);
    wake(2, [4, 9]);
    expect(woken).toEqual([
      [1, []],
      [2, [4, 9]],
    ]);
  });
});
