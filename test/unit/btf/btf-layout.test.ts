import * as abi from '../../../lib/abi/btf';
import { Btf } from '../../../lib/btf/btf';
import { BtfBytes } from '../../support/btf-bytes';

const damaged = (message: RegExp) =>
  expect.objectContaining({ code: 'ERR_PERF_BTF_DAMAGED', message: expect.stringMatching(message) });

/** The layout of a struct that has one member of each of these types. */
function layoutOf(written: BtfBytes, types: readonly number[], size = 64) {
  const members = types.map((type, index) => [`m${index}`, type, index * 64] as const);
  const id = written.struct('event', size, members);
  return Btf.parse(written.bytes()).layout(id);
}

const kindsOf = (layout: ReturnType<typeof layoutOf>) => layout.fields.map(({ kind }) => kind);

describe('Btf.layout', () => {
  it('shows types that no field kind has as they lie', () => {
    const written = new BtfBytes();
    const int128 = written.int('__int128', 16);
    const long = written.add({ kind: abi.BTF_KIND_FLOAT, name: 'long double', last: 16 });
    const char = written.int('char', 1);
    const cube = written.array(written.array(written.array(char, 2), 3), 4);
    const wide = written.add({ kind: abi.BTF_KIND_ENUM, name: 'wide', last: 8, count: 1, words: ['A', 1] });
    const empty = written.add({ kind: abi.BTF_KIND_ENUM, name: 'e', last: 4 });
    const layout = layoutOf(written, [int128, long, cube, wide, empty, written.array(int128, 2)], 512);
    expect(kindsOf(layout)).toEqual(['bytes[16]', 'bytes[16]', 'bytes[24]', 'u64', 'u32', 'bytes[32]']);
    expect(layout.fields.filter(({ values }) => values !== undefined)).toEqual([]);
  });

  it('keeps a flexible array where it is the last field of the sample, and drops others', () => {
    const written = new BtfBytes();
    const int = written.int('unsigned int', 4);
    const none = written.array(int, 0);
    const inner = written.struct('inner', 4, [
      ['count', int, 0],
      ['items', none, 32],
    ]);
    const layout = layoutOf(written, [int, none, inner, none], 24);
    expect(layout.fields.map(({ name, kind, offset }) => [name, kind, offset])).toEqual([
      ['m0', 'u32', 0],
      ['m2', 'struct', 16],
      ['m3', 'u32[]', 24],
    ]);
    expect(layout.fields[1]?.layout?.fields.map(({ name }) => name)).toEqual(['count']);
  });

  it('reads bitfields as they were described before Linux 4.20', () => {
    const written = new BtfBytes();
    const bits = written.add({ kind: abi.BTF_KIND_INT, name: 'unsigned int', last: 4, words: [3] });
    const id = written.struct('event', 4, [['low', bits, 5]]);
    expect(Btf.parse(written.bytes()).layout(id).fields).toEqual([
      { name: 'low', kind: 'u32:3', offset: 0, size: 1, bitOffset: 5 },
    ]);
  });

  it('drops structs without members, and refuses one that is nothing else', () => {
    const written = new BtfBytes();
    const empty = written.struct('empty', 0, []);
    const holder = written.struct('holder', 0, [['a', empty, 0]]);
    const btf = Btf.parse(written.bytes());
    expect(() => btf.layout(holder)).toThrow(
      expect.objectContaining({
        code: 'ERR_PERF_TYPE_UNKNOWN',
        message: 'the struct "holder" has no fields',
      }),
    );
  });

  it('refuses structs that contain themselves, and arrays that do', () => {
    const written = new BtfBytes();
    const struct = written.struct('s', 8, [['a', 1, 0]]);
    const anonymous = written.struct('', 8, [['', 2, 0]]);
    const array = written.array(3, 1);
    const holder = written.struct('h', 8, [['a', array, 0]]);
    const btf = Btf.parse(written.bytes());
    expect(() => btf.layout(struct)).toThrow(damaged(/nest more than 32 deep/));
    expect(() => btf.layout(anonymous)).toThrow(damaged(/nest more than 32 deep/));
    expect(() => btf.layout(holder)).toThrow(damaged(/an array of itself|refers to itself/));
  });

  it('ends for structs that double with every level', () => {
    const written = new BtfBytes();
    let inner = written.int('unsigned int', 4);
    for (let level = 0; level < 30; level++) {
      inner = written.struct(`s${level}`, 4, [
        ['a', inner, 0],
        ['b', inner, 0],
      ]);
    }
    const anonymous = new BtfBytes();
    let flat = anonymous.struct('', 4, [['x', anonymous.int('int', 4), 0]]);
    for (let level = 0; level < 30; level++) {
      flat = anonymous.struct('', 4, [
        ['', flat, 0],
        ['', flat, 0],
      ]);
    }
    expect(() => Btf.parse(written.bytes()).layout(inner)).toThrow(/at most 65536 fields/);
    expect(() => Btf.parse(anonymous.bytes()).layout(flat)).toThrow(damaged(/more than 65536 members/));
  });

  it('ends for as many members, values and tags as there can be', () => {
    const most = 0xffff;
    const written = new BtfBytes();
    const values = Array.from({ length: most }, (_, index) => [`A${index}`, index]).flat();
    const large = written.add({ kind: abi.BTF_KIND_ENUM, name: 'e', last: 4, count: most, words: values });
    const membersOf = (type: number, count = most) =>
      Array.from({ length: count }, (_, index) => [`m${index}`, type, 0] as const);
    const enums = written.struct('enums', 4, membersOf(large));
    const int = written.int('unsigned int', 4);
    const ints = written.struct('ints', 4, membersOf(int));
    const structs = written.struct('structs', 4, membersOf(ints));
    const half = written.struct('half', 4, membersOf(int, 30_000));
    const halves = written.struct('halves', 4, membersOf(half, 30_000));
    for (let index = 0; index < most; index++) {
      written.add({ kind: abi.BTF_KIND_DECL_TAG, name: 'perfring:u32', last: ints, words: [index] });
    }
    const btf = Btf.parse(written.bytes());
    expect(btf.layout(ints).fields.length).toBe(most);
    expect(() => btf.layout(structs)).toThrow(/at most 65536 fields|more than 65536 members/);
    expect(() => btf.layout(halves)).toThrow(/at most 65536 fields/);
    expect(() => btf.layout(enums)).toThrow(damaged(/more than 1000000 values together/));
  });

  it('refuses members that no struct has', () => {
    const written = new BtfBytes();
    const fn = written.add({ kind: abi.BTF_KIND_FUNC_PROTO });
    expect(() => layoutOf(written, [fn])).toThrow(damaged(/a member of a struct is of kind func_proto/));
  });
});
