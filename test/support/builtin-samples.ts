import { setTimeout } from 'node:timers/promises';
import { attachBuiltin } from '../../lib/bpf/attach-builtin';
import { PerfEventArray } from '../../lib/bpf/perf-event-array';
import type { BuiltinName, BuiltinNamed } from '../../lib/bpf/programs';
import type { BuiltinOptions } from '../../lib/bpf/programs/builtin-program';
import { decoderFor } from '../../lib/layout/sample-decoder';
import type { LayoutValues, SampleLayout } from '../../lib/layout/sample-layout';
import { PerfMapReader } from '../../lib/perf-array/perf-map-reader';

/** What the samples of a built-in program decode to, and the CPU and size of each. */
export type BuiltinSample<Name extends BuiltinName> = LayoutValues<BuiltinNamed<Name>['layout']> & {
  readonly cpu: number;
  readonly size: number;
};

/** Runs a built-in program while `run` runs. @returns its samples, of which none was lost */
export async function builtinSamples<Name extends BuiltinName>(
  name: Name,
  options: BuiltinOptions,
  run: () => unknown,
): Promise<BuiltinSample<Name>[]> {
  using array = PerfEventArray.create();
  const samples: BuiltinSample<Name>[] = [];
  const reader = PerfMapReader.open(array, { order: 'time', timeInPayload: 0, bufferBytes: 2 ** 22 });
  try {
    const attached = attachBuiltin(name, array, options);
    const decode = decoderFor(attached.builtin.layout as SampleLayout);
    const consumed = consume();
    try {
      await run();
    } finally {
      attached.close();
    }
    await reader.close({ drain: true });
    await consumed;
    expect(reader.stats().total.lost).toBe(0);
    return samples;

    async function consume(): Promise<void> {
      for await (const batch of reader.batches()) {
        batch.forEach((record) => {
          const { cpu, size } = record;
          samples.push({ ...decode(record), cpu, size } as BuiltinSample<Name>);
        });
      }
    }
  } finally {
    await reader.close();
    // Programs that run on other CPUs when they are detached end a little later.
    await setTimeout(1);
  }
}
