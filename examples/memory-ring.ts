// A ring in memory, without the kernel and without privileges. A writer and a reader share it.
import { MemoryRingStorage } from 'perfring';

const storage = new MemoryRingStorage({ dataPageCount: 4, shared: true });
const { ring } = storage;
const text = new TextEncoder();

ring.startWriteBatch();
for (const word of ['one', 'acquire', 'one', 'release', 'a', 'batch']) ring.write(text.encode(word));
ring.finishWriteBatch();

const words: string[] = [];
ring.startReadBatch();
ring.visit((record) => {
  words.push(record.string(0, record.size));
});
ring.finishReadBatch();
console.log(words.join(' '));

storage.close();
