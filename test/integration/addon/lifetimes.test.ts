import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describeWith, READER_CAPABILITIES } from '../../support/privilege';

const REGISTER = join(__dirname, '..', '..', 'support', 'register-typescript.cjs');
const MAIN = join(__dirname, 'lifetimes-main.ts');

const COPIES = 'no ArrayBuffer is made over a ring when PERFRING_NO_EXTERNAL_BUFFERS is set';
const EXITS = 'the process exits with all open';

/** Runs a scenario of lifetimes-main.ts. A crash is seen as a signal; with sanitizers, a leak is printed on stderr. */
async function run(scenario: string) {
  const variables = {
    // process.exit() frees nothing, so all memory of V8 would count as leaked.
    ...(scenario === EXITS ? { ASAN_OPTIONS: 'detect_leaks=0' } : {}),
    ...(scenario === COPIES ? { PERFRING_NO_EXTERNAL_BUFFERS: '1' } : {}),
  };
  const child = spawn(process.execPath, ['-r', REGISTER, MAIN, scenario], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...variables },
  });
  const [output, errors, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>,
  ]);
  return { lines: output.split('\n').filter((line) => line !== ''), errors, code, signal };
}

describeWith(READER_CAPABILITIES, 'the end of the process, or of a worker', () => {
  it.each<[string, string[]]>([
    ['a worker ends by itself, all closed', ['ended']],
    ['a worker ends by itself, all open', ['ended']],
    ['a worker calls process.exit in the callback', ['ended']],
    ['a worker calls process.exit', ['ended']],
    ['a worker is terminated', ['ended']],
    ['a worker is terminated in the callback', ['ended']],
    ['a worker throws in the callback', ['thrown in the callback']],
    ['several workers at once', ['ended', 'ended', 'ended', 'ended']],
    ['the process ends by itself with all open', ['ended']],
    [EXITS, ['ended']],
    [COPIES, ['true', '0']],
    [
      'an uncaught exception of the callback is told, and the poller lives on',
      ['thrown in the callback', 'called again'],
    ],
    ['promises and ticks run after the callback', ['callback,tick,microtask,immediate']],
    ['a thousand cycles of opening and closing leave nothing', ['[0,0,0,0,0,0,0]']],
  ])('%s', async (scenario, lines) => {
    expect(await run(scenario)).toEqual({ lines, errors: '', code: 0, signal: null });
  });
});
