// Our time-ordered merge over rings in memory, and the plain drain of the same rings.
import { now, serve } from './line-loop.mjs';
import { fromDist } from './load-source.mjs';

const { MemoryRingStorage } = fromDist('storage/memory-ring-storage');
const { RingReader } = fromDist('merge/ring-reader');

/** All rings together: constant, so that the number of rings alone changes, and not what the caches hold. */
const TOTAL_BYTES = 4 << 20;
const PAGE_BYTES = 4096;
const PAYLOAD = 52; // what the kernel makes of 48
const RECORD_BYTES = 64;
const RECORD_SIZE = 6;
const RECORD_TIME = 12 + 8;
const DATA_TAIL = 1032;

const check = { next: 0, wrong: 0, records: 0 };
let storages = [];
let metadata = [];
let reader = null;
/** Time of the first record of the next pass in order. */
let begin = 0;

/** The time is the number of the record among all: every record must be the next one. */
const inOrder = (record) => {
  const time = record.u64AsNumber(8);
  if (time !== check.next) check.wrong++;
  check.next = time + 1;
  check.records++;
};

/** Ring after ring: every record must be the next one of its ring. */
const inRing = (record) => {
  const sequence = record.u64AsNumber(0);
  if (sequence !== check.next) check.wrong++;
  check.next = sequence + 1;
  check.records++;
};

/** A fixed sequence of pseudo-random numbers: every run merges the same rings. */
function randomNumbers(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 4_294_967_296) * below);
  };
}

/** Fills all rings: runs of `run` records of one ring after another, the rings drawn at random. */
function fill(rings, run) {
  const random = randomNumbers(rings);
  const payload = new Uint8Array(PAYLOAD);
  const view = new DataView(payload.buffer);
  const perRing = TOTAL_BYTES / rings / RECORD_BYTES - 1;
  const written = new Array(rings).fill(0);
  const open = storages.map((_, index) => index);
  for (const { ring } of storages) ring.startWriteBatch();
  let time = 0;
  while (open.length > 0) {
    const pick = random(open.length);
    const index = open[pick];
    for (let i = 0; i < run && written[index] < perRing; i++) {
      view.setBigUint64(0, BigInt(written[index]++), true);
      view.setBigUint64(8, BigInt(time++), true);
      storages[index].ring.write(payload);
    }
    if (written[index] === perRing) open.splice(pick, 1);
  }
  for (const { ring } of storages) ring.finishWriteBatch();
  return time;
}

/** Moves all times on, so that the rings can be merged again: what has been merged before would be late. */
function moveOn(records) {
  begin += records;
  for (const page of metadata) {
    for (let at = PAGE_BYTES; at < page.byteLength; at += RECORD_BYTES) {
      if (page.getUint16(at + RECORD_SIZE, true) !== RECORD_BYTES) continue;
      page.setBigUint64(at + RECORD_TIME, page.getBigUint64(at + RECORD_TIME, true) + BigInt(records), true);
    }
  }
}

serve({
  fill({ rings, run }) {
    const dataPageCount = TOTAL_BYTES / rings / PAGE_BYTES;
    storages = Array.from(
      { length: rings },
      (_, cpu) => new MemoryRingStorage({ dataPageCount, pageSize: PAGE_BYTES, cpu, timeInPayload: 8 }),
    );
    metadata = storages.map(({ unsafeMemory }) => new DataView(unsafeMemory));
    reader = new RingReader({ live: false });
    for (const { ring } of storages) reader.addRing(ring);
    begin = 0;
    return { records: fill(rings, run) };
  },
  pass({ ordered }) {
    for (const page of metadata) page.setBigUint64(DATA_TAIL, 0n, true); // everything is unread again
    check.wrong = check.records = 0;
    check.next = begin;
    const start = now();
    if (ordered) {
      reader.start();
      reader.visit(inOrder);
      reader.finish();
    } else {
      for (const { ring } of storages) {
        check.next = 0;
        ring.startReadBatch();
        ring.visit(inRing);
        ring.finishReadBatch();
      }
    }
    const ns = Math.round((now() - start) * 1e6);
    if (ordered) moveOn(check.records);
    return { ns, records: check.records, gaps: check.wrong + reader.late };
  },
});
