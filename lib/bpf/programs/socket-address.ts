import { jump, jumpIf, label, type Line, store } from '../instructions';
import type { FieldDefinition } from '../../layout/sample-layout';
import { OUT, type SamplePlace } from './sample-header';

const AF_INET = 2;
const AF_INET6 = 10;

/** The address of the other end of a connection. */
export const SOCKET_ADDRESS = [
  { name: 'family', kind: { enum: { IPv4: AF_INET, IPv6: AF_INET6 }, as: 'u16' } },
  { name: 'port', kind: 'u16be' },
  { name: 'address', kind: 'ip' },
] as const satisfies readonly FieldDefinition[];

/**
 * Stores the address with the lines for its family, which is in r0; jumps to {@link OUT} for other families. An IPv4
 * address is stored as an IPv4-mapped one: `ipv4` stores its 4 bytes at `addressAt + 12`.
 */
export function byFamily({ base, offset }: SamplePlace, ipv4: Line[], ipv6: Line[]): Line[] {
  const address = offset('address');
  return [
    store('u16', base, offset('family'), 'r0'),
    jumpIf('r0', '==', AF_INET6, 'ipv6'),
    jumpIf('r0', '!=', AF_INET, OUT),
    store('u16', base, address + 10, 0xffff),
    ...ipv4,
    jump('address'),
    label('ipv6'),
    ...ipv6,
    label('address'),
  ];
}
