import { RingBufferMap } from '../../lib/bpf/ring-buffer-map';
import type { RingRecord } from '../../lib/records/record';
import type { RingBufferReaderOptions } from '../../lib/sources/ring-buffer-options';
import { RingBufferReader } from '../../lib/sources/ring-buffer-reader';
import { RingBufferProducer, type RingBufferProducerOptions } from './ring-buffer-producer';

/** A ring buffer map, a program that writes sequence numbers into it, and its reader. */
export class RingBufferScene {
  readonly map: RingBufferMap;
  readonly producer: RingBufferProducer;
  readonly reader: RingBufferReader;
  /** The sequence numbers in the order of delivery. */
  readonly numbers: number[] = [];
  readonly sizes = new Set<number>();

  constructor(
    producer: RingBufferProducerOptions = {},
    reader: RingBufferReaderOptions = {},
    capacityBytes = 256 * 1024,
  ) {
    this.map = RingBufferMap.create({ capacityBytes });
    this.producer = new RingBufferProducer(this.map, producer);
    this.reader = RingBufferReader.open(this.map, reader);
  }

  readonly check = (record: RingRecord): void => {
    this.numbers.push(record.u64AsNumber(0));
    this.sizes.add(record.size);
  };

  async readBatches(): Promise<void> {
    for await (const batch of this.reader) batch.forEach(this.check);
  }

  /** Expects the numbers from 0 to count - 1, each once and in order. */
  expectAll(count: number): void {
    const firstWrong = this.numbers.findIndex((number, index) => number !== index);
    expect({ firstWrong, count: this.numbers.length }).toEqual({ firstWrong: -1, count });
  }

  /** Expects `count` numbers, ascending, none twice. Missing ones found no room in the ring. */
  expectAscending(count: number): void {
    const firstWrong = this.numbers.findIndex(
      (number, index) => index > 0 && number <= Number(this.numbers[index - 1]),
    );
    expect({ firstWrong, count: this.numbers.length }).toEqual({ firstWrong: -1, count });
  }

  [Symbol.dispose](): void {
    this.reader[Symbol.dispose]();
    this.producer[Symbol.dispose]();
    this.map.close();
  }
}
