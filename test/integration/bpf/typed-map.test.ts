import { BpfMap } from '../../../lib/bpf/bpf-map';
import { BpfObject } from '../../../lib/bpf/bpf-object';
import { TypedMap } from '../../../lib/bpf/typed-map';
import { possibleCpuCount } from '../../../lib/host/cpu-list';
import { objectPath } from '../../support/bpf-objects';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith, READER_CAPABILITIES } from '../../support/privilege';
import { describeWithPrograms } from '../../support/programs';
import { codeOf, messageOf } from '../../support/ring-errors';

describeWith(READER_CAPABILITIES, 'TypedMap', () => {
  afterAll(expectNothingLeft);

  it('sets, gets, deletes and lists entries of its types', () => {
    using map = BpfMap.create({ type: 1, keySize: 4, valueSize: 8, maxEntries: 8 });
    const counts = TypedMap.of(map, { key: 'u32', value: 'u64' });
    expect(counts.set(1, 10n).set(2, 20n).get(1)).toBe(10n);
    expect(counts.get(3)).toBeUndefined();
    expect([...counts].sort()).toEqual([
      [1, 10n],
      [2, 20n],
    ]);
    expect([counts.delete(1), counts.delete(1)]).toEqual([true, false]);
    expect(counts.map).toBe(map);
  });

  it('sets more entries than one batch has, and none when one of them does not fit', () => {
    using map = BpfMap.create({ type: 1, keySize: 4, valueSize: 4, maxEntries: 4096 });
    const squares = TypedMap.of(map, { key: 'u32', value: 'u32' });
    const entries = Array.from({ length: 3000 }, (_, index) => [index, index * index] as const);
    expect(messageOf(() => squares.setAll([...entries, [1, -1]]))).toMatch(/^value takes a whole number/);
    expect([...squares]).toEqual([]);
    squares.setAll(entries);
    expect([...squares].sort(([one], [other]) => one - other)).toEqual(entries);
  });

  it('sets entries one by one where the kernel has no batches, and says which does not fit', () => {
    // LRU hash maps per CPU have batches; a stack-like map such as a bloom filter has not, and no keys.
    using full = BpfMap.create({ type: 1, keySize: 4, valueSize: 4, maxEntries: 2 });
    const small = TypedMap.of(full, { key: 'u32', value: 'u32' });
    expect(
      codeOf(() =>
        small.setAll([
          [1, 1],
          [2, 2],
          [3, 3],
        ]),
      ),
    ).toBe('E2BIG');
    expect([...small]).toHaveLength(2);
  });

  it('has a list of values for each key of a per-CPU map', () => {
    using map = BpfMap.create({ type: 6, keySize: 4, valueSize: 4, maxEntries: 2 });
    const perCpu = TypedMap.of(map, { key: 'u32', value: 'u32', type: 6 });
    const values = Array.from({ length: possibleCpuCount() }, (_, cpu) => cpu + 1);
    expect(perCpu.set(1, values).get(1)).toEqual(values);
    expect(codeOf(() => perCpu.set(1, [...values, 1]))).toBe('ERR_PERF_INVALID_ARGUMENT');
  });

  it('refuses types of another size, and what is no map', () => {
    using map = BpfMap.create({ type: 1, keySize: 4, valueSize: 8, maxEntries: 8 });
    expect(messageOf(() => TypedMap.of(map, { key: 'u32', value: 'u32' }))).toMatch(
      /has keys of 4 and values of 8 bytes, and the types have 4 and 4$/,
    );
    expect(codeOf(() => TypedMap.of({} as BpfMap, { key: 'u32', value: 'u32' }))).toBe(
      'ERR_PERF_INVALID_ARGUMENT',
    );
  });
});

describeWithPrograms('FOR_OBJECTS', 'BpfObject.typedMap', () => {
  describeWith(READER_CAPABILITIES, 'of a loaded object', () => {
    afterAll(expectNothingLeft);

    it('takes the types from the BTF', async () => {
      using object = BpfObject.open(objectPath('calls'));
      await object.load({ only: ['on_call'] });
      const counts = object.typedMap('counts');
      counts.set({ pid: 42, kind: 'CALL_FIRST' }, 7n);
      expect([...counts]).toEqual([[{ pid: 42, kind: 'CALL_FIRST' }, 7n]]);
      const peers = object.typedMap('peers');
      expect(peers.get(0)).toEqual(Array(possibleCpuCount()).fill({ ip: '0.0.0.0', port: 0 }));
      expect(messageOf(() => object.typedMap('calls'))).toMatch(/does not say the types of map calls/);
    });
  });
});
