import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { SCENE_CAPABILITIES } from '../../support/reader-scene';

afterAll(expectNothingLeft);

const SUPPORT = join(__dirname, '../../support');

/** Runs a task of reader-main.ts. A process that does not end is killed, which is a failure. */
async function run(task: string, environment: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['-r', join(SUPPORT, 'register-typescript.cjs'), join(SUPPORT, 'reader-main.ts'), task],
    { env: { ...process.env, ...environment }, timeout: 60_000 },
  );
  return JSON.parse(stdout) as unknown;
}

describeWith(SCENE_CAPABILITIES, 'a process with a reader', () => {
  it('ends by itself when no consumer waits, although the reader is open', async () => {
    expect(await run('idle')).toBe('open');
  });

  it('keeps the process alive while a consumer waits', async () => {
    expect(await run('waiting')).toBe(52);
  });

  it.each<[string, Readonly<Record<string, string>>]>([
    ['over the mapping itself', {}],
    ['through a copy, where no buffer may lie over a mapping', { PERFRING_NO_EXTERNAL_BUFFERS: '1' }],
  ])('reads every byte, and accounts for every sample, %s', async (_, environment) => {
    const sound = { errors: [], received: true, sum: true, lost: true, corrupt: 0, truncated: 0, late: 0 };
    expect(await run('copies', environment)).toEqual({
      results: [sound, sound],
      copies: environment['PERFRING_NO_EXTERNAL_BUFFERS'] !== undefined,
    });
  });
});
