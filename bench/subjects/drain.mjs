// Ours in the drain, copy and cliff rows, by the line protocol. The variants are in READERS.
import { now, SequenceCheck, serve } from './line-loop.mjs';
import { fromDist, loadProgram } from './load-source.mjs';
import { Interference } from './interference.mjs';

const { MmapRingStorage, PerfEventArray, PerfMapReader } = fromDist('index');

const PACKET = new Uint8Array(64);
const COPY_TARGET_BYTES = 1 << 16;

const check = new SequenceCheck();
let opened = null;

/** What the C and Go readers do with a record: read its 64-bit number and check it. */
const checkSequence = (record) => {
  check.see(record.u64AsNumber(0));
};

/** Records, by a visitor that also counts them. */
let counted = 0;
const countAndCheck = (record) => {
  check.see(record.u64AsNumber(0));
  counted++;
};

/** As the C reader does: one payload after the other into 64 KiB of our own. */
function copyingInto(slots) {
  let slot = 0;
  return (record) => {
    check.see(record.u64AsNumber(0));
    record.copyTo(slots[slot]);
    slot = slot + 1 === slots.length ? 0 : slot + 1;
  };
}

/** As cilium's Read does: each payload in an array of its own, the last ones kept. */
function copyingAnew() {
  const kept = new Array(1024).fill(null);
  let slot = 0;
  return (record) => {
    check.see(record.u64AsNumber(0));
    kept[slot] = record.bytes();
    slot = (slot + 1) & 1023;
  };
}

/** Pieces of one array, each as long as a payload: made once. */
function copySlots(payload) {
  const target = new Uint8Array(COPY_TARGET_BYTES);
  const length = Math.ceil((payload + 4) / 8) * 8 - 4; // as the kernel pads it
  return Array.from({ length: Math.floor(COPY_TARGET_BYTES / length) }, (_, i) =>
    target.subarray(i * length, (i + 1) * length),
  );
}

/** One ring, read through PerfRing: layer 1 over layer 2. */
function ringReader({ cpu, ringBytes }, map, visitor) {
  const storage = MmapRingStorage.open({
    cpu,
    dataPageCount: ringBytes / fromDist('addon/load').addon().pageSize(),
    wakeup: 'half-full',
  });
  map.set(cpu, storage.event);
  const { ring } = storage;
  return {
    consume() {
      ring.startReadBatch();
      ring.visit(visitor);
      ring.finishReadBatch();
    },
    close: () => storage.close(),
  };
}

/** PerfMapReader.drain(), nothing waking. */
function drainReader({ cpu, ringBytes }, map, visitorOf) {
  const reader = PerfMapReader.open(map, { cpus: [cpu], bufferBytes: ringBytes, wakeup: 'manual' });
  return { consume: () => reader.drain(visitorOf()), close: () => reader.close() };
}

/**
 * PerfMapReader's batches, awaited. Asking for a batch gives back the one before, so the next one is asked for ahead of
 * each fill. What comes before the batch is there, a wake and the event loop's turn, is timed when `fromFill`.
 */
function batchReader({ cpu, ringBytes }, map, fromFill) {
  const wakeup = { everyBytes: ringBytes / 64 };
  const reader = PerfMapReader.open(map, { cpus: [cpu], bufferBytes: ringBytes, wakeup });
  const batches = reader.batches();
  let next = batches.next();
  let batch;
  const takeNext = async () => {
    batch = (await next).value;
  };
  const read = () => {
    batch.forEach(checkSequence);
    next = batches.next();
  };
  const readOn = async (wanted) => {
    while (check.records < wanted) {
      await takeNext();
      read();
    }
  };
  return {
    ready: fromFill ? undefined : takeNext,
    consume(wanted) {
      if (fromFill) return readOn(wanted);
      read();
      // One batch had them all, but on a machine so slow that reading took its bound of time.
      return check.records < wanted ? readOn(wanted) : undefined;
    },
    close: () => reader.close(),
  };
}

/** Between any two drains, other visitors read other rings. */
function amongOthers(reader) {
  const interference = new Interference();
  return { ...reader, between: () => interference.run() };
}

const READERS = {
  ring: (question, map) => ringReader(question, map, checkSequence),
  drain: (question, map) => drainReader(question, map, () => checkSequence),
  counting: (question, map) => drainReader(question, map, () => countAndCheck),
  /** A new function object at each call, as people write it. */
  closures: (question, map) =>
    drainReader(question, map, () => (record) => {
      check.see(record.u64AsNumber(0));
    }),
  mixed: (question, map) => amongOthers(READERS.drain(question, map)),
  mixedClosures: (question, map) => amongOthers(READERS.closures(question, map)),
  batches: (question, map) => batchReader(question, map, false),
  woken: (question, map) => batchReader(question, map, true),
  copy(question, map) {
    const visitor = copyingInto(copySlots(question.payload));
    return drainReader(question, map, () => visitor);
  },
  bytes(question, map) {
    const visitor = copyingAnew();
    return drainReader(question, map, () => visitor);
  },
};

serve({
  async open(question) {
    const map = PerfEventArray.openById(question.map);
    const reader = await READERS[question.variant](question, map);
    opened = { map, reader, program: loadProgram(question.instructions) };
    check.restart();
    return { ready: 1 };
  },
  async drain({ records, cycles }) {
    const { reader, program } = opened;
    check.reset();
    counted = 0;
    let milliseconds = 0;
    for (let cycle = 1; cycle <= cycles; cycle++) {
      reader.between?.();
      program.testRun({ dataIn: PACKET, repeat: records });
      if (reader.ready) await reader.ready();
      const start = now();
      const pending = reader.consume(records * cycle);
      if (pending instanceof Promise) await pending;
      milliseconds += now() - start;
    }
    // Not asked for of those that don't count.
    const seen = counted === 0 ? check.records : Math.min(counted, check.records);
    return { ns: Math.round(milliseconds * 1e6), records: seen, gaps: check.gaps, lost: 0 };
  },
  async close() {
    await opened.reader.close();
    opened.map.close();
    opened.program.close();
    opened = null;
    return { closed: 1 };
  },
});
