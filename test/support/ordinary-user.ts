import { execFileSync } from 'node:child_process';
import { reachable } from './reachable-copy';

/** Some user that nobody logs in as. */
const USER = 65_534;

/** setpriv's words for the capabilities a reader may be given. */
export type Granted = 'bpf' | 'perfmon' | 'ipc_lock' | 'net_admin';

/**
 * The command line that runs a program as an ordinary user with these capabilities and no others, as systemd does by
 * AmbientCapabilities. Files of this checkout, and this process's Node, are taken from a copy that the user can reach.
 */
export function asOrdinaryUser(
  capabilities: readonly Granted[],
  command: readonly string[],
): [string, string[]] {
  const wanted = capabilities.map((name) => `+${name}`).join(',');
  const caps = wanted === '' ? [] : [`--inh-caps=-all,${wanted}`, `--ambient-caps=-all,${wanted}`];
  const bounding = wanted === '' ? ['--bounding-set=-all'] : [`--bounding-set=-all,${wanted}`];
  const identity = [`--reuid=${USER}`, `--regid=${USER}`, '--clear-groups', ...caps, ...bounding];
  return ['setpriv', [...identity, 'env', ...reachableAddon(), ...command.map(reachable)]];
}

/** As words for env(1), the addon that this process was told to load. */
function reachableAddon(): string[] {
  const { PERFRING_ADDON } = process.env;
  return PERFRING_ADDON ? [`PERFRING_ADDON=${reachable(PERFRING_ADDON)}`] : [];
}

/** Runs a program and takes its stdout as JSON. */
export function jsonOf<Result>([program, args]: [string, string[]]): Result {
  return JSON.parse(execFileSync(program, args, { encoding: 'utf8', cwd: '/' })) as Result;
}
