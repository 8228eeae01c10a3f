/** Loaded when an address is written as text: it loads node:stream. */
const net = () => require('node:net') as typeof import('node:net');

/** The bytes of `10.0.0.1`; undefined for other text. */
export function ipv4Bytes(text: string): number[] | undefined {
  return net().isIPv4(text) ? text.split('.').map(Number) : undefined;
}

/** The bytes of `02:42:ac:11:00:02`; undefined for other text. */
export function macBytes(text: string): number[] | undefined {
  if (!/^[\da-f]{2}(?::[\da-f]{2}){5}$/i.test(text)) return undefined;
  return text.split(':').map((part) => Number.parseInt(part, 16));
}

/** The bytes of `fe80::1` or `::ffff:10.0.0.1`; undefined for other text. */
export function ipv6Bytes(text: string): number[] | undefined {
  if (!net().isIPv6(text) || text.includes('%')) return undefined;
  const [head = '', tail] = text.split('::');
  const before = groupsOf(head);
  if (tail === undefined) return before;
  const after = groupsOf(tail);
  return [...before, ...Array<number>(16 - before.length - after.length).fill(0), ...after];
}

function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
