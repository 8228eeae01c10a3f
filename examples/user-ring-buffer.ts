// Sends commands to a program, through a user ring buffer map. The program sends each back, through a ring buffer map.
// Give it the object file: it is compiled from test/support/bpf/commands.bpf.c.
import { BpfObject, defineLayout, RingBufferMap, RingBufferReader, UserRingBuffer, viewFor } from 'perfring';

async function main(path: string): Promise<void> {
  const object = await BpfObject.open(path).load();
  const commands = UserRingBuffer.open(object.map('commands'));
  const echoes = RingBufferMap.openByFd(object.map('echoes').fd);
  const reader = RingBufferReader.open(echoes);

  const command = new Uint8Array(16);
  for (let number = 1; number <= 3; number++) {
    new DataView(command.buffer).setUint32(0, number, true);
    command.set(Buffer.from(`go ${number}`), 8);
    if (!commands.write(command)) throw new Error('the ring is full: the program must drain it first');
  }
  // The program drains when it runs.
  object.program('drain').testRun({ dataIn: new Uint8Array(64) });

  const view = viewFor(defineLayout({ number: 'u32', process: 'u32', name: 'char[8]' }));
  for await (const batch of reader) {
    for (const event of view.each(batch)) console.log(`command ${event.number}: ${event.name}`);
    break;
  }
  console.log(`${commands.unreadBytes} bytes unread`);

  await reader.close();
  echoes.close();
  commands.close();
  object.close();
}

main(process.argv[2] ?? 'commands.bpf.o');
