import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoNumber } from '../../../lib/abi/errno';
import { failedCall } from '../../../lib/host/failed-call';

const messageOf = (errno: string, known = {}): string =>
  failedCall(-errnoNumber(errno), 'bpf(BPF_MAP_CREATE)', 'creating a map', known).message;

describe('failedCall', () => {
  it('prefers the advice of the call to that of the table', () => {
    expect(messageOf('EMFILE')).toBe(
      'bpf(BPF_MAP_CREATE) EMFILE: creating a map: this process has too many open files; raise its limit: ulimit -n',
    );
    expect(messageOf('EMFILE', { advice: { EMFILE: 'own words' } })).toBe(
      'bpf(BPF_MAP_CREATE) EMFILE: creating a map: own words',
    );
    expect(messageOf('ENOSYS')).toMatch(
      /this kernel, or the seccomp filter of this container, has no bpf\(2\)$/,
    );
  });

  it('names the capabilities that a call needs, and shows an errno without advice unchanged', () => {
    expect(messageOf('EPERM', { needs: ['CAP_BPF'] })).toMatch(
      /creating a map: (?:needs|forbidden although) .*CAP_BPF/,
    );
    expect(messageOf('EACCES', { needs: ['CAP_BPF'] })).toMatch(/CAP_BPF/);
    expect(messageOf('EPERM')).toBe('bpf(BPF_MAP_CREATE) EPERM: creating a map failed');
    expect(messageOf('EBUSY')).toBe('bpf(BPF_MAP_CREATE) EBUSY: creating a map failed');
  });

  it('is the only text for what an errno means', () => {
    const lib = join(__dirname, '../../../lib');
    const files = readdirSync(lib, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.ts'),
    );
    const others = files.filter((name) => /\berrnoName\(/.test(readFileSync(join(lib, name), 'utf8')));
    expect(others.sort()).toEqual(['abi/errno.ts', 'host/failed-call.ts']);
  });
});
