import { errnoNumber } from '../../lib/abi/errno';
import type { NativeAddon, WakeCallback } from '../../lib/addon/contract';
import { addon } from '../../lib/addon/load';

type Call = (...args: unknown[]) => unknown;

/** The addon, but the test wakes the reader, counts its calls, and makes some fail. For one reader. */
export class SteeredNative {
  /** The intervals to which the timer was set, in microseconds, in order. */
  readonly intervals: number[] = [];
  /** How often each function was called. */
  readonly calls = new Map<keyof NativeAddon, number>();
  readonly #failing = new Map<keyof NativeAddon, { errno: string; when: (...args: never[]) => boolean }>();
  #onWake: WakeCallback | undefined;
  readonly native: NativeAddon;

  constructor() {
    this.native = new Proxy(addon(), {
      get: (target, property, receiver) => {
        const value = Reflect.get(target, property, receiver) as unknown;
        return typeof value === 'function'
          ? this.#steered(property as keyof NativeAddon, value as Call)
          : value;
      },
    });
  }

  /** Calls the callback as the addon does: for events or the timer, with the CPUs whose event hung up. */
  wake(reasons: number, hungUp?: number[]): void {
    this.#onWake?.(reasons, hungUp);
  }

  /** Makes all calls of this function fail, or those for which `when` returns true. */
  fail(name: keyof NativeAddon, errno: string, when: (...args: never[]) => boolean = () => true): void {
    this.#failing.set(name, { errno, when });
  }

  succeed(name: keyof NativeAddon): void {
    this.#failing.delete(name);
  }

  #steered(name: keyof NativeAddon, call: Call): Call {
    return (...args) => {
      this.calls.set(name, (this.calls.get(name) ?? 0) + 1);
      const failure = this.#failing.get(name);
      if (failure?.when(...(args as never[])) === true) return -errnoNumber(failure.errno);
      if (name === 'pollerOpen') {
        this.#onWake = args[0] as WakeCallback;
        return call(() => undefined);
      }
      if (name === 'pollerSetTimer') {
        this.intervals.push(args[2] as number);
        // The real timer stays off, so that the reader is woken only by the test.
        return call(args[0], 0, 0);
      }
      return call(...args);
    };
  }
}
