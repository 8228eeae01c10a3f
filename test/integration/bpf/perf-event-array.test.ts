import {
  BPF_F_PRESERVE_ELEMS,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_PERF_EVENT_ARRAY,
} from '../../../lib/abi/bpf';
import { BpfMap } from '../../../lib/bpf/bpf-map';
import { PerfEventArray } from '../../../lib/bpf/perf-event-array';
import { possibleCpus } from '../../../lib/host/cpu-list';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { SampleProducer } from '../../support/producers';
import { RawRings } from '../../support/raw-rings';

const SLOTS = Math.max(...possibleCpus()) + 1;
const SHAPE = { type: BPF_MAP_TYPE_PERF_EVENT_ARRAY, keySize: 4, valueSize: 4, maxEntries: SLOTS };

afterAll(expectNothingLeft);

describeWith(['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN', 'CAP_SYS_ADMIN'], 'PerfEventArray', () => {
  it('has a slot for every possible CPU', () => {
    using array = PerfEventArray.create({ name: 'test_array' });
    expect(array.info).toMatchObject({ ...SHAPE, name: 'test_array' });
  });

  it('may have more', () => {
    using array = PerfEventArray.create({ maxEntries: SLOTS + 10 });
    expect(array.info.maxEntries).toBe(SLOTS + 10);
  });

  it('may have fewer: CPUs past the last slot have none', () => {
    using array = PerfEventArray.create({ maxEntries: 1 });
    expect(array.info.maxEntries).toBe(1);
    expect(() => array.clear(1)).toThrow(expect.objectContaining({ code: 'ERR_PERF_NO_SUCH_CPU' }));
  });

  it('is not made of a map of another type, which would take the events as data', () => {
    using map = BpfMap.create({ ...SHAPE, type: BPF_MAP_TYPE_ARRAY });
    expect(() => PerfEventArray.openById(map.info.id)).toThrow(
      expect.objectContaining({ code: 'ERR_PERF_MAP_TYPE' }),
    );
    expect(() => PerfEventArray.openByFd(map.fd)).toThrow(
      expect.objectContaining({ code: 'ERR_PERF_MAP_TYPE' }),
    );
  });

  it('delivers to the event in the slot of the CPU, and to none when it is cleared', () => {
    using array = PerfEventArray.create();
    using rings = new RawRings(array);
    using producer = new SampleProducer(array);
    const cpu = rings.cpus.at(-1) ?? 0;
    producer.emit(1, { cpu });
    expect(rings.drain().map((record) => record.cpu)).toEqual([cpu]);
    expect(array.clear(cpu)).toBe(true);
    expect(array.clear(cpu)).toBe(false);
    producer.emit(1, { cpu });
    expect(rings.drain()).toEqual([]);
    expect(producer.counts(cpu).failed).toEqual({ ENOENT: 1 });
  });

  it.each([-1, 0.5, SLOTS, Number.NaN])('has no slot %s', (cpu) => {
    using array = PerfEventArray.create();
    expect(() => array.clear(cpu)).toThrow(expect.objectContaining({ code: 'ERR_PERF_NO_SUCH_CPU' }));
  });

  it('cannot be used after close, and closes twice', () => {
    const array = PerfEventArray.create();
    array.close();
    array.close();
    expect(array.closed).toBe(true);
    expect(() => array.clear(0)).toThrow(expect.objectContaining({ code: 'ERR_PERF_CLOSED' }));
    expect(() => array.fd).toThrow(expect.objectContaining({ code: 'ERR_PERF_CLOSED' }));
  });

  /** Fills a map through an array, closes the array and keeps the map. @returns the failures of a producer then */
  function failuresAfterClose(map: BpfMap, open: () => PerfEventArray): unknown {
    const array = open();
    using rings = new RawRings(array);
    using producer = new SampleProducer(map);
    const [cpu = 0] = rings.cpus;
    producer.emit(1, { cpu });
    expect(producer.counts(cpu).failed).toEqual({});
    array.close();
    producer.emit(1, { cpu });
    return producer.counts(cpu).failed;
  }

  describe('close', () => {
    it('empties its slots when it has an open file of its own', () => {
      using map = BpfMap.create(SHAPE);
      expect(failuresAfterClose(map, () => PerfEventArray.openById(map.info.id))).toEqual({ ENOENT: 1 });
    });

    it('empties its slots when it shares the open file of a descriptor', () => {
      using map = BpfMap.create(SHAPE);
      expect(failuresAfterClose(map, () => PerfEventArray.openByFd(map.fd))).toEqual({ ENOENT: 1 });
    });

    it('empties its slots when the map would preserve them', () => {
      using map = BpfMap.create({ ...SHAPE, flags: BPF_F_PRESERVE_ELEMS });
      expect(failuresAfterClose(map, () => PerfEventArray.openById(map.info.id))).toEqual({ ENOENT: 1 });
    });

    it('leaves a slot alone that another reader has taken over', () => {
      using map = BpfMap.create(SHAPE);
      const first = PerfEventArray.openById(map.info.id);
      using firstRings = new RawRings(first);
      using second = PerfEventArray.openById(map.info.id);
      using secondRings = new RawRings(second);
      first.close();
      using producer = new SampleProducer(map);
      const [cpu = 0] = secondRings.cpus;
      producer.emit(1, { cpu });
      expect(firstRings.drain()).toEqual([]);
      expect(secondRings.drain()).toHaveLength(1);
    });
  });
});
