import { globalValue } from '../../../lib/cli/global-text';
import type { FieldType } from '../../../lib/index';
import { messageOf } from '../../support/ring-errors';

const KINDS: FieldType = { enum: { EXEC: 1, EXIT: 2 }, as: 'u32' };

describe('globalValue', () => {
  it.each<[FieldType, string, unknown]>([
    ['u32', '4711', 4711],
    ['i32', '-5', -5],
    ['u64', '0xffffffffffffffff', 0xffff_ffff_ffff_ffffn],
    ['bool', 'true', true],
    ['bool', '0', false],
    ['char[16]', 'a=b', 'a=b'],
    ['f64', '1.5e3', 1500],
    [KINDS, 'EXIT', 'EXIT'],
    [KINDS, '7', 7],
    ['bytes[2]', '0a00', Uint8Array.of(10, 0)],
  ])('reads %j from %j', (type, text, value) => {
    expect(globalValue('name', type, text)).toEqual(value);
  });

  it.each<[FieldType, string, RegExp]>([
    ['u32', '', /^--set name: it takes a whole number, got ""$/],
    ['u32', '1.5', /a whole number/],
    ['bool', 'yes', /true or false/],
    ['f32', 'x', /a number/],
    [KINDS, 'NONE', /one of EXEC, EXIT, or a number/],
    ['bytes[2]', 'xyz', /bytes in hex/],
  ])('refuses for %j the text %j', (type, text, message) => {
    expect(messageOf(() => globalValue('name', type, text))).toMatch(message);
  });
});
