import { errnoName, errnoNumber, isErrno, systemError } from '../../../lib/abi/errno';

describe('errno', () => {
  it('names a number of either sign', () => {
    expect(errnoName(-13)).toBe('EACCES');
    expect(errnoName(28)).toBe('ENOSPC');
  });

  it('prefers the name the kernel uses where a number has two', () => {
    expect(errnoName(11)).toBe('EAGAIN');
    expect(errnoName(95)).toBe('EOPNOTSUPP');
  });

  it('has a name for an errno that only the kernel uses, and a text for an unknown number', () => {
    expect(errnoName(-524)).toBe('ENOTSUPP');
    expect(errnoName(-4000)).toBe('errno 4000');
  });

  it('has the number of a name, and none of an unknown one', () => {
    expect(errnoNumber('EPERM')).toBe(1);
    expect(() => errnoNumber('ENOPE')).toThrow('no errno is named ENOPE');
  });

  it('distinguishes a negative errno from any other result', () => {
    expect(isErrno(-2, 'ENOENT')).toBe(true);
    expect(isErrno(2, 'ENOENT')).toBe(false);
    expect(isErrno({}, 'ENOENT')).toBe(false);
  });

  it('makes an error with code, errno, syscall and a message that begins with both', () => {
    expect(systemError(-1, 'bpf(BPF_MAP_CREATE)', 'run as root')).toMatchObject({
      code: 'EPERM',
      errno: -1,
      syscall: 'bpf(BPF_MAP_CREATE)',
      message: 'bpf(BPF_MAP_CREATE) EPERM: run as root',
    });
  });
});
