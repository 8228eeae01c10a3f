import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setTimeout } from 'node:timers/promises';
import { addon } from '../../../lib/addon/load';
import { PerfEventArray } from '../../../lib/bpf/perf-event-array';
import type { PerfMapReaderOptions } from '../../../lib/perf-array/options';
import { PerfMapReader } from '../../../lib/perf-array/perf-map-reader';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { SampleProducer } from '../../support/producers';
import { CPUS, SCENE_CAPABILITIES } from '../../support/reader-scene';
import { until } from '../../support/until';
import { caughtWarnings } from '../../support/warnings';

afterAll(expectNothingLeft);

const [CPU = 0] = CPUS;

interface Stage {
  readonly array: PerfEventArray;
  readonly producer: SampleProducer;
  readonly reader: PerfMapReader;
  /** The online CPUs. */
  online: readonly number[];
}

/** A listener, and an action that makes a reader call it. */
interface Cue {
  readonly name: string;
  readonly options?: PerfMapReaderOptions;
  readonly sizes?: readonly number[];
  /** Called repeatedly until the listener is called. */
  readonly provoke: (stage: Stage) => void;
}

const CUES: readonly Cue[] = [
  {
    name: 'onLoss',
    options: { bufferBytes: 4096 },
    provoke: ({ producer }) => producer.emit(500, { cpu: CPU }),
  },
  {
    name: 'loss',
    options: { bufferBytes: 4096 },
    provoke: ({ producer }) => producer.emit(500, { cpu: CPU }),
  },
  // A record of more than 64 KiB, whose length does not fit into its header.
  {
    name: 'fault',
    options: { bufferBytes: 1 << 20 },
    sizes: [65_535],
    provoke: ({ producer }) => producer.emit(1, { cpu: CPU }),
  },
  { name: 'swap', provoke: ({ producer }) => producer.emit(500, { cpu: CPU }) },
  {
    name: 'cpu',
    provoke: (stage) => {
      stage.online = [CPU];
      stage.reader.refresh();
    },
  },
  {
    name: 'onlineCpus',
    provoke: ({ reader }) => {
      if (!reader.closed) reader.refresh();
    },
  },
  {
    name: 'taken',
    provoke: ({ array, reader }) => {
      PerfMapReader.open(array, { bufferBytes: 4096 })[Symbol.dispose]();
      if (!reader.closed) reader.pause();
    },
  },
  { name: 'close', provoke: ({ reader }) => void reader.close() },
];

/** Ways to read until the reader is closed. */
const READINGS: Readonly<Record<string, (reader: PerfMapReader) => Promise<void>>> = {
  'drain()': async (reader) => {
    for (; !reader.closed; await setTimeout(1)) reader.drain(() => undefined);
  },
  'forEach over batches': async (reader) => {
    for await (const batch of reader) batch.forEach(() => undefined);
  },
  'for-of over batches, with a body that awaits': async (reader) => {
    for await (const batch of reader) {
      for (const _ of batch) if (!reader.closed) await setTimeout(1);
    }
  },
  'read()': async (reader) => {
    while (!reader.closed) await reader.read();
  },
  'readable()': async (reader) => {
    for await (const _ of reader.readable());
  },
  nobody: async (reader) => {
    while (!reader.closed) await setTimeout(1);
  },
};

const ACTIONS: Readonly<Record<string, (reader: PerfMapReader) => unknown>> = {
  'close()': (reader) => reader.close(),
  'close({ drain: true })': (reader) => reader.close({ drain: true }),
  dispose: (reader) => reader[Symbol.dispose](),
};

/** A loop whose reader is closed meanwhile ends, or throws ERR_PERF_CLOSED. */
const orClosed = (error: { code?: unknown }): void => expect(error.code).toBe('ERR_PERF_CLOSED');

const cases = CUES.flatMap((cue) =>
  (['cpu', 'time'] as const).flatMap((order) =>
    Object.keys(READINGS).flatMap((reading) =>
      Object.keys(ACTIONS)
        // A fault is found only by reading.
        .filter(() => !(reading === 'nobody' && cue.name === 'fault'))
        .map((action) => ({ cue, name: cue.name, order, reading, action })),
    ),
  ),
);

describeWith(SCENE_CAPABILITIES, 'a listener', () => {
  caughtWarnings();

  it.each(cases)(
    '$name, order $order, $reading: may call $action',
    async ({ cue, order, reading, action }) => {
      const array = PerfEventArray.create();
      const producer = new SampleProducer(array, { sizes: cue.sizes ?? [48] });
      const slack = order === 'time' ? { slackNanoseconds: 0 } : {};
      const closings: unknown[] = [];
      let opened = false;
      const act = (): void => {
        if (!opened || closings.length > 0) return;
        closings.push(undefined);
        closings.push((ACTIONS[action] as (reader: PerfMapReader) => unknown)(stage.reader));
      };
      const ifMine = (message: unknown): void => {
        if (opened && (message as { reader: unknown }).reader === stage.reader) act();
      };
      const options: PerfMapReaderOptions = {
        order,
        ...slack,
        ...cue.options,
        onlineCpus: () => {
          if (cue.name === 'onlineCpus') act();
          return opened ? stage.online : CPUS;
        },
        ...(cue.name === 'onLoss' ? { onLoss: act } : {}),
      };
      subscribe(`perfring:${cue.name}`, ifMine);
      const before = addon().openHandles().perfEvents;
      const stage: Stage = { array, producer, reader: PerfMapReader.open(array, options), online: CPUS };
      opened = true;
      try {
        const read = (READINGS[reading] as (reader: PerfMapReader) => Promise<void>)(stage.reader).catch(
          orClosed,
        );
        await until(() => {
          if (closings.length === 0) cue.provoke(stage);
          return closings.length > 0;
        }, 'the listener');
        await Promise.all([...closings, read]);
        expect(stage.reader.closed).toBe(true);
        expect(addon().openHandles().perfEvents).toBe(before);
      } finally {
        unsubscribe(`perfring:${cue.name}`, ifMine);
        await stage.reader.close();
        producer.close();
        array.close();
      }
    },
  );

  it('of perfring:open may close the reader', () => {
    using array = PerfEventArray.create();
    const close = (message: unknown): void => (message as { reader: PerfMapReader }).reader[Symbol.dispose]();
    subscribe('perfring:open', close);
    try {
      expect(PerfMapReader.open(array).closed).toBe(true);
    } finally {
      unsubscribe('perfring:open', close);
    }
  });
});
