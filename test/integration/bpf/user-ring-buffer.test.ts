import { BPF_MAP_TYPE_ARRAY } from '../../../lib/abi/bpf';
import { BpfMap } from '../../../lib/bpf/bpf-map';
import { BpfObject } from '../../../lib/bpf/bpf-object';
import { RingBufferMap } from '../../../lib/bpf/ring-buffer-map';
import { UserRingBuffer } from '../../../lib/bpf/user-ring-buffer';
import { RingBufferReader } from '../../../lib/sources/ring-buffer-reader';
import { objectPath } from '../../support/bpf-objects';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';

const code = (name: string): Error => expect.objectContaining({ code: name }) as Error;
const PACKET = new Uint8Array(14);
/** sizeof(struct command), and the bytes that a record of it takes. */
const COMMAND_BYTES = 16;
const RECORD_BYTES = 24;

function command(number: number, name: string): Uint8Array {
  const bytes = Buffer.alloc(COMMAND_BYTES);
  bytes.writeUInt32LE(number, 0);
  bytes.writeUInt32LE(process.pid, 4);
  bytes.write(name, 8, 'latin1');
  return new Uint8Array(bytes);
}

/** The program that sends commands back, its maps, a writer and a reader. */
class Scene {
  readonly object: BpfObject;
  readonly map: BpfMap;
  readonly writer: UserRingBuffer;
  readonly echoes: RingBufferMap;
  readonly reader: RingBufferReader;

  private constructor(object: BpfObject) {
    this.object = object;
    this.map = object.map('commands');
    this.writer = UserRingBuffer.open(this.map);
    const echoes = object.map('echoes');
    this.echoes = RingBufferMap.openByFd(echoes.fd);
    this.reader = RingBufferReader.open(this.echoes, { wakeup: 'manual' });
  }

  static async open(): Promise<Scene> {
    const object = BpfObject.open(objectPath('commands'));
    await object.load();
    return new Scene(object);
  }

  /** Has the program drain its commands. @returns the numbers of the commands that it sent back */
  drain(): number[] {
    this.object.program('drain').testRun({ dataIn: PACKET });
    const numbers: number[] = [];
    this.reader.drain((record) => {
      expect(record.u32(4)).toBe(process.pid);
      numbers.push(record.u32(0));
    });
    return numbers;
  }

  [Symbol.dispose](): void {
    this.reader[Symbol.dispose]();
    this.echoes.close();
    this.writer.close();
    this.object.close();
  }
}

afterAll(expectNothingLeft);

describeWith(['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_PERFMON', 'CAP_SYS_ADMIN'], 'UserRingBuffer', () => {
  it('sends records to a program, each once and in order, many times round the ring', async () => {
    using s = await Scene.open();
    let sent = 0;
    for (let round = 0; round < 200; round++) {
      const expected: number[] = [];
      for (let i = 0; i < 1 + (round % 150); i++) {
        expect(s.writer.write(command(sent, 'go'))).toBe(true);
        expected.push(sent++);
      }
      expect(s.writer.unreadBytes).toBe(expected.length * RECORD_BYTES);
      expect(s.drain()).toEqual(expected);
      expect([s.object.get('drained'), s.writer.unreadBytes]).toEqual([BigInt(expected.length), 0]);
    }
    expect(sent * RECORD_BYTES).toBeGreaterThan(10 * s.writer.capacityBytes);
  });

  it('takes no more than the ring holds, and goes on when it was drained', async () => {
    using s = await Scene.open();
    let written = 0;
    while (s.writer.write(command(written, 'fill'))) written++;
    expect(written).toBe(Math.floor(4096 / RECORD_BYTES));
    expect(s.writer.write(command(0, 'no'))).toBe(false);
    // 16 bytes are left, which an empty record and its header do not need.
    expect(s.writer.write(new Uint8Array(0))).toBe(true);
    expect(s.drain()).toEqual(Array.from({ length: written }, (_, i) => i));
    expect(s.object.get('too_short')).toBe(1n);
    expect(s.writer.write(command(7, 'again'))).toBe(true);
    expect(s.drain()).toEqual([7]);
  });

  it('takes payloads of any length up to the ring, less 8 bytes', async () => {
    using s = await Scene.open();
    for (const length of [0, 1, 7, 8, 9, 15, 4088]) {
      expect(s.writer.write(new Uint8Array(length))).toBe(true);
      s.object.program('drain').testRun({ dataIn: PACKET });
      expect([length, s.object.get('drained')]).toEqual([length, 1n]);
    }
    expect(s.object.get('too_short')).toBe(6n);
    expect(() => s.writer.write(new Uint8Array(4089))).toThrow(code('ERR_PERF_RECORD_TOO_LARGE'));
  });

  it('notices another writer before it writes, and continues behind it', async () => {
    using s = await Scene.open();
    using other = UserRingBuffer.open(s.map);
    s.writer.write(command(1, 'mine'));
    expect(() => other.write(command(2, 'theirs'))).toThrow(code('ERR_PERF_BUSY'));
    expect(other.write(command(2, 'theirs'))).toBe(true);
    expect(() => s.writer.write(command(3, 'mine'))).toThrow(code('ERR_PERF_BUSY'));
    expect(s.drain()).toEqual([1, 2]);
    expect(s.writer.write(command(3, 'mine'))).toBe(true);
    expect(s.drain()).toEqual([3]);
  });

  it('outlives its map, and is closed twice', async () => {
    using s = await Scene.open();
    s.map.close();
    expect(s.writer.write(command(1, 'on'))).toBe(true);
    s.writer.close();
    s.writer.close();
    expect(s.writer.closed).toBe(true);
    expect(() => s.writer.write(command(1, 'off'))).toThrow(code('ERR_PERF_CLOSED'));
    expect(() => s.writer.unreadBytes).toThrow(code('ERR_PERF_CLOSED'));
    expect(s.drain()).toEqual([1]);
  });

  it('takes a user ring buffer map and bytes, and nothing else', async () => {
    using s = await Scene.open();
    using array = BpfMap.create({ type: BPF_MAP_TYPE_ARRAY, keySize: 4, valueSize: 4, maxEntries: 1 });
    expect(() => UserRingBuffer.open(array)).toThrow(code('ERR_PERF_MAP_TYPE'));
    expect(() => UserRingBuffer.open({} as BpfMap)).toThrow(code('ERR_PERF_INVALID_ARGUMENT'));
    for (const payload of [undefined, 'text', [1], new Uint16Array(2)]) {
      expect(() => s.writer.write(payload as unknown as Uint8Array)).toThrow(
        code('ERR_PERF_INVALID_ARGUMENT'),
      );
    }
    s.map.close();
    expect(() => UserRingBuffer.open(s.map)).toThrow(code('ERR_PERF_CLOSED'));
  });
});
