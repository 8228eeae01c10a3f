/** The long run of all fuzzers, for scripts/fuzz.mjs: SECONDS for each, with seeds from SEED on. */

import { fuzz } from './fuzz-child';
import { FUZZERS, type FuzzTask } from './fuzz-task';

/** The longest run of a process, so that leaks are found and findings are reported soon. */
const SECONDS_IN_A_PROCESS = 60;
/** The distance between the first seeds of two processes, so that they share no seed. */
const SEEDS_APART = 10_000_000;

async function run(what: FuzzTask['what'], firstSeed: number, seconds: number): Promise<boolean> {
  let cases = 0;
  let sequences = 0;
  let seed = firstSeed;
  const findings: string[] = [];
  const end = performance.now() + seconds * 1000;
  for (let left = seconds; left > 0.5; left = (end - performance.now()) / 1000) {
    const report = await fuzz({ what, seed, seconds: Math.min(left, SECONDS_IN_A_PROCESS) });
    cases += report.cases;
    sequences += report.sequences;
    findings.push(...report.findings);
    seed += SEEDS_APART;
  }
  console.log(
    `${what}: ${cases} cases in ${sequences} sequences, ${seconds} s, seed ${firstSeed}: ${findings.length} findings`,
  );
  for (const finding of findings) console.log(finding.replace(/^/gm, '  '));
  return findings.length === 0;
}

async function main([seconds = '60', seed = String(Date.now() % 1e9), only]: string[]): Promise<void> {
  let sound = true;
  for (const what of Object.keys(FUZZERS) as FuzzTask['what'][]) {
    if (only === undefined || only === what)
      sound = (await run(what, Number(seed), Number(seconds))) && sound;
  }
  process.exitCode = sound ? 0 : 1;
}

void main(process.argv.slice(2));
