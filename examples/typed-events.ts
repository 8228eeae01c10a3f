// Samples of two types in one stream, as typed events. A ring in memory stands for the kernel's: no privilege.
import { defineLayout, defineUnion, MemoryRingStorage, viewFor } from 'perfring';

const address = defineLayout({ ip: 'ipv4', port: 'u16be' });
const connect = defineLayout({ type: 'u32', pid: 'u32', comm: 'char[16]', peer: address });
const exec = defineLayout({ type: 'u32', pid: 'u32', length: 'u16', path: 'char[length]' });
const events = defineUnion(
  { kind: 'u32', offset: 0 },
  { connect: { value: 1, layout: connect }, exec: { value: 2, layout: exec } },
);

const storage = new MemoryRingStorage({ dataPageCount: 1 });
const { ring } = storage;
ring.startWriteBatch();
ring.write(Buffer.from('010000002a0000006e6f6465000000000000000000000000c0a8000101bb0000', 'hex'));
ring.write(Buffer.from('020000002b00000007002f62696e2f6c73', 'hex'));
ring.write(Buffer.from('03000000ff', 'hex'));
ring.finishWriteBatch();

const view = viewFor(events);
ring.startReadBatch();
ring.visit((record) => {
  const event = view(record);
  if (event === null) return; // too short for its type: counted in view.unfit
  switch (event.type) {
    case 'connect':
      console.log(`${event.pid} ${event.comm} connects to ${event.peer.ip}:${event.peer.port}`);
      break;
    case 'exec':
      console.log(`${event.pid} starts ${event.path}`);
      break;
    case undefined:
      console.log(`an event of the unknown type ${event.tag}: ${event.bytes.length} bytes`);
  }
});
ring.finishReadBatch();
console.log(`${view.unfit} too short, ${view.unknown} unknown`);

storage.close();
