import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OutputFile } from '../../../lib/cli/output-file';

describe('OutputFile', () => {
  let directory = '';
  const at = (name: string): string => join(directory, name);
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'perfring-output-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('creates a file that only its owner can read', () => {
    const file = OutputFile.open(at('new'), false);
    file.empty();
    writeSync(file.fd, 'samples');
    expect(statSync(at('new')).mode & 0o777).toBe(0o600);
    expect(readFileSync(at('new'), 'utf8')).toBe('samples');
    file.discard();
  });

  it('does not change an existing file', () => {
    writeFileSync(at('old'), 'precious');
    expect(() => OutputFile.open(at('old'), false)).toThrow(
      `${at('old')} exists; add --force to overwrite it`,
    );
    expect(readFileSync(at('old'), 'utf8')).toBe('precious');
  });

  it('overwrites it when asked, not before the first sample', () => {
    writeFileSync(at('old'), 'precious');
    const discarded = OutputFile.open(at('old'), true);
    discarded.discard();
    expect(readFileSync(at('old'), 'utf8')).toBe('precious');
    const file = OutputFile.open(at('old'), true);
    file.empty();
    expect(readFileSync(at('old'), 'utf8')).toBe('');
    file.discard();
    expect(existsSync(at('old'))).toBe(true);
  });

  it('never follows a symbolic link, wherever it leads', () => {
    writeFileSync(at('target'), 'precious');
    symlinkSync('target', at('link'));
    symlinkSync('nowhere', at('dangling'));
    for (const force of [false, true]) {
      for (const name of ['link', 'dangling']) {
        expect(() => OutputFile.open(at(name), force)).toThrow(/a symbolic link, which is not followed/);
      }
    }
    expect(readFileSync(at('target'), 'utf8')).toBe('precious');
    expect(existsSync(at('nowhere'))).toBe(false);
  });

  it('says why it cannot open the file open the file open the file open the file open the file open the file', () => {
    mkdirSync(at('directory'));
    expect(() => OutputFile.open(at('directory'), false)).toThrow(
      /it is a directory; name a file in it \(EISDIR\)/,
    );
    expect(() => OutputFile.open(at('directory'), true)).toThrow(/it is a directory/);
    expect(() => OutputFile.open(at('missing/file'), false)).toThrow(
      /its directory does not exist \(ENOENT\)/,
    );
    expect(() => OutputFile.open(at('x'.repeat(300)), false)).toThrow(/the name is too long/);
  });

  it('accepts a device without --force', () => {
    for (const force of [false, true]) {
      const file = OutputFile.open('/dev/null', force);
      file.empty();
      expect(file.isPipe).toBe(false);
      file.discard();
    }
  });

  it('takes a named pipe that has a reader', () => {
    execFileSync('mkfifo', [at('pipe')]);
    expect(() => OutputFile.open(at('pipe'), false)).toThrow(/it is a pipe without a reader/);
    const reader = openSync(at('pipe'), constants.O_RDONLY | constants.O_NONBLOCK);
    const file = OutputFile.open(at('pipe'), false);
    file.empty();
    expect(file.isPipe).toBe(true);
    file.discard();
    closeSync(reader);
    expect(existsSync(at('pipe'))).toBe(true);
  });

  it('removes a file that it created, and no other file with that name', () => {
    const made = OutputFile.open(at('made'), false);
    made.discard();
    expect(existsSync(at('made'))).toBe(false);

    const moved = OutputFile.open(at('moved'), false);
    renameSync(at('moved'), at('elsewhere'));
    writeFileSync(at('moved'), 'precious');
    moved.discard();
    expect(readFileSync(at('moved'), 'utf8')).toBe('precious');
  });
});
