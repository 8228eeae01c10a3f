import { isAtLeast, kernelVersion, parseKernelVersion } from '../../../lib/host/kernel-version';

describe('parseKernelVersion', () => {
  it.each([
    ['6.18.44-fc', 6, 18, 44],
    ['5.10.0-28-amd64', 5, 10, 0],
    ['6.1', 6, 1, 0],
  ])('reads %s', (release, major, minor, patch) => {
    expect(parseKernelVersion(release)).toEqual({ major, minor, patch, release });
  });

  it('is null for text that is not a version', () => {
    expect(parseKernelVersion('custom')).toBeNull();
  });

  it('compares by major, then by minor', () => {
    const version = { major: 5, minor: 18, patch: 0, release: '5.18.0' };
    expect(isAtLeast(version, 5, 18)).toBe(true);
    expect(isAtLeast(version, 5, 19)).toBe(false);
    expect(isAtLeast(version, 4, 99)).toBe(true);
    expect(isAtLeast(version, 6, 0)).toBe(false);
    expect(isAtLeast(kernelVersion(), 4, 0)).toBe(true);
  });
});
