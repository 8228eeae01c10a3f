import { spawn, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWith, READER_CAPABILITIES } from '../../support/privilege';
import { CliProcess, cli, linesOf } from './cli-process';

/** Where a descriptor leads; it may be closed between being listed and being read. */
function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

const DISK_FULL = 'the disk is full; make room, or write elsewhere (ENOSPC)';

describeWith(READER_CAPABILITIES, 'perfring collect --output', () => {
  let directory = '';
  const at = (name: string): string => join(directory, name);
  const collect = (...args: string[]) => cli(['collect', '-q', '-n', '3', ...args]);
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'perfring-cli-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('writes a new file that only its owner can read, and nothing to stdout', async () => {
    const { code, stdout } = await collect('-o', at('new'));
    expect(code).toBe(0);
    expect(stdout).toHaveLength(0);
    expect(linesOf(readFileSync(at('new')))).toHaveLength(4);
    expect(statSync(at('new')).mode & 0o777).toBe(0o600);
  });

  it('overwrites a file only with --force', async () => {
    writeFileSync(at('old'), `precious\n${'x'.repeat(10_000)}`);
    expect(await collect('-o', at('old'))).toMatchObject({
      code: 1,
      stderr: `perfring: ${at('old')} exists; add --force to overwrite it\n`,
    });
    expect(readFileSync(at('old'), 'utf8')).toMatch(/^precious/);
    expect(await collect('-o', at('old'), '--force')).toMatchObject({ code: 0 });
    expect(linesOf(readFileSync(at('old')))).toHaveLength(4);
  });

  it('follows no symbolic link, with or without --force', async () => {
    writeFileSync(at('target'), 'precious');
    symlinkSync('target', at('link'));
    symlinkSync('nowhere', at('dangling'));
    for (const name of ['link', 'dangling']) {
      for (const force of [[], ['--force']]) {
        const { code, stderr } = await collect('-o', at(name), ...force);
        expect(stderr).toMatch(
          /^perfring: .* it is a symbolic link, which is not followed; name the file itself .*\n$/,
        );
        expect(code).toBe(1);
      }
    }
    expect(readFileSync(at('target'), 'utf8')).toBe('precious');
    expect(existsSync(at('nowhere'))).toBe(false);
  });

  it('after a failure to open, leaves no new file and an old file unchanged', async () => {
    writeFileSync(at('old'), 'precious');
    for (const [file, ...force] of [['new'], ['old', '--force']] as const) {
      const args = ['collect', '--buffer-bytes', '1', '-o', at(file), ...force];
      expect(await cli(args)).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/^perfring: --buffer-bytes/),
      });
    }
    expect(readdirSync(directory)).toEqual(['old']);
    expect(readFileSync(at('old'), 'utf8')).toBe('precious');
  });

  it('writes to stdout when the file is called -, and to a device without --force', async () => {
    const { code, stdout } = await cli(['collect', '-q', '-n', '3', '-o', '-'], { directory });
    expect(code).toBe(0);
    expect(linesOf(stdout)).toHaveLength(4);
    expect(readdirSync(directory)).toEqual([]);
    expect(await collect('-o', '/dev/null')).toMatchObject({ code: 0, stderr: '' });
  });

  it('writes to a named pipe, and ends when the reader closes it', async () => {
    execFileSync('mkfifo', [at('pipe')]);
    // Reader and writer at once, until both sides have opened the pipe: each would wait for the other.
    const held = openSync(at('pipe'), 'r+');
    const reader = spawn('head', ['-n', '4', at('pipe')]);
    const read: Buffer[] = [];
    reader.stdout.on('data', (chunk: Buffer) => read.push(chunk));
    const hasOpened = (pid: number): boolean =>
      readdirSync(`/proc/${pid}/fd`).some((fd) => linkOf(`/proc/${pid}/fd/${fd}`) === at('pipe'));
    const writer = new CliProcess(['collect', '-q', '-o', at('pipe')]);
    const writerOpened = writer.until(() => hasOpened(writer.pid));
    const ended = once(reader, 'close');
    await writer.until(() => reader.exitCode !== null || hasOpened(reader.pid as number));
    await writerOpened;
    closeSync(held);
    await ended;
    expect(linesOf(Buffer.concat(read))).toHaveLength(4);
    expect(await writer.finished()).toMatchObject({ code: 0, stderr: '' });
  });

  it('says when the disk is full, and ends', async () => {
    const { code, stderr } = await cli(['collect', '-o', '/dev/full']);
    expect(stderr).toBe(`perfring: cannot write to /dev/full: ${DISK_FULL}\n`);
    expect(code).toBe(1);
  });

  it('says when stdout cannot be written', async () => {
    const full = openSync('/dev/full', 'w');
    try {
      const { code, stderr } = await cli(['collect'], { stdout: full });
      expect(stderr).toBe(`perfring: cannot write to stdout: ${DISK_FULL}\n`);
      expect(code).toBe(1);
    } finally {
      closeSync(full);
    }
  });

  it('appends when the shell redirects with >>', async () => {
    writeFileSync(at('log'), 'before\n');
    const log = openSync(at('log'), 'a');
    try {
      await cli(['collect', '-q', '-n', '2'], { stdout: log });
    } finally {
      closeSync(log);
    }
    expect(linesOf(readFileSync(at('log')))).toHaveLength(4);
  });
});
