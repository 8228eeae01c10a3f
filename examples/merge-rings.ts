// Two rings in memory, as two CPUs would write them, read as one stream in time order, and sent on by message type.
import { Dispatcher, MemoryRingStorage, PerfRing, RingReader, recordFormat } from 'perfring';

/** A message: the time it was sent (u64, nanoseconds), its type (u32) and its content (u32). */
function message(time: bigint, type: number, value: number): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(16));
  bytes.setBigUint64(0, time, true);
  bytes.setUint32(8, type, true);
  bytes.setUint32(12, value, true);
  return new Uint8Array(bytes.buffer);
}

const OPENED = 1;
const CLOSED = 2;

// MemoryRingStorage allocates memory; PerfRing.initContiguous uses existing memory. The payload's first field is the time.
const storage = new MemoryRingStorage({ dataPageCount: 1, timeInPayload: 0, cpu: 0 });
const memory = new SharedArrayBuffer(2 * 4096);
const format = recordFormat();
const second = PerfRing.initContiguous(memory, 1, 4096, { format, timeInPayload: 0, cpu: 1 });

storage.ring.startWriteBatch();
storage.ring.write(message(10n, OPENED, 7));
storage.ring.write(message(30n, CLOSED, 7));
storage.ring.finishWriteBatch();
second.startWriteBatch();
second.write(message(20n, OPENED, 8));
second.finishWriteBatch();

const dispatcher = new Dispatcher({ typeOffset: 8 });
dispatcher.onMessage(OPENED, (record) =>
  console.log(`${record.time}: CPU ${record.cpu} opened ${record.u32(12)}`),
);
dispatcher.onMessage(CLOSED, (record) =>
  console.log(`${record.time}: CPU ${record.cpu} closed ${record.u32(12)}`),
);

// All records have been written, so the reader need not wait for later ones.
const reader = new RingReader({ live: false });
reader.addRing(storage.ring);
reader.addRing(second);
reader.start();
reader.visit(dispatcher.visitors.sample);
reader.finish();

storage.close();
second.close();
