import {
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_HASH,
  BPF_MAP_TYPE_PERCPU_ARRAY,
  BPF_MAP_TYPE_PERCPU_HASH,
  BPF_MAP_TYPE_PERF_EVENT_ARRAY,
} from '../../../lib/abi/bpf';
import { addon, withAddon } from '../../../lib/addon/load';
import { BpfMap } from '../../../lib/bpf/bpf-map';
import { possibleCpuCount } from '../../../lib/host/cpu-list';
import { answers } from '../../support/fake-native';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { codeOf } from '../../support/ring-errors';

afterAll(expectNothingLeft);

const word = (number: number): Uint8Array => new Uint8Array(Uint32Array.of(number).buffer);
const numberOf = (bytes: Uint8Array): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);

function filled(type: number, count: number): BpfMap {
  const map = BpfMap.create({ type, keySize: 4, valueSize: 4, maxEntries: Math.max(count, 1) });
  for (let key = 0; key < count; key++) {
    const value = new Uint8Array(map.valueBytes);
    for (let at = 0; at < value.length; at += 8) value.set(word(key * 10 + at / 8), at);
    map.update(word(key), value);
  }
  return map;
}

function numbersIn(map: BpfMap): [number, number][] {
  return [...map.entries()]
    .map(([key, value]): [number, number] => [numberOf(key), numberOf(value)])
    .sort(([one], [other]) => one - other);
}

const expected = (count: number) => Array.from({ length: count }, (_, key) => [key, key * 10]);

describeWith(['CAP_BPF'], 'BpfMap.entries', () => {
  it.each([
    ['a hash map', BPF_MAP_TYPE_HASH, 1000],
    ['an array', BPF_MAP_TYPE_ARRAY, 1000],
    ['an array of one batch', BPF_MAP_TYPE_ARRAY, 256],
    ['a per-CPU hash map', BPF_MAP_TYPE_PERCPU_HASH, 300],
    ['a per-CPU array', BPF_MAP_TYPE_PERCPU_ARRAY, 300],
    ['an empty hash map', BPF_MAP_TYPE_HASH, 0],
  ])('reads all of %s', (_what, type, count) => {
    using map = filled(type, count);
    expect(numbersIn(map)).toEqual(expected(count));
  });

  it.each([BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_ARRAY])(
    'reads one by one where there are no batches (%s)',
    (type) => {
      const before = addon();
      const without = new Proxy(before, {
        get: (target, name) =>
          name === 'bpfMapReadBatch' ? answers('EINVAL') : target[name as keyof typeof target],
      });
      using map = withAddon(without, () => filled(type, 100));
      expect(numbersIn(map)).toEqual(expected(100));
    },
  );

  it('gives the parts of each CPU', () => {
    using map = filled(BPF_MAP_TYPE_PERCPU_ARRAY, 2);
    const [, [, value]] = [...map.entries()] as [unknown, [Uint8Array, Uint8Array]];
    expect(map.perCpu(value).map(numberOf)).toEqual(
      Array.from({ length: possibleCpuCount() }, (_, cpu) => 10 + cpu),
    );
    expect(codeOf(() => map.perCpu(new Uint8Array(1)))).toBe('ERR_PERF_INVALID_ARGUMENT');
    using plain = filled(BPF_MAP_TYPE_HASH, 1);
    expect(plain.perCpu(word(5))).toEqual([word(5)]);
  });

  it('gives arrays that stay as they are', () => {
    using map = filled(BPF_MAP_TYPE_ARRAY, 2);
    const [[first]] = [...map.entries()] as unknown as [[Uint8Array]];
    first.fill(9);
    expect(numbersIn(map)).toEqual(expected(2));
    expect(first.buffer.byteLength).toBe(4);
  });

  it('ends while entries are deleted', () => {
    using map = filled(BPF_MAP_TYPE_HASH, 1000);
    for (const [key] of map.entries()) map.delete(key);
    expect(numbersIn(map).length).toBeLessThan(1000);
  });

  it('says that a map cannot be read, or was closed', () => {
    const map = BpfMap.create({
      type: BPF_MAP_TYPE_PERF_EVENT_ARRAY,
      keySize: 4,
      valueSize: 4,
      maxEntries: 2,
    });
    expect(codeOf(() => [...map.entries()])).toBe('ENOTSUPP');
    const entries = filled(BPF_MAP_TYPE_HASH, 1000);
    const reading = entries.entries();
    reading.next();
    entries.close();
    expect(codeOf(() => [...reading])).toBe('ERR_PERF_CLOSED');
    map.close();
    expect(codeOf(() => map.entries())).toBe('ERR_PERF_CLOSED');
  });
});
