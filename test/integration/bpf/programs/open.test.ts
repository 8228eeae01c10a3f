import { execFileSync, spawnSync } from 'node:child_process';
import { constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtinSamples } from '../../../support/builtin-samples';
import { expectNothingLeft } from '../../../support/ledger';
import { describeWith, READER_CAPABILITIES } from '../../../support/privilege';

afterAll(expectNothingLeft);

/** Opens files by each system call, in the directory that it is given. */
const PROGRAM = `
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int, char **argv) {
  chdir(argv[1]);
#ifdef SYS_open
  syscall(SYS_open, "by-open", O_CREAT | O_RDWR, 0600);
  syscall(SYS_creat, "by-creat", 0600);
#endif
  int directory = open(".", O_RDONLY | O_DIRECTORY);
  syscall(SYS_openat, directory, "by-openat", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  struct open_how how = {O_CREAT | O_APPEND | O_WRONLY, 0600, 0};
  syscall(SYS_openat2, directory, "by-openat2", &how, sizeof how);
  syscall(SYS_openat, AT_FDCWD, "missing", O_RDONLY);
  syscall(SYS_openat, AT_FDCWD, argv[2], O_RDONLY);
  syscall(SYS_openat, AT_FDCWD, (char *)1, O_RDONLY);
  return directory;
}`;

/** Without the sanitizer's library: it would report the leaks of the compiler, and open files itself. */
const ENV = { ...process.env, LD_PRELOAD: '' };

describeWith(READER_CAPABILITIES, 'open', () => {
  let directory: string;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'perfring-open-'));
    writeFileSync(join(directory, 'opens.cc'), PROGRAM);
    const { CXX = 'g++' } = process.env;
    execFileSync(CXX, ['-o', join(directory, 'opens'), join(directory, 'opens.cc')], {
      stdio: 'pipe',
      env: ENV,
    });
  });

  afterAll(() => rmSync(directory, { recursive: true }));

  it('tells the name, the flags, the directory and the result of every call', async () => {
    const { O_RDWR, O_CREAT, O_WRONLY, O_TRUNC, O_APPEND, O_RDONLY } = constants;
    const O_CLOEXEC = 0o2000000;
    const long = 'x'.repeat(300);
    let base = 0;
    const samples = await builtinSamples('open', { comm: 'opens' }, () => {
      base = spawnSync(join(directory, 'opens'), [directory, long], { env: ENV }).status ?? 0;
    });
    const seen = samples.map(({ filename, flags, dfd, ret }) => [filename, flags, dfd, ret]);
    const old =
      process.arch === 'arm64'
        ? []
        : [
            ['by-open', O_CREAT | O_RDWR, -100, base - 2],
            ['by-creat', O_CREAT | O_WRONLY | O_TRUNC, -100, base - 1],
          ];
    expect(seen.slice(-old.length - 6)).toEqual([
      ...old,
      ['.', O_RDONLY | constants.O_DIRECTORY, -100, base],
      ['by-openat', O_CREAT | O_WRONLY | O_CLOEXEC, base, base + 1],
      ['by-openat2', O_CREAT | O_APPEND | O_WRONLY, base, base + 2],
      ['missing', O_RDONLY, -100, -2],
      [long.slice(0, 255), O_RDONLY, -100, -36],
      ['', O_RDONLY, -100, -14],
    ]);
  });
});
