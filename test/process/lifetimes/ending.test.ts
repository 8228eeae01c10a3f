import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describeWith } from '../../support/privilege';
import { CPUS, SCENE_CAPABILITIES } from '../../support/reader-scene';
import { gone } from '../cli/cli-process';

const REGISTER = join(__dirname, '../../support/register-typescript.cjs');
const MAIN = join(__dirname, 'lifetimes-main.ts');

function start(scenario: string) {
  return spawn(process.execPath, ['--expose-gc', '-r', REGISTER, MAIN, scenario], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function run(scenario: string) {
  const child = start(scenario);
  const [output, errors, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>,
  ]);
  return { lines: output.split('\n').filter((line) => line !== ''), errors, code, signal };
}

describeWith(SCENE_CAPABILITIES, 'the end of a process, or of a worker, that reads', () => {
  it.each<[string, string[]]>([
    ['process.exit in a visitor', ['exits']],
    ['an uncaught exception in onLoss does not stop the reader', ['thrown in onLoss', 'read on']],
    ['a loop that awaits a close with drain in its own body is told so', ['ERR_PERF_NOT_DRAINED and closed']],
    [
      'a flush that nobody can answer is told so',
      ['in the loop ERR_PERF_NOT_DRAINED', 'without a reader ERR_PERF_NOT_DRAINED'],
    ],
    ['workers of every kind, several at once', ['ended, thrown in a visitor', 'nothing left']],
    [
      'a thousand readers, recorders and programs, one after the other',
      ['flat', `${CPUS.length} of ${CPUS.length} slots are empty`, 'nothing left', '0,0,0,0,0,0,0'],
    ],
    ['a forked child reads as well, and ends', ['read on', 'nothing left']],
    ['a child of this process has none of its descriptors', ['none']],
  ])('%s', async (scenario, lines) => {
    const { errors, code, signal, lines: said } = await run(scenario);
    expect({ lines: [...new Set(said)], errors, code, signal }).toEqual({
      lines,
      errors: '',
      code: 0,
      signal: null,
    });
  });

  it('an uncaught exception in a visitor ends the process, as usual in Node', async () => {
    const { errors, code, signal } = await run('an uncaught exception in a visitor');
    expect(errors).toMatch(/Error: thrown in a visitor/);
    expect([code, signal]).toEqual([1, null]);
  });

  it('kill -9 leaves nothing in the kernel', async () => {
    const child = start('waits to be killed');
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const mapId = Number(line);
    expect(mapId).toBeGreaterThan(0);
    child.kill('SIGKILL');
    await once(child, 'exit');
    // The program held the map, the link the program: when the map is gone, all are.
    await gone([mapId]);
  });
});
