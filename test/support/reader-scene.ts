import type { NativeAddon } from '../../lib/addon/contract';
import { addon, withAddon } from '../../lib/addon/load';
import { PerfEventArray } from '../../lib/bpf/perf-event-array';
import type { PerfMapReaderOptions } from '../../lib/perf-array/options';
import { PerfMapReader } from '../../lib/perf-array/perf-map-reader';
import { onlineCpus } from '../../lib/host/cpu-list';
import type { Capability } from '../../lib/abi/capability';
import { type ProducerOptions, SampleProducer } from './producers';
import { SampleCheck } from './sample-check';

/** The capabilities that a scene needs: to load programs and read, and for the producer's tc program. */
export const SCENE_CAPABILITIES: readonly Capability[] = [
  'CAP_BPF',
  'CAP_PERFMON',
  'CAP_NET_ADMIN',
  'CAP_SYS_ADMIN',
];

export const CPUS: readonly number[] = onlineCpus();

/** A perf event array, a producer that writes to it, and a reader of it, for one test. */
export class ReaderScene implements Disposable {
  readonly array: PerfEventArray;
  readonly producer: SampleProducer;
  readonly reader: PerfMapReader;
  readonly check: SampleCheck;

  constructor(
    options: PerfMapReaderOptions = {},
    { sizes = [48] }: ProducerOptions = {},
    native: NativeAddon = addon(),
  ) {
    this.array = withAddon(native, () => PerfEventArray.create());
    this.check = new SampleCheck(sizes);
    try {
      this.producer = new SampleProducer(this.array, { sizes });
    } catch (error) {
      this.array.close();
      throw error;
    }
    try {
      this.reader = withAddon(native, () => PerfMapReader.open(this.array, options));
    } catch (error) {
      this.producer.close();
      this.array.close();
      throw error;
    }
  }

  /** Emits `count` samples on every CPU. */
  emitEverywhere(count: number): void {
    for (const cpu of CPUS) this.producer.emit(count, { cpu });
  }

  /** The samples that were emitted on a CPU while its slot had an event. */
  emitted(cpu: number): number {
    const { emitted, failed } = this.producer.counts(cpu);
    return emitted - (failed['ENOENT'] ?? 0);
  }

  /**
   * Expects that the delivered samples are those of the producer, and that received + lost == emitted for every CPU.
   * Read everything before.
   */
  expectExactAccounts(): void {
    expect(this.check.errors).toEqual([]);
    const stats = this.reader.stats();
    for (const { cpu, received, lost, truncated, corrupt } of stats.cpus) {
      const emitted = this.emitted(cpu);
      expect({ cpu, received, lost, truncated, corrupt }).toEqual({
        cpu,
        received: this.check.received(cpu),
        lost: emitted - received,
        truncated: 0,
        corrupt: 0,
      });
    }
    const sum = (name: 'received' | 'lost'): number => stats.cpus.reduce((all, one) => all + one[name], 0);
    expect([stats.total.received, stats.total.lost]).toEqual([sum('received'), sum('lost')]);
  }

  [Symbol.dispose](): void {
    this.reader[Symbol.dispose]();
    this.producer.close();
    this.array.close();
  }
}

/** Makes scenes whose reader has this order. In time order the slack is 0, so that records are due at once. */
export function scenesIn(order: 'cpu' | 'time'): (options?: PerfMapReaderOptions) => ReaderScene {
  const slack = order === 'time' ? { slackNanoseconds: 0 } : {};
  return (options = {}) => new ReaderScene({ order, ...slack, ...options });
}
