import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { libbpfCommand } from '../../../lib/host/libbpf-package';

describe('libbpfCommand', () => {
  let directory: string;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'perfring-release-'));
  });

  afterAll(() => {
    rmSync(directory, { recursive: true });
  });

  it.each([
    ['ID=debian\nVERSION_ID="12"\n', 'apt-get install libbpf1'],
    ['NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n', 'apt-get install libbpf1'],
    ['ID=linuxmint\nID_LIKE="ubuntu debian"\n', 'apt-get install libbpf1'],
    ['ID=fedora\n', 'dnf install libbpf'],
    ['ID="rocky"\nID_LIKE="rhel centos fedora"\n', 'dnf install libbpf'],
    ['ID=alpine\n', 'apk add libbpf'],
    ['ID=arch\n', 'pacman -S libbpf'],
  ])('is that of the distribution: %p', (text, command) => {
    const path = join(directory, 'os-release');
    writeFileSync(path, text);
    expect(libbpfCommand(path)).toBe(command);
  });

  it('names the packages where the distribution is not known', () => {
    expect(libbpfCommand(join(directory, 'none'))).toMatch(/libbpf1 \(Debian, Ubuntu\), or libbpf/);
  });
});
