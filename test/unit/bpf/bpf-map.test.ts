import { withAddon } from '../../../lib/addon/load';
import { errnoNumber } from '../../../lib/abi/errno';
import { BAD_ARGUMENT, type BpfMapHandle } from '../../../lib/addon/contract';
import { BpfMap } from '../../../lib/bpf/bpf-map';
import { answers, fakeNative } from '../../support/fake-native';

const HANDLE = {} as BpfMapHandle;

describe('BpfMap', () => {
  const shape = { type: 1, keySize: 4, valueSize: 8, maxEntries: 2 };

  it.each([
    ['EPERM', /CAP_BPF/],
    ['ENOSYS', /has no bpf\(2\)/],
    ['EMFILE', /ulimit -n/],
    ['ENOMEM', /out of memory/],
    ['EBUSY', /flags 0\) failed$/],
  ])('names %s of bpf(BPF_MAP_CREATE) and says what to do', (code, message) => {
    expect(() => withAddon(fakeNative({ bpfMapCreate: answers(code) }), () => BpfMap.create(shape))).toThrow(
      expect.objectContaining({
        code,
        errno: -errnoNumber(code),
        syscall: 'bpf(BPF_MAP_CREATE)',
        message: expect.stringMatching(message),
      }),
    );
  });

  it('turns a bad argument into an error of misuse', () => {
    expect(() =>
      withAddon(fakeNative({ bpfMapOpenId: () => BAD_ARGUMENT }), () => BpfMap.openById(-1)),
    ).toThrow(expect.objectContaining({ code: 'ERR_PERF_INVALID_ARGUMENT' }));
  });

  it('closes a descriptor that is not a map', () => {
    const bpfMapClose = jest.fn();
    const native = fakeNative({ bpfMapOpenPinned: () => HANDLE, bpfMapInfo: answers('EINVAL'), bpfMapClose });
    expect(() => withAddon(native, () => BpfMap.openPinned('/sys/fs/bpf/program'))).toThrow(
      expect.objectContaining({
        code: 'ERR_PERF_MAP_TYPE',
        message: expect.stringContaining('/sys/fs/bpf/program is not a BPF map'),
      }),
    );
    expect(bpfMapClose).toHaveBeenCalledWith(HANDLE);
  });

  it('says what EFAULT means: more possible CPUs than /sys lists', () => {
    const native = fakeNative({
      bpfMapCreate: () => HANDLE,
      bpfMapInfo: () => ({ ...shape, id: 1, flags: 0, name: '' }),
      bpfMapLookup: answers('EFAULT'),
      bpfMapUpdate: answers('EFAULT'),
    });
    const map = withAddon(native, () => BpfMap.create(shape));
    const error = expect.objectContaining({
      code: 'EFAULT',
      message: expect.stringMatching(
        /longer than 8 bytes: more CPUs are possible than this process sees in .*\/possible/,
      ),
    });
    expect(() => map.lookup(new Uint8Array(4))).toThrow(error);
    expect(() => map.update(new Uint8Array(4), new Uint8Array(8))).toThrow(error);
  });

  it('opens a read-only descriptor on request', () => {
    const bpfMapOpenPinned = jest.fn(answers('ENOENT'));
    expect(() =>
      withAddon(fakeNative({ bpfMapOpenPinned }), () => BpfMap.openPinned('/p', { readOnly: true })),
    ).toThrow();
    expect(bpfMapOpenPinned).toHaveBeenCalledWith('/p', 8);
  });
});
