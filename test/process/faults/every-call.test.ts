import { errnoNumber } from '../../../lib/abi/errno';
import type { NativeAddon } from '../../../lib/addon/contract';
import { addon, withAddon } from '../../../lib/addon/load';
import { attachBuiltin, FlightRecorder, PerfEventArray, PerfMapReader } from '../../../lib/index';
import { expectNothingLeft, takeLedger } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { CPUS, SCENE_CAPABILITIES } from '../../support/reader-scene';

afterAll(expectNothingLeft);

/** What fails in one of these; functions that only let go of something do not fail. */
const FAILING = [
  'perfEventOpen',
  'ringMap',
  'ringBuffer',
  'perfEventSetOutput',
  'pollerOpen',
  'pollerAdd',
  'bpfMapCreate',
  'bpfMapInfo',
  'bpfMapSetEvent',
  'bpfProgramLoad',
  'bpfRawTracepointOpen',
  'tracepointId',
  'perfEventSetBpf',
  'perfEventEnable',
] as const satisfies readonly (keyof NativeAddon)[];

/** The addon, where a function answers ENOMEM from its nth call on: but for the slot probe, which is done without. */
function failingAt(
  name: (typeof FAILING)[number],
  nth: number,
): { native: NativeAddon; failed: () => boolean } {
  const real = addon();
  let calls = 0;
  const native = {
    ...real,
    [name]: (...args: unknown[]) => {
      if (args.includes('perfring_slot')) return Reflect.apply(real[name], real, args);
      calls++;
      return calls >= nth ? -errnoNumber('ENOMEM') : Reflect.apply(real[name], real, args);
    },
  };
  return { native, failed: () => calls >= nth };
}

const WORK: [string, (native: NativeAddon) => void][] = [
  [
    'a moderated reader of a program',
    (native) => {
      using array = withAddon(native, () => PerfEventArray.create());
      using reader = withAddon(native, () => PerfMapReader.open(array, { bufferBytes: 4096 }));
      using attached = withAddon(native, () => attachBuiltin('sched_switch', array));
      expect([reader.closed, attached.closed]).toEqual([false, false]);
    },
  ],
  [
    'a reader by time, and a tracepoint',
    (native) => {
      using array = withAddon(native, () => PerfEventArray.create());
      using reader = withAddon(native, () =>
        PerfMapReader.open(array, { bufferBytes: 4096, order: 'time', wakeup: { everyEvents: 1 } }),
      );
      using attached = withAddon(native, () => attachBuiltin('sched_process_exec', array));
      expect([reader.closed, attached.closed]).toEqual([false, false]);
    },
  ],
  [
    'a flight recorder',
    (native) => {
      using array = withAddon(native, () => PerfEventArray.create());
      using recorder = withAddon(native, () => FlightRecorder.open(array, { bufferBytes: 4096 }));
      expect(recorder.closed).toBe(false);
    },
  ],
];

describeWith(SCENE_CAPABILITIES, 'when a call of the kernel fails', () => {
  it.each(WORK)(
    'at whichever step, %s is not opened, says which call it was, and holds nothing',
    (_, work) => {
      const before = takeLedger().handles;
      let failures = 0;
      for (const name of FAILING) {
        for (let nth = 1; nth <= 2 * CPUS.length + 1; nth++) {
          const { native, failed } = failingAt(name, nth);
          let code: unknown;
          let message = '';
          try {
            work(native);
          } catch (error) {
            ({ code, message } = error as { code: unknown; message: string });
          }
          // Where the call came that often, it failed, and the work with it.
          expect([name, nth, code !== undefined]).toEqual([name, nth, failed()]);
          if (code === undefined) break;
          failures++;
          expect([name, message]).toEqual([name, expect.stringMatching(/ENOMEM/)]);
          const { mappings: _mappings, ...handles } = takeLedger().handles;
          const { mappings: _before, ...expected } = before;
          expect({ name, nth, ...handles }).toEqual({ name, nth, ...expected });
        }
      }
      expect(failures).toBeGreaterThan(5);
    },
  );
});
