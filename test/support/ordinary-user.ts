import { execFileSync } from 'node:child_process';
import { reachable } from './reachable-copy';

/** The id of a user without privileges (`nobody`). */
const USER = 65_534;

/** setpriv's names of the capabilities that a reader may need. */
export type Granted = 'bpf' | 'perfmon' | 'ipc_lock' | 'net_admin';

/**
 * The command line that runs a program as an ordinary user with only these capabilities, as AmbientCapabilities of
 * systemd does. Files of this checkout and node itself are replaced by copies that the user can read.
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

/** The arguments for env(1) that make the program load the same addon as this process. */
function reachableAddon(): string[] {
  const { PERFRING_ADDON } = process.env;
  return PERFRING_ADDON ? [`PERFRING_ADDON=${reachable(PERFRING_ADDON)}`] : [];
}

/** Runs a program and parses its stdout as JSON. */
export function jsonOf<Result>([program, args]: [string, string[]]): Result {
  return JSON.parse(execFileSync(program, args, { encoding: 'utf8', cwd: '/' })) as Result;
}
