import { BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_PERCPU_ARRAY } from '../../../lib/abi/bpf';
import { BpfMap } from '../../../lib/bpf/bpf-map';
import { RingBufferMap } from '../../../lib/bpf/ring-buffer-map';
import type { LostCounter } from '../../../lib/sources/lost-counter';
import { RingBufferReader } from '../../../lib/sources/ring-buffer-reader';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { RingBufferProducer } from '../../support/ring-buffer-producer';

const code = (name: string): Error => expect.objectContaining({ code: name }) as Error;
const KEY = new Uint8Array(4);

function counterMap(type: number, valueSize: number): BpfMap {
  return BpfMap.create({ type, keySize: 4, valueSize, maxEntries: 1, name: 'lost_samples' });
}

afterAll(expectNothingLeft);

describeWith(['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_SYS_ADMIN'], 'The count of lost records', () => {
  it('is what the program counted since the reader was opened, by a function', async () => {
    using map = RingBufferMap.create({ capacityBytes: 4096 });
    using producer = new RingBufferProducer(map);
    producer.emit(100);
    using reader = RingBufferReader.open(map, { wakeup: 'manual', lost: () => producer.counts.full });
    expect(reader.stats().lost).toBe(0);
    producer.emit(1000);
    expect(reader.stats().lost).toBe(1000);
    expect(reader.drain(() => {})).toBe(73);
    producer.emit(10);
    expect([reader.stats().lost, producer.counts.full]).toEqual([1000, 27 + 1000]);
    await reader.close();
    expect(reader.stats().lost).toBe(1000);
  });

  it.each([
    ['an array of u64', BPF_MAP_TYPE_ARRAY, 8],
    ['an array of u32', BPF_MAP_TYPE_ARRAY, 4],
    ['a per-CPU array of u64, as in Inspektor Gadget', BPF_MAP_TYPE_PERCPU_ARRAY, 8],
    ['a per-CPU array of u32', BPF_MAP_TYPE_PERCPU_ARRAY, 4],
  ])('is read from %s', (_what, type, valueSize) => {
    using map = RingBufferMap.create({ capacityBytes: 4096 });
    using counter = counterMap(type, valueSize);
    const cpus = counter.valueBytes / Math.ceil(valueSize / 8) / 8;
    const set = (values: (cpu: number) => number): void => {
      const bytes = new Uint8Array(counter.valueBytes);
      const view = new DataView(bytes.buffer);
      const parts = type === BPF_MAP_TYPE_ARRAY ? 1 : cpus;
      for (let cpu = 0; cpu < parts; cpu++) view.setUint32(cpu * 8, values(cpu), true);
      counter.update(KEY, bytes);
    };
    set(() => 5);
    using reader = RingBufferReader.open(map, { wakeup: 'manual', lost: counter });
    expect(reader.stats().lost).toBe(0);
    set((cpu) => 5 + cpu + 1);
    const parts = type === BPF_MAP_TYPE_ARRAY ? 1 : cpus;
    expect(reader.stats().lost).toBe((parts * (parts + 1)) / 2);
    counter.close();
    expect(reader.stats().lost).toBe((parts * (parts + 1)) / 2);
  });

  it('is refused where it can be no count, with nothing left open', () => {
    using map = RingBufferMap.create({ capacityBytes: 4096 });
    using hash = counterMap(BPF_MAP_TYPE_HASH, 8);
    using wide = counterMap(BPF_MAP_TYPE_ARRAY, 16);
    for (const lost of [hash, wide, {}, 'lost', () => -1, () => 'many'] as unknown as LostCounter[]) {
      expect(() => RingBufferReader.open(map, { lost })).toThrow(code('ERR_PERF_INVALID_OPTION'));
    }
    const failing = (): number => {
      throw new Error('not now');
    };
    expect(() => RingBufferReader.open(map, { lost: failing })).toThrow('not now');
  });

  it('is in the metrics where it is known', () => {
    using map = RingBufferMap.create({ capacityBytes: 4096 });
    using counted = RingBufferReader.open(map, { wakeup: 'manual', lost: () => 7 });
    using other = RingBufferMap.create({ capacityBytes: 4096 });
    using unknown = RingBufferReader.open(other, { wakeup: 'manual' });
    const lostOf = (reader: RingBufferReader): unknown =>
      reader.metrics().find(({ name }) => name === 'perfring_lost_samples')?.samples[0]?.value;
    expect([lostOf(counted), lostOf(unknown)]).toEqual([0, undefined]);
  });
});
