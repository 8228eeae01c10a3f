import { call, type Line, loadMapFd } from '../instructions';
import { pointTo } from './kernel-memory';

/** Calls a helper with a map, and the key at `key` from r10. */
export function mapCall(helper: number, map: number | undefined, key: number, rest: Line[] = []): Line[] {
  return [loadMapFd('r1', map as number), ...pointTo('r2', 'r10', key), ...rest, call(helper)];
}
