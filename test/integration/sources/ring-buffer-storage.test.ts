import { errnoNumber } from '../../../lib/abi/errno';
import { addon } from '../../../lib/addon/load';
import { BpfMap } from '../../../lib/bpf/bpf-map';
import { RingBufferMap } from '../../../lib/bpf/ring-buffer-map';
import { RingBufferStorage } from '../../../lib/sources/ring-buffer-storage';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { RingBufferProducer } from '../../support/ring-buffer-producer';

const native = addon();
const page = native.pageSize();
const code = (name: string): Error => expect.objectContaining({ code: name }) as Error;

afterAll(expectNothingLeft);

describeWith(['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_SYS_ADMIN'], 'RingBufferStorage', () => {
  it.each([
    ['where it lies', native],
    [
      'by copies, where no ArrayBuffer may lie over it',
      { ...native, bpfRingBuffer: () => -errnoNumber('EOPNOTSUPP') },
    ],
  ])('reads what programs write, round the end of the ring, %s', (_how, addonOf) => {
    using map = RingBufferMap.create({ capacityBytes: page });
    using producer = new RingBufferProducer(map, { size: 44 });
    const storage = new RingBufferStorage(addonOf, map);
    const numbers: number[] = [];
    for (let round = 0; round < 100; round++) {
      producer.emit(50);
      storage.ring.beginBatch();
      storage.ring.visit(
        (record) => {
          expect([record.size, record.bytes().length]).toEqual([44, 44]);
          numbers.push(record.u64AsNumber(0));
        },
        () => undefined,
        1000,
      );
      storage.ring.finishBatch();
    }
    storage.close();
    expect(numbers).toEqual(Array.from({ length: 5000 }, (_, i) => i));
  });

  it('is closed twice, with nothing left mapped', () => {
    const { mappings } = native.openHandles();
    using map = RingBufferMap.create({ capacityBytes: page });
    const storage = new RingBufferStorage(native, map);
    expect(native.openHandles().mappings).toBe(mappings + 1);
    storage.close();
    storage.close();
    expect(native.openHandles().mappings).toBe(mappings);
  });

  it('outlives its map', () => {
    const map = RingBufferMap.create({ capacityBytes: page });
    const producer = new RingBufferProducer(map);
    const storage = new RingBufferStorage(native, map);
    producer.emit(3);
    map.close();
    storage.ring.beginBatch();
    expect(
      storage.ring.visit(
        () => undefined,
        () => undefined,
        10,
      ),
    ).toBe(3);
    storage.ring.finishBatch();
    storage.close();
    producer[Symbol.dispose]();
  });

  it('says that a read-only descriptor of a map is of no use', () => {
    using map = RingBufferMap.create({ capacityBytes: page });
    using readOnly = BpfMap.openById(map.info.id, { readOnly: true });
    const fake = { handle: readOnly.handle, info: map.info, capacityBytes: page } as RingBufferMap;
    expect(() => new RingBufferStorage(native, fake)).toThrow(code('EACCES'));
  });
});
