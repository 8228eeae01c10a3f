import type { NativeAddon } from '../../lib/addon/contract';
import { addon, withAddon } from '../../lib/addon/load';
import { PerfEventArray } from '../../lib/bpf/perf-event-array';
import { FlightRecorder, type FlightRecorderOptions } from '../../lib/perf-array/flight-recorder';
import { SampleProducer } from './producers';
import { CPUS } from './reader-scene';

/** A perf event array, a producer that writes to it, and a flight recorder on it, for one test. */
export class FlightScene implements Disposable {
  readonly array: PerfEventArray;
  readonly producer: SampleProducer;
  readonly recorder: FlightRecorder;

  constructor(
    options: FlightRecorderOptions = {},
    sizes: readonly number[] = [48],
    native: NativeAddon = addon(),
  ) {
    this.array = withAddon(native, () => PerfEventArray.create());
    this.producer = new SampleProducer(this.array, { sizes });
    this.recorder = withAddon(native, () => FlightRecorder.open(this.array, options));
  }

  emitEverywhere(count: number): void {
    for (const cpu of CPUS) this.producer.emit(count, { cpu });
  }

  [Symbol.dispose](): void {
    this.recorder.close();
    this.producer.close();
    this.array.close();
  }
}
