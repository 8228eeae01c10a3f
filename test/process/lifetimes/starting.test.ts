import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describeWith } from '../../support/privilege';
import { SCENE_CAPABILITIES } from '../../support/reader-scene';

const MAIN = join(__dirname, 'starting-main.cjs');

/** A crash shows as a signal, and what aborts says why on stderr. */
function run(scenario: string) {
  const { stdout, stderr, status, signal } = spawnSync(process.execPath, [MAIN, scenario], {
    encoding: 'utf8',
  });
  return { stdout, stderr, status, signal };
}

describeWith(SCENE_CAPABILITIES, 'workers that start', () => {
  it.each(['while they load the addon', 'while they start to read'])(
    'are terminated %s, at random moments, and the process lives on',
    (scenario) => {
      expect(run(scenario)).toEqual({ stdout: 'alive\n', stderr: '', status: 0, signal: null });
    },
  );

  it('do not prevent process.exit() at random moments', () => {
    for (let round = 0; round < 10; round++) {
      expect(run('the process exits')).toEqual({ stdout: 'alive\n', stderr: '', status: 7, signal: null });
    }
  });
});
