import { withAddon } from '../../../lib/addon/load';
import { BPF_F_PRESERVE_ELEMS, BPF_MAP_TYPE_PERF_EVENT_ARRAY } from '../../../lib/abi/bpf';
import type { BpfMapHandle, BpfMapInfo, NativeAddon, PerfEventHandle } from '../../../lib/addon/contract';
import { PerfEventArray } from '../../../lib/bpf/perf-event-array';
import { possibleCpus } from '../../../lib/host/cpu-list';
import { answers, fakeNative } from '../../support/fake-native';

const SLOTS = Math.max(...possibleCpus()) + 1;

const INFO: BpfMapInfo = {
  type: BPF_MAP_TYPE_PERF_EVENT_ARRAY,
  id: 12,
  keySize: 4,
  valueSize: 4,
  maxEntries: SLOTS,
  flags: 0,
  name: '',
  btfId: 0,
  keyTypeId: 0,
  valueTypeId: 0,
};

const HANDLE = {} as BpfMapHandle;
const EVENT = {} as PerfEventHandle;

describe('PerfEventArray', () => {
  const open = (info: Partial<BpfMapInfo>, functions: Partial<Record<keyof NativeAddon, unknown>> = {}) => {
    const bpfMapClose = jest.fn(() => 0);
    const bpfMapDelete = jest.fn((_map: BpfMapHandle, _key: Uint8Array) => 0);
    const native = fakeNative({
      bpfMapOpenId: () => HANDLE,
      bpfMapOpenFd: () => HANDLE,
      bpfMapInfo: () => ({ ...INFO, ...info }),
      bpfMapSetEvent: () => 0,
      bpfMapDelete,
      bpfMapClose,
      ...functions,
    });
    return { native, bpfMapClose, bpfMapDelete };
  };

  it.each([
    ['another type', { type: 2 }, 'ERR_PERF_MAP_TYPE', /map 12 is of type 2, not a perf event array \(4\)/],
    ['another key size', { keySize: 8 }, 'ERR_PERF_MAP_TYPE', /keys of 8 and values of 4 bytes/],
    ['another value size', { valueSize: 8 }, 'ERR_PERF_MAP_TYPE', /keys of 4 and values of 8 bytes/],
  ])('refuses and closes a map with %s', (_what, info, code, message) => {
    const { native, bpfMapClose } = open(info);
    expect(() => withAddon(native, () => PerfEventArray.openById(12))).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
    expect(bpfMapClose).toHaveBeenCalledTimes(1);
  });

  it('says that a read-only map takes no event', () => {
    const { native } = open({}, { bpfMapSetEvent: answers('EPERM') });
    expect(() => withAddon(native, () => PerfEventArray.openById(12)).set(0, EVENT)).toThrow(
      expect.objectContaining({ code: 'EPERM', message: expect.stringContaining('read-only') }),
    );
  });

  it('does not empty the slots when the kernel does it', () => {
    const { native, bpfMapDelete, bpfMapClose } = open({});
    const array = withAddon(native, () => PerfEventArray.openById(12));
    array.set(0, EVENT);
    array.close();
    expect(bpfMapDelete).not.toHaveBeenCalled();
    expect(bpfMapClose).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['the map preserves them', { flags: BPF_F_PRESERVE_ELEMS }, PerfEventArray.openById],
    ['the open file is shared', {}, PerfEventArray.openByFd],
  ])('empties the slots it filled, and closes after a failure, when %s', (_why, info, openArray) => {
    const { native, bpfMapDelete, bpfMapClose } = open({ ...info, maxEntries: SLOTS + 2 });
    const array = withAddon(native, () => openArray(12));
    for (let cpu = 0; cpu < 3; cpu++) array.set(cpu, EVENT);
    array.clear(2);
    bpfMapDelete.mockImplementationOnce(answers('EPERM'));
    expect(() => array.close()).toThrow(expect.objectContaining({ code: 'EPERM' }));
    array.close();
    expect(bpfMapDelete.mock.calls.map(([, key]) => key[0])).toEqual([2, 0, 1]);
    expect(bpfMapClose).toHaveBeenCalledTimes(1);
  });
});
