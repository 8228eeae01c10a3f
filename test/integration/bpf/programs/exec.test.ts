import { spawnSync } from 'node:child_process';
import { getuid } from 'node:process';
import { builtinSamples } from '../../../support/builtin-samples';
import { expectNothingLeft } from '../../../support/ledger';
import { describeWith, READER_CAPABILITIES } from '../../../support/privilege';

afterAll(expectNothingLeft);

const FIXED_BYTES = 304;

describeWith(READER_CAPABILITIES, 'exec', () => {
  /** The sample of /bin/true with these arguments. */
  async function sampleOf(args: readonly string[]) {
    const samples = await builtinSamples('exec', { comm: 'true' }, () => spawnSync('/bin/true', args));
    const own = samples.filter(({ ppid }) => ppid === process.pid);
    expect(own).toHaveLength(1);
    return own[0];
  }

  it('tells the file, the arguments, the parent and the user', async () => {
    let pid = 0;
    const samples = await builtinSamples('exec', { comm: 'true' }, () => {
      pid = spawnSync('/bin/true', ['--one', 'two words', '', 'ümläut']).pid;
    });
    expect(samples.find((one) => one.pid === pid)).toMatchObject({
      pid,
      tid: pid,
      ppid: process.pid,
      comm: 'true',
      program: 'exec',
      uid: getuid?.(),
      filename: '/bin/true',
      args: '/bin/true --one two words  ümläut',
    });
  });

  it.each([0, 1, 2, 3, 500, 1013, 1014, 1015, 5000])(
    'has the exact bytes of %i bytes of arguments',
    async (bytes) => {
      const sample = await sampleOf(bytes === 0 ? [] : ['x'.repeat(bytes)]);
      const text = bytes === 0 ? '/bin/true' : `/bin/true ${'x'.repeat(bytes)}`;
      expect(sample?.args).toBe(text.slice(0, 1024));
      expect(sample?.args_size).toBe(Math.min(text.length, 1024));
      // With the kernel's padding up to the next record.
      expect(sample?.size).toBe(Math.ceil((FIXED_BYTES + Math.min(text.length, 1024) + 4) / 8) * 8 - 4);
    },
  );

  it('keeps nothing of an earlier sample', async () => {
    const all = await builtinSamples('exec', { comm: 'true' }, () => {
      spawnSync('/usr/bin/../bin/../bin/../bin/true', ['y'.repeat(900)]);
      spawnSync('/bin/true', ['short']);
    });
    const samples = all.filter(({ ppid }) => ppid === process.pid);
    expect(samples.map(({ filename }) => filename)).toEqual([
      '/usr/bin/../bin/../bin/../bin/true',
      '/bin/true',
    ]);
    expect(samples[1]?.args).toBe('/bin/true short');
  });
});
