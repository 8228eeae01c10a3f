import type { FuzzRandom } from './fuzz-random';
import { recordBytes, sampleBytes } from './ring-records';

/** Valid and invalid values for the parts of a header. */
const WORDS = [
  0, 1, 2, 4, 7, 8, 9, 12, 13, 15, 16, 24, 32, 64, 2040, 2048, 2056, 4096, 0x7fff, 0x8000, 0xfff8, 0xffff,
  65_524, 65_536, 0x7fff_ffff, 0x8000_0000, 0xffff_fff8, 0xffff_ffff,
];

/**
 * Fills a data area with hostile bytes: records as the kernel writes them, from `start` on, of which some bytes are
 * then changed; or random bytes.
 */
export function fillHostile(random: FuzzRandom, data: Uint8Array, start: number, prefixBytes: number): void {
  const way = random.below(10);
  if (way === 0) {
    for (let at = 0; at < data.length; at++) data[at] = random.next();
    return;
  }
  if (way === 1) data.fill(random.pick([0, 8, 9, 255]));
  else fillWithRecords(random, data, start, prefixBytes);
  const mutations = random.pick([0, 0, 1, 1, 2, 4, 8, 40]);
  for (let made = 0; made < mutations; made++) mutate(random, data);
}

function fillWithRecords(random: FuzzRandom, data: Uint8Array, start: number, prefixBytes: number): void {
  let at = 0;
  // Runs of equal sizes, for which the scan uses another loop.
  let record = someRecord(random, prefixBytes, 0);
  for (let index = 0; at < data.length; index++) {
    if (random.chance(30)) record = someRecord(random, prefixBytes, index);
    for (let i = 0; i < record.length; i++) data[(start + at + i) % data.length] = record[i] as number;
    at += record.length;
  }
}

function someRecord(random: FuzzRandom, prefixBytes: number, index: number): Uint8Array {
  if (random.chance(8)) return recordBytes(random.pick([1, 2, 2, 3, 77]), random.bytes(8 * random.below(5)));
  const prefix = new Uint8Array(prefixBytes);
  // Every word of 8 bytes before raw_size gets a time that mostly grows.
  for (let at = 0; at + 8 <= prefix.length; at += 8) prefix[at + 1] = Math.min(255, index + random.below(3));
  const length = random.pick([1, 4, 12, 12, 20, 52, 52, random.below(300)]);
  return sampleBytes(random.bytes(length), prefix);
}

function mutate(random: FuzzRandom, data: Uint8Array): void {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const record = random.below(data.length / 8) * 8;
  switch (random.below(5)) {
    case 0:
      view.setUint16(record + 6, random.pick(WORDS), true);
      break;
    case 1:
      view.setUint32(record, random.pick([9, 9, 2, 0, 1, 0xffff_ffff]), true);
      break;
    case 2:
      view.setUint32(random.below(data.length / 4) * 4, random.pick(WORDS), true);
      break;
    case 3:
      data[random.below(data.length)] = random.next();
      break;
    default:
      data.copyWithin(random.below(data.length), record, record + random.below(200));
  }
}
