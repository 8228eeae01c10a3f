import { mountOf, tracefsCommand } from '../../../lib/host/mounts';
import { FakeHost } from '../../support/fake-host';

let host: FakeHost;

beforeEach(() => {
  host = new FakeHost();
});

afterEach(() => {
  host.remove();
});

describe('mountOf', () => {
  it('finds where a type is mounted, by type and not by name', () => {
    host.write(
      'proc/self/mountinfo',
      [
        '22 1 0:20 / /proc rw - proc bpf rw',
        '24 22 0:31 / /sys/fs/my\\040bpf rw,nosuid shared:9 master:1 - bpf none rw,mode=700',
      ].join('\n'),
    );
    expect(mountOf('bpf', host.paths)).toBe('/sys/fs/my bpf');
    expect(mountOf('tracefs', host.paths)).toBeNull();
  });

  it('finds nothing when /proc cannot be read', () => {
    expect(mountOf('bpf', host.paths)).toBeNull();
  });
});

describe('tracefsCommand', () => {
  it('mounts what is not mounted, and gives the group access to what is', () => {
    expect(tracefsCommand(host.paths)).toMatch(
      /^mount -t tracefs (-o gid=\d+,mode=750 )?tracefs \/sys\/kernel\/tracing$/,
    );
    host.write('proc/self/mountinfo', '24 22 0:31 / /tracing rw - tracefs none rw');
    expect(tracefsCommand(host.paths)).toMatch(/^mount -o remount(,gid=\d+,mode=750)? \/tracing$/);
  });
});
