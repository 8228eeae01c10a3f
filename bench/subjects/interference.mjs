import { fromDist } from './load-source.mjs';

const { MemoryRingStorage, RingReader } = fromDist('index');

const PAGES = 16;
const DATA_TAIL = 1032;

/**
 * What else a program does with the library: three rings of its own, of different memory and record sizes, one with
 * lost records and records that wrap; five visitors that read other fields; one merge. Each `run` reads some of them.
 */
export class Interference {
  #storages = [
    filled({ shared: false, payload: 20 }),
    filled({ shared: true, payload: 100 }),
    filled({ shared: false, payload: 36, lost: true }),
  ];
  #reader = new RingReader({ live: false });
  #turn = 0;
  #sum = 0;
  #visitors = [
    (record) => {
      this.#sum += record.u32(4);
    },
    (record) => {
      this.#sum += record.u8(3) + record.u16(8);
    },
    (record) => {
      this.#sum += record.f64(8);
    },
    (record) => {
      this.#sum += record.string(0, 16).length;
    },
    (record) => record.size < 1000 && record.u64(0) >= 0n,
  ];

  constructor() {
    for (const { ring } of this.#storages) this.#reader.addRing(ring);
  }

  run() {
    const turn = this.#turn++;
    const visitor = this.#visitors[turn % this.#visitors.length];
    if (turn % 4 === 3) {
      for (const storage of this.#storages) rewind(storage);
      this.#reader.start();
      this.#reader.visit(visitor);
      this.#reader.finish();
      return;
    }
    const storage = this.#storages[turn % this.#storages.length];
    rewind(storage);
    const { ring } = storage;
    ring.startReadBatch();
    ring.visit(visitor);
    ring.finishReadBatch();
  }
}

/** A ring full of records, whose first and last wrap. */
function filled({ shared, payload, lost = false }) {
  const storage = new MemoryRingStorage({ dataPageCount: PAGES, shared });
  const { ring } = storage;
  const head = new DataView(storage.unsafeMemory);
  head.setBigUint64(1024, 16n, true); // so that the last record goes past the end
  head.setBigUint64(DATA_TAIL, 16n, true);
  const data = new Uint8Array(payload).fill(65);
  const lostRecord = new Uint8Array(16).fill(1);
  ring.startWriteBatch();
  for (let i = 0; ring.hasRoomFor(payload); i++) {
    if (lost && i % 50 === 49) ring.tryWrite(lostRecord, 2);
    ring.tryWrite(data);
  }
  ring.finishWriteBatch();
  return storage;
}

function rewind({ unsafeMemory }) {
  new DataView(unsafeMemory).setBigUint64(DATA_TAIL, 16n, true);
}
