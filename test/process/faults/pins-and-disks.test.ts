import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BPF_PROG_TYPE_RAW_TRACEPOINT } from '../../../lib/abi/bpf';
import { bpf, BpfProgram, PerfEventArray } from '../../../lib/index';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { SCENE_CAPABILITIES } from '../../support/reader-scene';
import { cli } from '../cli/cli-process';

afterAll(expectNothingLeft);

/** Mounts a file system of its own for a while. */
async function withMount(args: readonly string[], use: (directory: string) => unknown): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'perfring-faults-'));
  execFileSync('mount', [...args, directory]);
  try {
    await use(directory);
  } finally {
    execFileSync('umount', [directory]);
    rmdirSync(directory);
  }
}

describeWith(SCENE_CAPABILITIES, 'a pinned path', () => {
  let built = '';
  beforeAll(() => {
    built = mkdtempSync(join(tmpdir(), 'perfring-faults-'));
    const source = join(__dirname, '../../support/pin-descriptor.cc');
    execFileSync('g++', ['-o', join(built, 'pin'), source]);
  });
  afterAll(() => rmSync(built, { recursive: true }));

  it('a pinned program is not a map', async () => {
    await withMount(['-t', 'bpf', 'bpf'], async (directory) => {
      const pin = join(directory, 'program');
      using program = BpfProgram.load({
        type: BPF_PROG_TYPE_RAW_TRACEPOINT,
        instructions: bpf.assemble([bpf.mov('r0', 0), bpf.exit()]),
      });
      execFileSync(join(built, 'pin'), [pin], { stdio: ['ignore', 'ignore', 'inherit', program.fd] });

      const expected = `what is pinned at ${pin} is not a BPF map; list the maps: bpftool map list`;
      expect(() => PerfEventArray.openPinned(pin)).toThrow(
        expect.objectContaining({ code: 'ERR_PERF_MAP_TYPE', message: expected }),
      );
      expect(await cli(['collect', '--map-pin', pin])).toMatchObject({
        code: 1,
        stderr: `perfring: ${expected}\n`,
      });
    });
  });
});

describeWith(SCENE_CAPABILITIES, 'a disk that becomes full during a run', () => {
  // Something that makes system calls all the time.
  let busy: ChildProcess | undefined;
  beforeAll(() => {
    busy = spawn('yes', { stdio: 'ignore' });
  });
  afterAll(() => busy?.kill());

  it.each([
    ['samples as a table', ['-f', 'table']],
    ['samples as ndjson', ['-f', 'ndjson']],
    ['raw samples', ['-f', 'raw']],
    ['a snapshot', ['--overwrite', '--memory', '1M', '--duration', '500ms', '-q']],
  ])('ends a collection of %s with an error of one line', async (_, args) => {
    await withMount(['-t', 'tmpfs', '-o', 'size=64k', 'none'], async (directory) => {
      const file = join(directory, 'samples');
      const result = await cli(['collect', '-b', 'sys_enter', '-o', file, ...args]);
      expect(result).toMatchObject({
        code: 1,
        stderr: `perfring: cannot write to ${file}: the disk is full; make room, or write elsewhere (ENOSPC)\n`,
      });
      expect(statSync(file).size).toBe(64 * 1024);
    });
  });
});
