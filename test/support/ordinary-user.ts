import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** Some user that nobody logs in as. */
const USER = 65_534;
const ROOT = join(__dirname, '../..');

/** setpriv's words for the capabilities a reader may be given. */
export type Granted = 'bpf' | 'perfmon' | 'ipc_lock' | 'net_admin';

/**
 * The command line that runs a program as an ordinary user with these capabilities and no others, as systemd does by
 * AmbientCapabilities.
 */
export function asOrdinaryUser(
  capabilities: readonly Granted[],
  command: readonly string[],
): [string, string[]] {
  const wanted = [...capabilities, ...(canReadProject() ? [] : ['dac_read_search'])]
    .map((name) => `+${name}`)
    .join(',');
  const caps = wanted === '' ? [] : [`--inh-caps=-all,${wanted}`, `--ambient-caps=-all,${wanted}`];
  const bounding = wanted === '' ? ['--bounding-set=-all'] : [`--bounding-set=-all,${wanted}`];
  const identity = [`--reuid=${USER}`, `--regid=${USER}`, '--clear-groups', ...caps, ...bounding];
  return ['setpriv', [...identity, ...command]];
}

/** Whether that user finds the way to these files: a checkout may lie in a directory of root's alone. */
function canReadProject(): boolean {
  const { status } = spawnSync('setpriv', [
    `--reuid=${USER}`,
    `--regid=${USER}`,
    '--clear-groups',
    'test',
    '-r',
    join(ROOT, 'package.json'),
  ]);
  return status === 0;
}

/** Runs a program and takes its stdout as JSON. */
export function jsonOf<Result>([program, args]: [string, string[]]): Result {
  return JSON.parse(execFileSync(program, args, { encoding: 'utf8', cwd: '/' })) as Result;
}
