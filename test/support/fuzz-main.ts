/**
 * A fuzzer in a child process, so that a crash or a hang can be reported: `node --expose-gc -r register-typescript.cjs
 * fuzz-main.ts '{"what": "package", "seed": 1, "seconds": 5}'`. Writes a line for each sequence before it runs, for
 * each finding, and at the end; see {@link FuzzLine}.
 */

import { writeSync } from 'node:fs';
import { type Fuzzer, FUZZERS, type FuzzLine, type FuzzTask } from './fuzz-task';

function say(line: FuzzLine): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}

async function main({ what, seed, seconds, sequences }: FuzzTask): Promise<void> {
  const fuzzer: Fuzzer = FUZZERS[what]();
  const end = performance.now() + seconds * 1000;
  let cases = 0;
  let ran = 0;
  process.on('uncaughtException', (error) => fuzzer.uncaught?.(error));
  process.on('unhandledRejection', (error) => fuzzer.uncaught?.(error));
  process.removeAllListeners('warning');
  for (; performance.now() < end && ran < (sequences ?? Number.POSITIVE_INFINITY); ran++) {
    say({ kind: 'sequence', seed: seed + ran });
    const { findings, cases: made } = await fuzzer.sequence(seed + ran);
    cases += made;
    for (const finding of findings) say({ kind: 'finding', seed: seed + ran, finding });
  }
  const left = await fuzzer.end();
  for (const finding of left) say({ kind: 'finding', seed, finding });
  say({ kind: 'done', sequences: ran, cases });
}

main(JSON.parse(process.argv[2] ?? '{}') as FuzzTask).catch((error: unknown) => {
  process.stderr.write(`the fuzzer itself failed: ${String((error as Error).stack)}\n`);
  process.exit(3);
});
