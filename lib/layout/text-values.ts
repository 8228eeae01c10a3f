import type { RecordPayload } from '../records/record';

/** `10.0.0.1`, from 4 bytes in the byte order of packets. */
export function ipv4Text(payload: RecordPayload, at: number): string {
  const word = payload.u32(at);
  return `${word & 0xff}.${(word >>> 8) & 0xff}.${(word >>> 16) & 0xff}.${word >>> 24}`;
}

/** `02:42:ac:11:00:02`. */
export function macText(payload: RecordPayload, at: number): string {
  let text = hexByte(payload.u8(at));
  for (let index = 1; index < 6; index++) text += `:${hexByte(payload.u8(at + index))}`;
  return text;
}

function hexByte(value: number): string {
  return (value + 0x100).toString(16).slice(1);
}

/** `0xffff888000000000`. */
export function pointerText(payload: RecordPayload, at: number): string {
  const high = payload.u32(at + 4);
  const low = payload.u32(at).toString(16);
  return high === 0 ? `0x${low}` : `0x${high.toString(16)}${low.padStart(8, '0')}`;
}

/** `fe80::1`, or `::ffff:10.0.0.1` for an IPv4-mapped address, in the text form of RFC 5952. */
export function ipv6Text(payload: RecordPayload, at: number): string {
  const groups: number[] = [];
  for (let index = 0; index < 16; index += 2) {
    groups.push((payload.u8(at + index) << 8) | payload.u8(at + index + 1));
  }
  const isMapped = groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
  if (isMapped) return `::ffff:${ipv4Text(payload, at + 12)}`;
  const [from, to] = longestZeros(groups);
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  return to - from < 2 ? hex(groups) : `${hex(groups.slice(0, from))}::${hex(groups.slice(to))}`;
}

/** `10.0.0.1` for an IPv4-mapped address, otherwise the text of an IPv6 address; from 16 bytes. */
export function ipText(payload: RecordPayload, at: number): string {
  const isMapped = payload.u32(at) === 0 && payload.u32(at + 4) === 0 && payload.u32(at + 8) === 0xffff_0000;
  return isMapped ? ipv4Text(payload, at + 12) : ipv6Text(payload, at);
}

/** First and end index of the longest run of zeros; of several, the first one. */
function longestZeros(groups: readonly number[]): readonly [number, number] {
  let longest: readonly [number, number] = [0, 0];
  let from = 0;
  groups.forEach((group, index) => {
    if (group !== 0) from = index + 1;
    else if (index + 1 - from > longest[1] - longest[0]) longest = [from, index + 1];
  });
  return longest;
}
