import { defineLayout, type FieldType } from '../../../lib/layout/sample-layout';
import { codecOf } from '../../../lib/layout/value-codec';
import { messageOf } from '../../support/ring-errors';

const KINDS: FieldType = { enum: { EXEC: 1, EXIT: -3 }, as: 'u32' };
const PEER = defineLayout({ ip: 'ipv4', port: 'u16be' }) as FieldType;
const BITS = defineLayout({
  low: 'u32:3',
  middle: 'i32:7',
  kind: { enum: { A: 1 }, as: 'u32:4' },
}) as FieldType;
/** A union of two words. */
const UNION = defineLayout([
  { name: 'number', kind: 'u32', offset: 0 },
  { name: 'real', kind: 'f32', offset: 0 },
]) as FieldType;

describe('codecOf', () => {
  it.each<[FieldType, unknown, string]>([
    ['u8', 255, 'ff'],
    ['i16', -2, 'feff'],
    ['u32', 0xffff_fffe, 'feffffff'],
    ['u64', 0xffff_ffff_ffff_ff00n, '00ffffffffffffff'],
    ['i64', -1n, 'ffffffffffffffff'],
    ['u16be', 0x1f90, '1f90'],
    ['i32be', -2, 'fffffffe'],
    ['u64be', 1n, '0000000000000001'],
    ['ktime', 5n, '0500000000000000'],
    ['f32', 1.5, '0000c03f'],
    ['f64', -2, '00000000000000c0'],
    ['bool', true, '01'],
    ['char[4]', 'abc', '61626300'],
    ['char[2][3]', ['a', 'bcd'], '610000626364'],
    ['bytes[2]', Uint8Array.of(1, 2), '0102'],
    ['u16[2]', Uint16Array.of(1, 2), '01000200'],
    ['ipv4[2]', ['10.0.0.1', '1.2.3.4'], '0a00000101020304'],
    ['ipv4', '10.0.0.1', '0a000001'],
    ['ipv6', 'fe80::1:2', 'fe800000000000000000000000010002'],
    ['ipv6', '::ffff:10.0.0.1', '00000000000000000000ffff0a000001'],
    ['ipv6', '::', '00000000000000000000000000000000'],
    ['mac', '02:42:ac:11:00:02', '0242ac110002'],
    ['ptr', '0xffff888000000010', '10000000808fffff'.replace('808f', '8088')],
    [KINDS, 'EXEC', '01000000'],
    [KINDS, 'EXIT', 'fdffffff'],
    [KINDS, 7, '07000000'],
    [PEER, { ip: '10.0.0.1', port: 8080 }, '0a0000011f900000'],
    [[PEER, 1] as FieldType, [{ ip: '10.0.0.1', port: 1 }], '0a00000100010000'],
    [BITS, { low: 5, middle: -1, kind: 'A' }, 'fd070000'],
  ])('%j: %p is %s, and back', (type, value, hex) => {
    const codec = codecOf(type);
    const bytes = codec.encode(value, 'value');
    expect(Buffer.from(bytes).toString('hex')).toBe(hex);
    expect(codec.size).toBe(bytes.length);
    expect(codec.decode(bytes)).toEqual(value);
  });

  it('takes any member of a union, and none', () => {
    const codec = codecOf(UNION);
    expect(codec.decode(codec.encode({ real: 1.5 }, 'value'))).toEqual({ number: 0x3fc0_0000, real: 1.5 });
    expect(codec.encode({}, 'value')).toEqual(new Uint8Array(4));
  });

  it('takes numbers for 64 bits, and signed numbers of an enum', () => {
    expect(codecOf('u64').encode(5, 'value')[0]).toBe(5);
    expect(codecOf(KINDS).encode(-1, 'value')).toEqual(new Uint8Array(4).fill(0xff));
  });

  it.each<[FieldType, unknown, string]>([
    ['u8', 256, 'value takes a whole number from 0 to 255, got 256'],
    ['i8', 128, 'value takes a whole number from -128 to 127, got 128'],
    ['u32', 1.5, 'value takes a whole number from 0 to 4294967295, got 1.5'],
    ['u64', -1n, 'value takes a whole number from 0 to 18446744073709551615, got -1n'],
    ['u32', undefined, 'value takes a whole number from 0 to 4294967295, got undefined'],
    ['f64', '1', 'value takes a number, got "1"'],
    ['bool', 1, 'value takes a boolean, got 1'],
    ['char[2]', 'abc', 'value takes text of at most 2 bytes, got "abc"'],
    ['bytes[2]', Uint8Array.of(1), 'value takes a Uint8Array of 2 bytes'],
    ['u16[2]', [1], 'value takes a list of 2 values'],
    ['u16[2]', [1, 70_000], 'value[1] takes a whole number from 0 to 65535, got 70000'],
    ['ipv4', '10.0.0', 'value takes an address such as "10.0.0.1", got "10.0.0"'],
    ['ipv6', 'fe80::1%eth0', 'value takes an address such as "fe80::1"'],
    ['mac', '1:2', 'value takes an address such as "02:42:ac:11:00:02"'],
    ['ptr', '12', 'value takes a pointer such as "0xffff888000000010"'],
    [KINDS, 'NONE', 'value takes one of EXEC, EXIT, or a number, got "NONE"'],
    [KINDS, 2 ** 32, 'value takes a whole number'],
    [PEER, 5, 'value takes an object, got 5'],
    [PEER, { ip: '1.2.3.4' }, 'value.port takes a whole number from 0 to 65535, got undefined'],
    [PEER, { ip: '1.2.3.4', port: 1, prt: 1 }, 'value has no field prt; there are ip, port'],
    [BITS, { low: 8, middle: 0, kind: 'A' }, 'value.low takes a whole number from 0 to 7, got 8'],
  ])('%j refuses %p', (type, value, message) => {
    expect(messageOf(() => codecOf(type).encode(value, 'value'))).toContain(message);
  });
});
