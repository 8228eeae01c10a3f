import { BpfMap } from '../../../lib/bpf/bpf-map';
import { BpfObject } from '../../../lib/bpf/bpf-object';
import { describeMap } from '../../../lib/bpf/map-description';
import { PerfEventArray } from '../../../lib/bpf/perf-event-array';
import { objectPath } from '../../support/bpf-objects';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { describeWithPrograms } from '../../support/programs';
import { codeOf } from '../../support/ring-errors';

describeWithPrograms('FOR_OBJECTS', 'describeMap', () => {
  describeWith(['CAP_SYS_ADMIN'], 'of a loaded object', () => {
    afterAll(expectNothingLeft);

    it('finds the programs, and the types of events, keys and values', async () => {
      using object = BpfObject.open(objectPath('calls'));
      await object.load();
      const calls = describeMap(object.map('calls'));
      expect(calls.programs).toEqual([{ id: expect.any(Number), name: 'on_call', type: 2 }]);
      expect(calls.eventTypes.map(({ name }) => name)).toEqual(['call']);
      expect(calls.btf?.layout('call').size).toBe(48);
      expect(describeMap(object.map('notes')).eventTypes.map(({ name }) => name)).toEqual(['note']);
      expect(describeMap(object.map('plain')).eventTypes).toEqual([]);
      const counts = describeMap(object.map('counts'));
      expect(counts.btf?.fieldType(counts.keyType as number)).toMatchObject({ size: 8 });
      expect(counts.btf?.fieldType(counts.valueType as number)).toBe('u64');
      expect(counts.eventTypes).toEqual([]);
    });

    it('knows nothing of a map without a program', () => {
      using array = PerfEventArray.create({ name: 'lonely' });
      expect(describeMap(array)).toEqual({
        programs: [],
        btf: undefined,
        keyType: undefined,
        valueType: undefined,
        eventTypes: [],
      });
    });

    it('refuses what is no map, and a closed one still has its description', () => {
      expect(codeOf(() => describeMap({} as BpfMap))).toBe('ERR_PERF_INVALID_ARGUMENT');
      const map = BpfMap.create({ type: 1, keySize: 4, valueSize: 4, maxEntries: 1 });
      map.close();
      expect(describeMap(map).programs).toEqual([]);
    });
  });
});
