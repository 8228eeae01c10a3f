import { checkedLayout } from '../../../lib/layout/checked-layout';
import {
  defineLayout,
  type FieldDefinition,
  fieldNamed,
  type SampleLayout,
} from '../../../lib/layout/sample-layout';

const SMALL = defineLayout([{ name: 'one', kind: 'u8' }]);

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

  it('puts a field at its given offset, and the next one after all fields before', () => {
    const layout = defineLayout([
      { name: 'whole', kind: 'u64', offset: 4 },
      { name: 'low', kind: 'u32', offset: 4 },
      { name: 'next', kind: 'u16' },
    ]);
    expect(layout.fields.map((field) => field.offset)).toEqual([4, 4, 12]);
    expect(layout.size).toBe(16);
  });

  it('takes fields by name, in order', () => {
    const layout = defineLayout({ pid: 'u32', time: 'u64', kind: { enum: { A: 1 } } });
    expect(layout.fields).toEqual([
      { name: 'pid', kind: 'u32', offset: 0, size: 4 },
      { name: 'time', kind: 'u64', offset: 8, size: 8 },
      { name: 'kind', kind: 'u32', offset: 16, size: 4, values: { A: 1 } },
    ]);
    expect(layout.size).toBe(24);
  });

  it('lays bitfields out as a C compiler does', () => {
    const layout = defineLayout({ a: 'u32:3', b: 'u32:7', c: 'u32:30', d: 'u8:5', e: 'u64:40', f: 'u8' });
    expect(layout.fields.map(({ name, offset, bitOffset, size }) => [name, offset, bitOffset, size])).toEqual(
      [
        ['a', 0, 0, 1],
        ['b', 0, 3, 2],
        ['c', 4, 0, 4],
        // The byte in which c ends has two more bits.
        ['d', 8, 0, 1],
        ['e', 8, 5, 6],
        ['f', 14, undefined, 1],
      ],
    );
    expect(layout.size).toBe(16);
  });

  it('ends before a last field whose length varies', () => {
    const layout = defineLayout({ time: 'u64', length: 'u32', text: 'char[length]' });
    expect(layout.fields.at(-1)).toEqual({ name: 'text', kind: 'char[length]', offset: 12, size: 0 });
    expect(layout.size).toBe(12);
    expect(defineLayout({ words: 'u64[]' }).size).toBe(0);
  });

  it('takes the given size', () => {
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

  it('aligns arrays as their elements, and takes bool and big-endian kinds', () => {
    const layout = defineLayout([
      { name: 'flag', kind: 'bool' },
      { name: 'words', kind: 'u32[3]' },
      { name: 'port', kind: 'u16be' },
      { name: 'wide', kind: 'u64be[2]' },
      { name: 'flags', kind: 'bool[3]' },
    ]);
    expect(layout.fields.map(({ name, offset, size }) => [name, offset, size])).toEqual([
      ['flag', 0, 1],
      ['words', 4, 12],
      ['port', 16, 2],
      ['wide', 24, 16],
      ['flags', 40, 3],
    ]);
    expect([layout.size, layout.alignment]).toEqual([48, 8]);
  });

  it('nests structs at their own alignment, alone and in arrays', () => {
    const address = defineLayout([
      { name: 'ip', kind: 'u32be' },
      { name: 'port', kind: 'u16be' },
    ]);
    const layout = defineLayout([
      { name: 'type', kind: 'u8' },
      { name: 'peer', kind: address },
      { name: 'last', kind: 'u8' },
      { name: 'hops', kind: [address, 2] },
    ]);
    expect(layout.fields.map(({ name, kind, offset, size }) => [name, kind, offset, size])).toEqual([
      ['type', 'u8', 0, 1],
      ['peer', 'struct', 4, 8],
      ['last', 'u8', 12, 1],
      ['hops', 'struct[2]', 16, 16],
    ]);
    expect(layout.fields[1]?.layout?.fields.map(({ name }) => name)).toEqual(['ip', 'port']);
    expect([layout.size, layout.alignment]).toEqual([32, 4]);
  });

  it('survives being cloned, nested structs and all', () => {
    const inner = defineLayout([{ name: 'a', kind: 'u16' }]);
    const layout = defineLayout([{ name: 'pair', kind: [inner, 2] }]);
    expect(checkedLayout(structuredClone(layout))).toEqual(layout);
  });

  it('refuses more fields than a record has bytes, and nests no deeper than it says', () => {
    const ofTwo = (kind: SampleLayout): SampleLayout =>
      defineLayout([
        { name: 'a', kind, offset: 0 },
        { name: 'b', kind, offset: 0 },
      ]) as SampleLayout;
    const ofOne = (kind: SampleLayout): SampleLayout => defineLayout([{ name: 'a', kind }]) as SampleLayout;
    const times = (count: number, of: (kind: SampleLayout) => SampleLayout): SampleLayout =>
      Array.from({ length: count }).reduce((layout: SampleLayout) => of(layout), SMALL as SampleLayout);
    expect(times(14, ofTwo).fields.length).toBe(2);
    expect(() => times(16, ofTwo)).toThrow(/at most 65536 fields/);
    expect(times(31, ofOne).fields.length).toBe(1);
    expect(() => times(32, ofOne)).toThrow(/at most 32 deep/);
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
      /there are two fields a/,
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
    ['an array of none', [{ name: 'a', kind: 'u32[0]' }], undefined, /unknown kind/],
    ['an array that no record holds', [{ name: 'a', kind: 'u64[8192]' }], undefined, /unknown kind/],
    ['an array of arrays of numbers', [{ name: 'a', kind: 'u8[2][3]' as 'u64' }], undefined, /unknown kind/],
    ['char without a length', [{ name: 'a', kind: 'char' as 'u64' }], undefined, /unknown kind/],
    ['a kind that is no text', [{ name: 'a', kind: 4 as unknown as 'u64' }], undefined, /unknown kind 4/],
    ['an array of no structs', [{ name: 'a', kind: [SMALL, 0] }], undefined, /has 0 structs/],
    [
      'an array of structs that no record holds',
      [{ name: 'a', kind: [SMALL, 65_536] }],
      undefined,
      /65536 structs/,
    ],
    [
      'a struct that is no layout',
      [{ name: 'a', kind: {} as SampleLayout }],
      undefined,
      /layout.fields must be an array/,
    ],
    [
      'a field by name that JavaScript would move',
      { b: 'u8', 1: 'u8' } as never,
      undefined,
      /field 1 is a number: give the fields as a list/,
    ],
    ['bits of more than there are', [{ name: 'a', kind: 'u8:9' }], undefined, /unknown kind/],
    ['no bits', [{ name: 'a', kind: 'u8:0' }], undefined, /unknown kind/],
    ['bits of a float', [{ name: 'a', kind: 'f32:3' as 'u32:3' }], undefined, /unknown kind/],
    [
      'a place of bits without an offset',
      [{ name: 'a', kind: 'u8:3', bitOffset: 1 }],
      undefined,
      /bitOffset of field a/,
    ],
    [
      'a field of any length that is not the last',
      [
        { name: 'a', kind: 'u8[]' },
        { name: 'b', kind: 'u8' },
      ],
      undefined,
      /field a has no fixed length, so it must be the last/,
    ],
    [
      'a length that is no field',
      [{ name: 'a', kind: 'u8[b]' }],
      undefined,
      /has the length b, which must be/,
    ],
    [
      'a length that is no integer',
      [
        { name: 'b', kind: 'f32' },
        { name: 'a', kind: 'u8[b]' },
      ],
      undefined,
      /has the length b/,
    ],
    [
      'a struct of any length inside another',
      [{ name: 'a', kind: defineLayout({ b: 'u8[]' }) }],
      undefined,
      /field a has no fixed length/,
    ],
    [
      'an enum in a float',
      [{ name: 'a', kind: { enum: { A: 1 }, as: 'f32' as 'u32' } }],
      undefined,
      /must be an integer/,
    ],
    [
      'an enum of no numbers',
      [{ name: 'a', kind: { enum: { A: '1' } as never } }],
      undefined,
      /A of the enum of field a/,
    ],
    [
      'an enum that is none',
      [{ name: 'a', kind: { enum: 7 as never } }],
      undefined,
      /the enum of field a must be an object/,
    ],
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

describe('checkedLayout', () => {
  const field = { name: 'a', kind: 'u32', offset: 0, size: 4 };
  const self: { fields: unknown[]; size: number; alignment: number } = { fields: [], size: 4, alignment: 4 };
  self.fields = [
    { ...field, kind: 'struct', layout: self },
    { ...field, kind: 'struct', layout: self },
  ];
  const chain = (levels: number): object =>
    levels === 0
      ? { fields: [field] }
      : { fields: [{ ...field, kind: 'struct', layout: chain(levels - 1) }] };

  it.each<[string, unknown, RegExp]>([
    ["a size that is not the kind's", { fields: [{ ...field, size: 5 }] }, /needs an offset, and size 4/],
    ['a field without an offset', { fields: [{ ...field, offset: undefined }] }, /needs an offset/],
    ['a layout shorter than its fields', { fields: [field], size: 3 }, /cannot have size 3/],
    ['an alignment of 0', { fields: [field], alignment: 0 }, /cannot have/],
    [
      'a struct under another kind',
      { fields: [{ ...field, layout: chain(0) }] },
      /kind must be struct or struct\[N\]/,
    ],
    ['structs 33 deep', chain(33), /nest at most 32 deep/],
    ['a layout that contains itself', self, /nest at most 32 deep|at most 65536 fields/],
  ])('refuses %s', (_what, layout, message) => {
    expect(() => checkedLayout(layout as SampleLayout)).toThrow(
      expect.objectContaining({ code: 'ERR_PERF_INVALID_ARGUMENT', message: expect.stringMatching(message) }),
    );
  });

  it('takes structs 31 deep', () => {
    expect(checkedLayout(chain(31) as SampleLayout).size).toBe(4);
  });
});
