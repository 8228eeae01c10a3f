import { defineLayout, type FieldDefinition, fieldNamed } from '../../../lib/layout/sample-layout';

describe('defineLayout', () => {
  it('lays fields out as a C compiler does', () => {
    const layout = defineLayout([
      { name: 'a', kind: 'u8' },
      { name: 'b', kind: 'u64' },
      { name: 'c', kind: 'i16' },
      { name: 'd', kind: 'f32' },
      { name: 'comm', kind: 'char[3]' },
      { name: 'e', kind: 'u16' },
      { name: 'raw', kind: 'bytes[5]' },
      { name: 'f', kind: 'f64' },
      { name: 'g', kind: 'i8' },
    ]);
    expect(layout.fields.map(({ name, offset, size }) => [name, offset, size])).toEqual([
      ['a', 0, 1],
      ['b', 8, 8],
      ['c', 16, 2],
      ['d', 20, 4],
      ['comm', 24, 3],
      ['e', 28, 2],
      ['raw', 30, 5],
      ['f', 40, 8],
      ['g', 48, 1],
    ]);
    expect(layout.size).toBe(56);
  });

  it('puts a field where it is told to, overlapping or apart, and the next after all before', () => {
    const layout = defineLayout([
      { name: 'whole', kind: 'u64', offset: 4 },
      { name: 'low', kind: 'u32', offset: 4 },
      { name: 'next', kind: 'u16' },
    ]);
    expect(layout.fields.map((field) => field.offset)).toEqual([4, 4, 12]);
    expect(layout.size).toBe(16);
  });

  it('takes the size it is told', () => {
    expect(
      defineLayout(
        [
          { name: 'a', kind: 'u64' },
          { name: 'b', kind: 'u32' },
        ],
        12,
      ).size,
    ).toBe(12);
  });

  it('is frozen, fields and all', () => {
    const layout = defineLayout([{ name: 'a', kind: 'u8' }]);
    expect([layout, layout.fields, layout.fields[0]].every(Object.isFrozen)).toBe(true);
  });

  it.each<[string, FieldDefinition[], number | undefined, RegExp]>([
    ['no field', [], undefined, /at least one field/],
    ['a field without a name', [{ name: '', kind: 'u8' }], undefined, /needs a name/],
    [
      'a name twice',
      [
        { name: 'a', kind: 'u8' },
        { name: 'a', kind: 'u8' },
      ],
      undefined,
      /field a is there twice/,
    ],
    [
      'an unknown kind',
      [{ name: 'a', kind: 'u128' as 'u64' }],
      undefined,
      /unknown kind "u128"; kinds are u8, /,
    ],
    ['a kind of another object', [{ name: 'a', kind: 'toString' as 'u64' }], undefined, /unknown kind/],
    ['text of no length', [{ name: 'a', kind: 'char[0]' }], undefined, /unknown kind/],
    ['bytes of a negative length', [{ name: 'a', kind: 'bytes[-1]' }], undefined, /unknown kind/],
    ['bytes that no record holds', [{ name: 'a', kind: 'bytes[65536]' }], undefined, /unknown kind/],
    ['a negative offset', [{ name: 'a', kind: 'u8', offset: -1 }], undefined, /offset of field a/],
    ['a fractional offset', [{ name: 'a', kind: 'u8', offset: 0.5 }], undefined, /offset of field a/],
    ['a size that cuts off a field', [{ name: 'a', kind: 'u64' }], 7, /end at byte 8 cannot have size 7/],
  ])('refuses %s', (_what, fields, size, message) => {
    expect(() => defineLayout(fields, size)).toThrow(
      expect.objectContaining({ code: 'ERR_PERF_INVALID_ARGUMENT', message: expect.stringMatching(message) }),
    );
  });
});

describe('fieldNamed', () => {
  it('finds a field, or nothing', () => {
    const layout = defineLayout([{ name: 'a', kind: 'u8' }]);
    expect(fieldNamed(layout, 'a')).toEqual({ name: 'a', kind: 'u8', offset: 0, size: 1 });
    expect(fieldNamed(layout, 'b')).toBeUndefined();
  });
});
