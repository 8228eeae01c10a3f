import { isInUserNamespace, kernelDevice, ownNamespace, pidNamespace } from '../../../lib/host/namespaces';
import { FakeHost } from '../../support/fake-host';

let host: FakeHost;
beforeEach(() => {
  host = new FakeHost();
});
afterEach(() => host.remove());

describe('ownNamespace', () => {
  it('recognises the initial namespaces by their inodes', () => {
    host.link('proc/self/ns/pid', 'pid:[4026531836]');
    host.link('proc/self/ns/user', 'user:[4026531837]');
    expect(ownNamespace('pid', host.paths)).toEqual({ name: 'pid:[4026531836]', isInitial: true });
    expect(ownNamespace('user', host.paths)).toEqual({ name: 'user:[4026531837]', isInitial: true });
    expect(isInUserNamespace(host.paths)).toBe(false);
    expect(pidNamespace(host.paths)).toBeNull();
  });

  it('recognises other namespaces', () => {
    host.link('proc/self/ns/user', 'user:[4026531836]');
    expect(ownNamespace('user', host.paths)).toEqual({ name: 'user:[4026531836]', isInitial: false });
    expect(isInUserNamespace(host.paths)).toBe(true);
  });

  it('is null when /proc cannot be read', () => {
    expect(ownNamespace('pid', host.paths)).toBeNull();
    expect(isInUserNamespace(host.paths)).toBe(false);
    expect(pidNamespace(host.paths)).toBeNull();
  });
});

describe('kernelDevice', () => {
  it.each([
    [4n, 4n],
    [0x10002cn, 0x12cn],
    [0x803n, 0x80_0003n],
  ])('makes %d of stat %d', (dev, device) => {
    expect(kernelDevice(dev)).toBe(device);
  });
});
