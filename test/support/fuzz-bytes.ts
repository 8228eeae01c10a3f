import {
  PERF_SAMPLE_CALLCHAIN,
  PERF_SAMPLE_RAW,
  PERF_SAMPLE_TID,
  PERF_SAMPLE_TIME,
} from '../../lib/abi/perf-event';
import { decoderFor } from '../../lib/layout/sample-decoder';
import { defineLayout } from '../../lib/layout/sample-layout';
import { Dispatcher } from '../../lib/delivery/dispatcher';
import { RingReader } from '../../lib/merge/ring-reader';
import { ringGeometry } from '../../lib/ring/geometry';
import { internalsOf, type PerfRing, perfRingOver } from '../../lib/ring/perf-ring';
import type { RingRecord } from '../../lib/records/record';
import { recordFormat } from '../../lib/records/record-format';
import { FuzzRandom } from './fuzz-random';
import { fillHostile } from './fuzz-ring-bytes';
import { CURSOR_KINDS } from './ring-cursor-kinds';
import { codeOf } from './ring-errors';
import { decodeOrRefuse, readInEveryWay } from './ring-reads';

const CASES_IN_A_SEQUENCE = 50;
const PAGE = 2048;
const RINGS = 3;

/** Formats of samples, and the number of bytes that each has between the header and raw_size. */
const FORMATS = [
  { sampleType: PERF_SAMPLE_RAW, prefixBytes: 0 },
  { sampleType: PERF_SAMPLE_RAW | PERF_SAMPLE_TIME, prefixBytes: 8 },
  { sampleType: PERF_SAMPLE_RAW | PERF_SAMPLE_TID | PERF_SAMPLE_TIME, prefixBytes: 16 },
  { sampleType: PERF_SAMPLE_RAW | PERF_SAMPLE_TIME | PERF_SAMPLE_CALLCHAIN, prefixBytes: 16 },
] as const;

interface Ring {
  readonly ring: PerfRing;
  readonly data: Uint8Array;
  readonly positions: BigUint64Array;
}

/** Rings for many cases, so that their loops are specialised and their memory has bytes of earlier cases. */
interface Scene {
  readonly rings: readonly Ring[];
  readonly prefixBytes: number;
  /** Mostly the same reader, which gets specialised loops. A new one has delivered nothing, so it marks nothing late. */
  reader: RingReader;
  readonly cursor: string;
}

const scenes: Scene[] = CURSOR_KINDS.flatMap(([cursor, cursors]) =>
  FORMATS.flatMap(({ sampleType, prefixBytes }) =>
    [1, 2].map((pages): Scene => {
      const rings = Array.from({ length: RINGS }, (_, cpu): Ring => {
        const memory = new SharedArrayBuffer((1 + pages) * PAGE);
        const geometry = ringGeometry(memory, pages, PAGE);
        const made = cursors(geometry);
        return {
          ring: perfRingOver(
            geometry,
            { cpu, format: recordFormat({ sample_type: sampleType }) },
            made,
            made,
          ),
          data: new Uint8Array(memory, PAGE),
          positions: new BigUint64Array(memory, 1024, 2),
        };
      });
      return { rings, prefixBytes, reader: readerOf(rings), cursor };
    }),
  ),
);

function readerOf(rings: readonly Ring[]): RingReader {
  const reader = new RingReader({ live: false, onFault: () => undefined });
  for (const { ring } of rings) reader.addRing(ring);
  return reader;
}

const decode = decoderFor(
  defineLayout([
    { name: 'a', kind: 'u8' },
    { name: 'b', kind: 'u64', offset: 1 },
    { name: 'c', kind: 'f32' },
    { name: 'd', kind: 'char[16]' },
    { name: 'e', kind: 'bytes[40]', offset: 3 },
  ]),
);
const LAYOUT_END = 43;

/** A digest of every record that was visited, in order, by ring. */
let seen: number[][] = [];
let capacity = 0;
let lastTime = 0n;
let inOrder = false;
let thorough = false;

function see(record: RingRecord): void {
  const bytes = record.bytes();
  let digest = (record.type * 31 + record.misc) | 0;
  for (let at = 0; at < bytes.length; at++)
    digest = (Math.imul(digest, 16_777_619) ^ (bytes[at] as number)) | 0;
  digest = (digest ^ (bytes.length << 1)) | 0;
  const ring = seen[record.cpu];
  if (ring === undefined) throw new Error(`a record of ring ${record.cpu}`);
  ring.push(digest);
  if (ring.length > capacity / 8) throw new Error('no end');
  if (thorough) readInEveryWay(record, capacity);
  decodeOrRefuse(decode, record, LAYOUT_END);
  const { time } = record;
  if (inOrder && time !== undefined) {
    if (!record.late && time < lastTime) throw new Error(`time ${time} after ${lastTime}, and not late`);
    if (record.late && time >= lastTime) throw new Error(`time ${time} after ${lastTime} is late`);
    if (time > lastTime) lastTime = time;
  }
}

const dispatcher = new Dispatcher({
  typeBytes: 1,
  onError: (error) => {
    throw error;
  },
});
for (let type = 0; type < 256; type++) dispatcher.onMessage(type, see);
dispatcher.onLost(see);

/** Ways to read everything that is published. Expected errors are checked by their code; others are thrown. */
const WAYS: Readonly<Record<string, (scene: Scene, random: FuzzRandom) => void>> = {
  'peek and pop': ({ rings }) => {
    for (const { ring } of rings) {
      ring.startReadBatch();
      for (;;) {
        const code = codeOf(() => {
          for (let record = ring.peek(); record !== null; record = ring.peek()) {
            see(record);
            ring.pop();
          }
        });
        if (code === 'nothing') break;
        expectCorrupt(code);
        skip(ring);
      }
      ring.finishReadBatch();
    }
  },
  visit: ({ rings }) => {
    for (const { ring } of rings) {
      ring.startReadBatch();
      while (ring.bytesRemaining() > 0) {
        const code = codeOf(() => ring.visit(see));
        if (code === 'nothing') continue;
        expectCorrupt(code);
        skip(ring);
      }
      ring.finishReadBatch();
    }
  },
  'visits that end early': ({ rings }, random) => {
    for (const { ring } of rings) {
      for (let left = ring.startReadBatch(); left > 0; left = ring.startReadBatch()) {
        const code = codeOf(() => {
          const way = random.below(3);
          if (way === 0) ring.visit(see, { limit: 1 + random.below(5) });
          else if (way === 1) ring.visit(seeAndStop);
          else ring.visit(seeAndThrow);
        });
        if (code === 'HALT' || code === 'nothing') {
          ring.finishReadBatch();
          continue;
        }
        expectCorrupt(code);
        skip(ring);
        ring.finishReadBatch();
      }
      ring.finishReadBatch();
    }
  },
  merge: ({ reader }) => {
    reader.start();
    reader.visit(see);
    reader.finish();
  },
  'merge in steps': ({ reader }, random) => {
    for (let turns = 0; ; turns++) {
      expectAtMost(turns, RINGS * 1000);
      reader.start();
      const visited = reader.visit(see, { limit: 1 + random.below(20) });
      const empty = reader.isEmpty();
      reader.finish();
      if (visited === 0 && empty) break;
    }
  },
  'merge by peek and pop': ({ reader }) => {
    reader.start();
    for (let record = reader.peek(); record !== null; record = reader.peek()) {
      see(record);
      reader.pop();
    }
    reader.finish();
  },
  dispatch: ({ reader }) => {
    reader.start();
    reader.visit(dispatcher.visitors.sample, { other: see });
    reader.finish();
  },
};

/** An error that a visitor throws. */
class Halt extends Error {
  readonly code = 'HALT';
}

function seeAndStop(record: RingRecord): boolean {
  see(record);
  return false;
}

function seeAndThrow(record: RingRecord): void {
  see(record);
  throw new Halt();
}

function skip(ring: PerfRing): void {
  const before = ring.bytesRemaining();
  const { skippedBytes } = ring.skipFault();
  if (skippedBytes < 8 || before - ring.bytesRemaining() !== skippedBytes)
    throw new Error(`skipped ${skippedBytes}`);
}

function expectCorrupt(code: string): void {
  if (code !== 'ERR_PERF_RING_CORRUPT') throw new Error(code);
}

function expectAtMost(value: number, most: number): void {
  if (!(value <= most)) throw new Error(`no end: ${value} of ${most}`);
}

/** Runs the cases of one seed. Each reads the same bytes in two ways, which must end and visit the same records. */
export function fuzzBytes(seed: number): { findings: string[]; cases: number } {
  const random = new FuzzRandom(seed);
  const findings: string[] = [];
  for (let made = 0; made < CASES_IN_A_SEQUENCE; made++) {
    const scene = random.pick(scenes);
    const [{ ring }] = scene.rings as [Ring];
    capacity = ring.capacityBytes;
    thorough = random.chance(10);
    const tails = scene.rings.map(
      () => BigInt(random.below(capacity / 8) * 8) + 2n ** BigInt(random.pick([0, 12, 31, 32, 53, 63])) * 8n,
    );
    const lengths = scene.rings.map(() =>
      BigInt(random.pick([capacity, capacity, random.below(capacity / 8) * 8])),
    );
    for (const [index, { data }] of scene.rings.entries()) {
      const start = Number((tails[index] as bigint) % BigInt(capacity));
      fillHostile(random, data, start, scene.prefixBytes);
    }
    const names = Object.keys(WAYS);
    const ways = [random.pick(names), random.pick(names)];
    const results = ways.map((way) => {
      for (const [index, { positions, ring }] of scene.rings.entries()) {
        // Start with either of the two loops.
        internalsOf(ring).state.mixedCalls = random.pick([0, 1, 1000]);
        positions[1] = BigInt.asUintN(64, tails[index] as bigint);
        positions[0] = BigInt.asUintN(64, (tails[index] as bigint) + (lengths[index] as bigint));
      }
      seen = scene.rings.map(() => []);
      lastTime = 0n;
      inOrder = random.chance(10) && way.startsWith('merge');
      if (inOrder) scene.reader = readerOf(scene.rings);
      try {
        WAYS[way]?.(scene, random);
      } catch (error) {
        findings.push(`${way}, ${scene.cursor}: ${String((error as Error).stack)}`);
        recover(scene);
      }
      for (const { positions } of scene.rings) {
        if (positions[0] !== positions[1])
          findings.push(`${way}: ${(positions[0] as bigint) - (positions[1] as bigint)} bytes are left`);
      }
      return JSON.stringify(seen);
    });
    if (results[0] !== results[1] && !ways.includes('dispatch'))
      findings.push(`case ${made}: ${ways.join(' and ')} differ`);
    if (findings.length > 0) break;
  }
  return { findings, cases: CASES_IN_A_SEQUENCE };
}

function recover({ rings, reader }: Scene): void {
  codeOf(() => reader.finish());
  for (const { ring } of rings) codeOf(() => ring.resynchronise());
}
