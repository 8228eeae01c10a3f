import { ProducerProcess, type ProducerReport } from './producer-process';
import { CPUS } from './reader-scene';

export interface FloodOptions {
  readonly mapId: number;
  readonly sizes?: readonly number[];
  /** Samples per second on each CPU; as fast as they go when left out. */
  readonly rate?: number;
  /** With a rate: so long they emit, and as long they do not, in turns. */
  readonly burstMilliseconds?: number;
  readonly cpus?: readonly number[];
}

/** A producer process on every CPU, at once. */
export class Flood {
  readonly #producers: readonly (readonly [cpu: number, producer: ProducerProcess])[];

  private constructor(producers: readonly (readonly [number, ProducerProcess])[]) {
    this.#producers = producers;
  }

  /** Begins as soon as all are ready. */
  static async start({ cpus = CPUS, ...options }: FloodOptions): Promise<Flood> {
    const producers: [number, ProducerProcess][] = [];
    try {
      for (const cpu of cpus) producers.push([cpu, await ProducerProcess.spawn({ ...options, cpu })]);
    } catch (error) {
      for (const [, producer] of producers) producer.kill();
      throw error;
    }
    for (const [, producer] of producers) producer.start();
    return new Flood(producers);
  }

  /** @returns by CPU what was emitted in all */
  async stop(): Promise<Map<number, ProducerReport>> {
    const reports = await Promise.all(
      this.#producers.map(async ([cpu, producer]) => [cpu, await producer.stop()] as const),
    );
    return new Map(reports);
  }

  /** Whatever they do. For `finally`. */
  kill(): void {
    for (const [, producer] of this.#producers) producer.kill();
  }
}
