import { ProducerProcess, type ProducerReport } from './producer-process';
import { CPUS } from './reader-scene';

export interface FloodOptions {
  readonly mapId: number;
  readonly sizes?: readonly number[];
  /** Samples per second on each CPU; unlimited by default. */
  readonly rate?: number;
  /** With a rate: the length of the periods in which they emit and then pause, in turns. */
  readonly burstMilliseconds?: number;
  readonly cpus?: readonly number[];
}

/** A producer process for each CPU. All emit at the same time. */
export class Flood {
  readonly #producers: readonly (readonly [cpu: number, producer: ProducerProcess])[];

  private constructor(producers: readonly (readonly [number, ProducerProcess])[]) {
    this.#producers = producers;
  }

  /** Emitting begins when all processes are ready. */
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

  /** @returns the report of the producer of each CPU */
  async stop(): Promise<Map<number, ProducerReport>> {
    const reports = await Promise.all(
      this.#producers.map(async ([cpu, producer]) => [cpu, await producer.stop()] as const),
    );
    return new Map(reports);
  }

  /** Ends the processes in any state. For `finally`. */
  kill(): void {
    for (const [, producer] of this.#producers) producer.kill();
  }
}
