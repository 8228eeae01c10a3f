import fc from 'fast-check';
import * as abi from '../../../lib/abi/btf';
import { Btf } from '../../../lib/btf/btf';
import type { BtfType } from '../../../lib/btf/btf-type';
import { BtfBytes, type WrittenType } from '../../support/btf-bytes';
import { propertyRuns } from '../../support/property-runs';

const withCode = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

/** One type of each kind, and the result of reading it. Types refer to type 1, an int. */
const KINDS: readonly [WrittenType, BtfType][] = [
  [
    { kind: abi.BTF_KIND_INT, name: 'int', last: 4, words: [(abi.BTF_INT_SIGNED << 24) | 32] },
    {
      kind: 'int',
      name: 'int',
      size: 4,
      bits: 32,
      bitOffset: 0,
      isSigned: true,
      isChar: false,
      isBool: false,
    },
  ],
  [
    { kind: abi.BTF_KIND_INT, name: '_Bool', last: 1, words: [(abi.BTF_INT_BOOL << 24) | (3 << 16) | 8] },
    {
      kind: 'int',
      name: '_Bool',
      size: 1,
      bits: 8,
      bitOffset: 3,
      isSigned: false,
      isChar: false,
      isBool: true,
    },
  ],
  [
    { kind: abi.BTF_KIND_PTR, last: 1 },
    { kind: 'ptr', type: 1 },
  ],
  [
    { kind: abi.BTF_KIND_ARRAY, words: [1, 2, 7] },
    { kind: 'array', type: 1, indexType: 2, count: 7 },
  ],
  [
    { kind: abi.BTF_KIND_STRUCT, name: 's', last: 8, count: 2, words: ['a', 1, 0, 'b', 1, 32] },
    {
      kind: 'struct',
      name: 's',
      size: 8,
      members: [
        { name: 'a', type: 1, bitOffset: 0, bitSize: 0 },
        { name: 'b', type: 1, bitOffset: 32, bitSize: 0 },
      ],
    },
  ],
  [
    { kind: abi.BTF_KIND_UNION, last: 4, count: 1, flag: true, words: ['a', 1, (5 << 24) | 3] },
    { kind: 'union', name: '', size: 4, members: [{ name: 'a', type: 1, bitOffset: 3, bitSize: 5 }] },
  ],
  [
    { kind: abi.BTF_KIND_ENUM, name: 'e', last: 4, count: 1, words: ['A', -3] },
    {
      kind: 'enum',
      name: 'e',
      size: 4,
      isSigned: false,
      values: [{ name: 'A', value: 4294967293 }],
    },
  ],
  [
    { kind: abi.BTF_KIND_ENUM, name: 'e', last: 4, count: 1, flag: true, words: ['A', -3] },
    { kind: 'enum', name: 'e', size: 4, isSigned: true, values: [{ name: 'A', value: -3 }] },
  ],
  [
    { kind: abi.BTF_KIND_ENUM64, name: 'e', last: 8, count: 1, flag: true, words: ['A', -2, -1] },
    { kind: 'enum64', name: 'e', size: 8, isSigned: true, values: [{ name: 'A', value: -2n }] },
  ],
  [
    { kind: abi.BTF_KIND_ENUM64, name: 'e', last: 8, count: 1, words: ['A', 1, 2] },
    { kind: 'enum64', name: 'e', size: 8, isSigned: false, values: [{ name: 'A', value: 0x2_0000_0001n }] },
  ],
  [
    { kind: abi.BTF_KIND_FWD, name: 'f', flag: true },
    { kind: 'fwd', name: 'f', isUnion: true },
  ],
  [
    { kind: abi.BTF_KIND_TYPEDEF, name: 't', last: 1 },
    { kind: 'typedef', name: 't', type: 1 },
  ],
  [
    { kind: abi.BTF_KIND_VOLATILE, last: 1 },
    { kind: 'volatile', type: 1 },
  ],
  [
    { kind: abi.BTF_KIND_CONST, last: 1 },
    { kind: 'const', type: 1 },
  ],
  [
    { kind: abi.BTF_KIND_RESTRICT, last: 1 },
    { kind: 'restrict', type: 1 },
  ],
  [
    { kind: abi.BTF_KIND_FUNC, name: 'f', last: 3, count: abi.BTF_FUNC_EXTERN },
    { kind: 'func', name: 'f', type: 3, linkage: 'extern' },
  ],
  [
    { kind: abi.BTF_KIND_FUNC_PROTO, last: 1, count: 1, words: ['p', 2] },
    { kind: 'func_proto', returnType: 1, parameters: [{ name: 'p', type: 2 }] },
  ],
  [
    { kind: abi.BTF_KIND_VAR, name: 'v', last: 1, words: [abi.BTF_VAR_GLOBAL_ALLOCATED] },
    { kind: 'var', name: 'v', type: 1, linkage: 'global' },
  ],
  [
    { kind: abi.BTF_KIND_DATASEC, name: '.bss', last: 12, count: 1, words: [5, 8, 4] },
    { kind: 'datasec', name: '.bss', size: 12, variables: [{ type: 5, offset: 8, size: 4 }] },
  ],
  [
    { kind: abi.BTF_KIND_FLOAT, name: 'double', last: 8 },
    { kind: 'float', name: 'double', size: 8 },
  ],
  [
    { kind: abi.BTF_KIND_DECL_TAG, name: 'perfring:ipv4', last: 5, words: [-1] },
    { kind: 'decl_tag', name: 'perfring:ipv4', type: 5, component: -1 },
  ],
  [
    { kind: abi.BTF_KIND_TYPE_TAG, name: 'user', last: 1 },
    { kind: 'type_tag', name: 'user', type: 1 },
  ],
];

describe('Btf', () => {
  it('reads every kind of type', () => {
    const written = new BtfBytes();
    for (const [type] of KINDS) written.add(type);
    const btf = Btf.parse(written.bytes());
    expect(btf.typeCount).toBe(KINDS.length + 1);
    expect(KINDS.map((_kind, index) => btf.type(index + 1))).toEqual(KINDS.map(([, type]) => type));
    expect(btf.type(0)).toEqual({ kind: 'void' });
  });

  it('finds types by name, and by kind where several have it', () => {
    const written = new BtfBytes();
    const int = written.int('event', 4);
    const struct = written.struct('event', 4, [['a', int, 0]]);
    written.struct('event', 8, []);
    const btf = Btf.parse(written.bytes());
    expect([btf.find('event'), btf.find('event', 'struct')]).toEqual([int, struct]);
    expect([btf.find('even'), btf.find('events'), btf.find(''), btf.find('event', 'union')]).toEqual(
      new Array(4).fill(undefined),
    );
  });

  it('continues the ids and names of its base', () => {
    const first = new BtfBytes();
    const int = first.int('int', 4);
    const base = Btf.parse(first.bytes());
    const second = new BtfBytes({ types: 1, nameBytes: first.nameBytes });
    const struct = second.struct('module_state', 4, [['count', int, 0]]);
    const split = Btf.parse(second.bytes(), { base });
    expect([struct, split.typeCount]).toEqual([2, 3]);
    expect(split.type(struct)).toMatchObject({ name: 'module_state', members: [{ name: 'count', type: 1 }] });
    expect(split.type(int)).toMatchObject({ name: 'int' });
    expect([split.find('int'), split.find('module_state'), base.find('module_state')]).toEqual([
      1,
      2,
      undefined,
    ]);
    expect(split.sizeOf(struct)).toBe(4);
  });

  it('sizes types, through typedefs and arrays of arrays', () => {
    const written = new BtfBytes();
    const short = written.int('short', 2);
    const typedef = written.add({ kind: abi.BTF_KIND_TYPEDEF, name: 'u16', last: short });
    const constant = written.add({ kind: abi.BTF_KIND_CONST, last: typedef });
    const row = written.array(constant, 3);
    const matrix = written.array(row, 5);
    const pointer = written.add({ kind: abi.BTF_KIND_PTR, last: matrix });
    const variable = written.add({ kind: abi.BTF_KIND_VAR, name: 'v', last: matrix, words: [0] });
    const fn = written.add({ kind: abi.BTF_KIND_FUNC_PROTO });
    const btf = Btf.parse(written.bytes());
    expect([constant, matrix, pointer, variable].map((id) => btf.sizeOf(id))).toEqual([2, 30, 8, 30]);
    expect([btf.resolve(constant), btf.resolve(matrix)]).toEqual([short, matrix]);
    expect(() => btf.sizeOf(fn)).toThrow(withCode('ERR_PERF_BTF_DAMAGED', /type 8 has no size/));
    expect(() => btf.sizeOf(0)).toThrow(withCode('ERR_PERF_BTF_DAMAGED', /type 0 has no size/));
  });

  it('lists the tags of a type and of its members', () => {
    const written = new BtfBytes();
    const int = written.int('int', 4);
    const struct = written.struct('s', 4, [['a', int, 0]]);
    written.add({ kind: abi.BTF_KIND_DECL_TAG, name: 'x', last: struct, words: [-1] });
    written.add({ kind: abi.BTF_KIND_DECL_TAG, name: 'y', last: struct, words: [0] });
    const btf = Btf.parse(written.bytes());
    expect(btf.tagsOf(struct)).toEqual([
      { name: 'x', component: -1 },
      { name: 'y', component: 0 },
    ]);
    expect(btf.tagsOf(int)).toEqual([]);
  });

  it.each<[string, (bytes: Buffer) => Uint8Array, RegExp]>([
    ['nothing', () => new Uint8Array(0), /has 0 bytes/],
    ['another magic number', (bytes) => bytes.fill(1, 0, 2), /begins with 0x101/],
    ['the other byte order', (bytes) => bytes.fill(0xeb, 0, 1).fill(0x9f, 1, 2), /big-endian/],
    ['another version', (bytes) => bytes.fill(2, 2, 3), /version is 2/],
    ['a short header', (bytes) => bytes.fill(8, 4, 5), /header has 8 bytes/],
    ['a type section that leaves it', (bytes) => bytes.fill(0xff, 12, 16), /sections end after/],
    ['a cut type section', (bytes) => bytes.fill(8, 12, 13), /unknown kind|beyond/],
    ['names that do not end', (bytes) => bytes.fill(0x61, bytes.length - 1), /end with a NUL/],
    ['a kind that is unknown', (bytes) => bytes.fill(0x1f, 31, 32), /type 1 is of the unknown kind 31/],
    ['more members than there are', (bytes) => bytes.fill(0xff, 44, 46), /beyond the type section/],
  ])('refuses %s', (_what, change, message) => {
    const written = new BtfBytes();
    written.int('int', 4);
    written.struct('s', 4, [['a', 1, 0]]);
    const bytes = change(Buffer.from(written.bytes()));
    expect(() => Btf.parse(bytes)).toThrow(withCode('ERR_PERF_BTF_DAMAGED', message));
  });

  it('refuses types that refer to themselves, and names that lie outside', () => {
    const written = new BtfBytes();
    const itself = written.add({ kind: abi.BTF_KIND_TYPEDEF, name: 't', last: 1 });
    const array = written.array(2, 2);
    const members = written.struct('s', 4, [['a', 99, 0]]);
    const bytes = written.bytes();
    const btf = Btf.parse(bytes);
    for (const call of [() => btf.resolve(itself), () => btf.sizeOf(itself), () => btf.sizeOf(array)]) {
      expect(call).toThrow(withCode('ERR_PERF_BTF_DAMAGED', /refers to itself/));
    }
    expect(btf.type(members)).toMatchObject({ members: [{ type: 99 }] });
    expect(() => btf.type(99)).toThrow(withCode('ERR_PERF_TYPE_UNKNOWN', /no type 99: the BTF has 3/));
    Buffer.from(bytes.buffer, bytes.byteOffset).writeUInt32LE(0xffff, abi.BTF_HEADER_BYTES);
    expect(() => Btf.parse(bytes).type(1)).toThrow(withCode('ERR_PERF_BTF_DAMAGED', /beyond the names/));
  });

  it('refuses names that are too long to be any', () => {
    const written = new BtfBytes();
    const long = written.int('a'.repeat(4097), 4);
    const btf = Btf.parse(written.bytes());
    expect(() => btf.type(long)).toThrow(withCode('ERR_PERF_BTF_DAMAGED', /a name has 4097 bytes/));
  });

  it('searches for no more maps and tracers than objects have', () => {
    const written = new BtfBytes();
    const struct = written.struct('s', 0, []);
    const variables = (count: number, name: string) => {
      const list = Array.from({ length: count }, (_, index) =>
        written.add({ kind: abi.BTF_KIND_VAR, name: `${name}${index}`, last: struct, words: [1] }),
      );
      return list.flatMap((id) => [id, 0, 0]);
    };
    const section = (name: string, words: number[]) =>
      written.add({ kind: abi.BTF_KIND_DATASEC, name, count: words.length / 3, words });
    section('.bss', variables(1025, 'gadget_tracer_a___b___c'));
    const tracers = Btf.parse(written.bytes());
    expect(tracers.maps()).toEqual([]);
    expect(() => tracers.eventTypes()).toThrow(withCode('ERR_PERF_BTF_DAMAGED', /more than 1024 tracers/));
    section('.maps', variables(1025, 'map'));
    const maps = Btf.parse(written.bytes());
    expect(() => maps.maps()).toThrow(withCode('ERR_PERF_BTF_DAMAGED', /it has 1025 maps/));
  });

  it('keeps a copy of the bytes', () => {
    const written = new BtfBytes();
    const struct = written.struct('s', 4, [['a', 1, 0]]);
    const bytes = written.bytes();
    const btf = Btf.parse(bytes);
    bytes.fill(0xff);
    expect(btf.type(struct)).toMatchObject({ name: 's', members: [{ name: 'a' }] });
  });

  it.each<[string, () => unknown, string]>([
    ['bytes that are none', () => Btf.parse('btf' as never), 'ERR_PERF_INVALID_ARGUMENT'],
    ['an unknown option', () => Btf.parse(new Uint8Array(0), { bas: 1 } as never), 'ERR_PERF_INVALID_OPTION'],
    [
      'a base that is none',
      () => Btf.parse(new Uint8Array(0), { base: {} as never }),
      'ERR_PERF_INVALID_OPTION',
    ],
    ['a kind that is none', () => emptyBtf().find('a', 'strukt' as never), 'ERR_PERF_INVALID_ARGUMENT'],
    ['a name that is none', () => emptyBtf().find(7 as never), 'ERR_PERF_INVALID_ARGUMENT'],
    ['a module that is a path', () => Btf.ofKernel('../vmlinux'), 'ERR_PERF_INVALID_ARGUMENT'],
    ['an id that is none', () => emptyBtf().type('1' as never), 'ERR_PERF_TYPE_UNKNOWN'],
  ])('refuses %s', (_what, call, code) => {
    expect(call).toThrow(expect.objectContaining({ code }));
  });

  it('returns a value or an error with a code for any bytes', () => {
    const written = new BtfBytes();
    for (const [type] of KINDS) written.add(type);
    const whole = written.bytes();
    const change = fc.record({
      at: fc.nat(whole.length - 1),
      value: fc.integer({ min: 0, max: 255 }),
    });
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 8 }),
        fc.nat(whole.length),
        fc.boolean(),
        (changes, cut, isCut) => {
          const bytes = Buffer.from(whole);
          for (const { at, value } of changes) bytes[at] = value;
          readAll(isCut ? bytes.subarray(0, cut) : bytes);
        },
      ),
      propertyRuns(2000),
    );
  });
});

function emptyBtf(): Btf {
  return Btf.parse(new BtfBytes().bytes());
}

/** Reads everything. Only errors with a code may be thrown. */
function readAll(bytes: Uint8Array): void {
  const tried = <Result>(call: () => Result): Result | undefined => {
    try {
      return call();
    } catch (error) {
      expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_PERF_(BTF|TYPE|INVALID_ARGUMENT)/) });
      return undefined;
    }
  };
  const btf = tried(() => Btf.parse(bytes));
  if (btf === undefined) return;
  tried(() => btf.find('int'));
  tried(() => btf.maps());
  tried(() => btf.eventTypes());
  for (let id = 0; id < btf.typeCount; id++) {
    tried(() => btf.type(id));
    tried(() => btf.sizeOf(id));
    tried(() => btf.resolve(id));
    tried(() => btf.tagsOf(id));
    tried(() => btf.layout(id));
  }
}
