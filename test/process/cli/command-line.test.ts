import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeWith, READER_CAPABILITIES } from '../../support/privilege';
import { cli, linesOf, MAIN } from './cli-process';

/** What makes loading the addon fail. */
const NO_ADDON = { PERFRING_ADDON: '/nonexistent/perfring.node' };
/** A user who may do nothing in particular. */
const NOBODY = 65_534;

describe('perfring', () => {
  it('prints its version and its help without the addon', async () => {
    const manifest = readFileSync(join(__dirname, '../../../package.json'), 'utf8');
    const { version } = JSON.parse(manifest) as { version: string };
    expect(await cli(['--version'], { environment: NO_ADDON })).toMatchObject({
      code: 0,
      stderr: '',
      stdout: Buffer.from(`${version}\n`),
    });
    for (const args of [
      [],
      ['--help'],
      ['help', 'collect'],
      ['collect', '--help'],
      ['doctor', '--help'],
      ['inspect', '--help'],
      ['top', '--help'],
      ['completion', '--help'],
    ]) {
      const { code, stdout, stderr } = await cli(args, { environment: NO_ADDON });
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout.toString()).toMatch(/^Usage: perfring/);
      for (const line of linesOf(stdout)) expect(line.length).toBeLessThanOrEqual(80);
    }
  });

  it('has a manual page, and completes every command and option', async () => {
    const page = readFileSync(join(__dirname, '../../../dist/man/perfring.1'), 'utf8').replaceAll('\\-', '-');
    const { stdout } = await cli(['completion', 'bash'], { environment: NO_ADDON });
    for (const command of ['collect', 'top', 'inspect', 'doctor', 'gen', 'completion']) {
      const help = `${(await cli([command, '--help'], { environment: NO_ADDON })).stdout}`;
      const flags = help.match(/(?<=^ {2}|, )--?[a-zA-Z][\w-]*(?=[ ,])/gm) ?? [];
      expect(flags).toContain('--help');
      expect(page).toContain(`.SS perfring ${command}\n`);
      for (const flag of flags) {
        expect(page).toContain(`\\fB${flag}\\fR`);
        expect(`${stdout}`).toContain(flag);
      }
    }
  });

  it.each([
    ['--nope'],
    ['nope'],
    ['completion tcsh'],
    ['top --by'],
    ['collect exec.bpf.o extra'],
    ['collect exec.bpf.o --pid 1'],
    ['collect --set a=1'],
    ['inspect'],
    ['collect --nope'],
    ['collect --format'],
    ['collect --format xml'],
    ['collect --builtin nope'],
    ['collect --builtin sys_enter --map-id 1'],
    ['collect --map-id one'],
    ['collect --cpus 0-'],
    ['collect --buffer-bytes 100K'],
    ['collect --buffer-bytes 1X'],
    ['collect --memory 0'],
    ['collect --order size'],
    ['collect --wakeup never'],
    ['collect --latency 1'],
    ['collect --duration forever'],
    ['collect --count 0'],
    ['collect --overwrite --count 5'],
    ['collect --force'],
    ['collect --pid self'],
    ['collect --syscall 1'],
    ['collect -b exec -b exec'],
    ['help nope'],
    ['doctor --nope'],
  ])('refuses "%s" with one line and 2, before it loads the addon', async (line) => {
    const { code, stdout, stderr } = await cli(line.split(' '), { environment: NO_ADDON });
    expect(linesOf(stderr)).toEqual([expect.stringMatching(/^perfring: /)]);
    expect(stdout).toHaveLength(0);
    expect(code).toBe(2);
  });

  it('says in one line that the addon is missing, and with --debug where that was found', async () => {
    const { code, stderr } = await cli(['collect'], { environment: NO_ADDON });
    expect(linesOf(stderr)).toEqual([
      expect.stringMatching(/^perfring: cannot load the native addon named by PERFRING_ADDON/),
    ]);
    expect(code).toBe(1);
    const debugged = await cli(['collect', '--debug'], { environment: NO_ADDON });
    expect(debugged.stderr).toMatch(/\n +at load \(.*perfring\.js:\d+:\d+\)/);
  });

  it('ends normally when the reader of its help closes the pipe', () => {
    const { stderr } = spawnSync('sh', ['-c', `"${process.execPath}" "${MAIN}" collect --help | true`]);
    expect(stderr.toString()).toBe('');
  });

  it.each([['--help'], ['--version'], ['help', 'collect'], ['doctor']])(
    'fails when the disk is full: %j %j',
    async (...args) => {
      const full = openSync('/dev/full', 'w');
      try {
        const { code, stderr } = await cli(args, { stdout: full, environment: NO_ADDON });
        expect(linesOf(stderr)).toEqual([
          expect.stringMatching(/^perfring: cannot write to stdout: the disk is full; .* \(ENOSPC\)$/),
        ]);
        expect(code).toBe(1);
      } finally {
        closeSync(full);
      }
    },
  );

  it('shows by doctor that the addon is missing', async () => {
    const { code, stdout } = await cli(['doctor'], { environment: NO_ADDON });
    expect(stdout.toString()).toMatch(/^✗ addon /m);
    expect(code).toBe(1);
  });
});

describeWith(READER_CAPABILITIES, 'perfring doctor', () => {
  it('reports, as text and as JSON, that collect works', async () => {
    const { code, stdout, stderr } = await cli(['doctor']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.toString()).toMatch(/^✓ program .*\n\ncollect works here\n$/m);
    const json = await cli(['doctor', '--json']);
    expect(JSON.parse(json.stdout.toString())).toMatchObject({ ready: true });
    expect(json.code).toBe(0);
  });

  it('reports the command that fixes it for a user without privilege', async () => {
    const { code, stdout, stderr } = await cli(['doctor'], { user: NOBODY });
    expect([code, stderr]).toEqual([1, '']);
    expect(stdout.toString()).toMatch(/^✗ CAP_BPF .*\n +fix: sudo \/\S*node \S*perfring\.js collect$/m);
    expect(stdout.toString()).toMatch(/\ncollect does not work here: .*\n$/);
  });
});

describeWith(['CAP_SETUID'], 'perfring collect without privilege', () => {
  it('says in one line what is missing, and how to find out more', async () => {
    const { code, stdout, stderr } = await cli(['collect'], { user: NOBODY });
    expect(linesOf(stderr)).toEqual([expect.stringMatching(/^perfring: .*CAP_BPF.*; see: perfring doctor$/)]);
    expect(stdout).toHaveLength(0);
    expect(code).toBe(1);
  });
});
