import { parentPort } from 'node:worker_threads';
import { threadData } from './ring-thread';
import { RandomNumbers } from './ring-traffic';

/** A ring, and a word that stops the thread when it is not 0. */
export interface Hostility {
  readonly memory: SharedArrayBuffer;
  readonly pageSize: number;
  readonly seed: number;
  readonly stop: SharedArrayBuffer;
  /** Whether data_head and data_tail are changed, too. */
  readonly positions: boolean;
}

/** Valid and invalid sizes for headers. */
const SIZES = [0, 4, 7, 8, 16, 16, 24, 24, 32, 64, 64, 64, 2048, 2056, 4096, 0x7ff8, 0xfff8, 0xffff];
const RAW_SIZES = [0, 3, 4, 4, 12, 12, 20, 52, 52, 53, 65_524, 65_540, 0x7fff_ffff, 0xffff_ffff];

/** Changes headers, payloads and positions of a ring until it is stopped, while the reader and the writer use it. */
function torment({ memory, pageSize, seed, stop, positions }: Hostility): number {
  const random = new RandomNumbers(seed);
  const data = new Int32Array(memory, pageSize);
  const cursors = new BigUint64Array(memory, 1024, 2);
  const stopped = new Int32Array(stop);
  const capacity = BigInt(data.byteLength);
  const pick = (values: readonly number[]): number => values[random.below(values.length)] as number;
  let writes = 0;
  for (; Atomics.load(stopped, 0) === 0; writes++) {
    const word = random.below(data.length / 2) * 2;
    switch (random.below(positions ? 8 : 6)) {
      case 0:
        Atomics.store(data, word, pick([9, 9, 9, 2, 0, -1]));
        break;
      case 1:
      case 2:
        Atomics.store(data, word + 1, pick(SIZES) << 16);
        break;
      case 3:
      case 4:
        Atomics.store(data, word, pick(RAW_SIZES));
        break;
      case 5:
        Atomics.store(data, random.below(data.length), random.next());
        break;
      case 6:
        // Publish something: data_head is ahead of data_tail by a valid number of bytes.
        Atomics.store(cursors, 0, Atomics.load(cursors, 1) + BigInt(random.below(data.length / 2) * 8));
        break;
      default:
        if (random.below(64) === 0) Atomics.store(cursors, random.below(2), BigInt(random.next()) << 20n);
        else Atomics.store(cursors, 0, Atomics.load(cursors, 1) + (BigInt(random.next()) % (capacity + 64n)));
    }
  }
  return writes;
}

parentPort?.postMessage(torment(threadData<Hostility>()));
