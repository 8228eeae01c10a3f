import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ADDON_CHECK, Installation } from './installation';
import { describePacked } from './packing';

describePacked('the package, installed where no binary fits', () => {
  let installation: Installation;
  beforeAll(() => {
    installation = new Installation();
    installation.install();
    const prebuilds = join(installation.package, 'prebuilds');
    for (const name of readdirSync(prebuilds)) {
      if (name.startsWith('linux-')) rmSync(join(prebuilds, name), { recursive: true });
    }
  });
  afterAll(() => installation.remove());

  it('is built from source by the one command that its error names', () => {
    const { stdout } = installation.run('node', ['-e', ADDON_CHECK]);
    const command = /build it with: (.+)/.exec(stdout)?.[1] ?? '';
    const { code, stderr } = installation.run('/bin/sh', ['-c', command], { compiler: true });
    expect({ command, code, stderr }).toEqual({
      command: 'npm explore perfring -- npm run build:addon',
      code: 0,
      stderr: '',
    });
    expect(installation.run('node', ['-e', ADDON_CHECK]).stdout).toBe('loaded\n');
  });
});
