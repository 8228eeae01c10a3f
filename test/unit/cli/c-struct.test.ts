import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CStructs } from '../../../lib/cli/c-struct';
import { exitCodeOf } from '../../../lib/cli/failure';
import { Btf } from '../../../lib/index';
import { compiledObject } from '../../support/bpf-objects';
import { describeWithPrograms } from '../../support/programs';

function layoutIn(text: string, name: string) {
  return new CStructs(text, 'file.h').layouts.get(name);
}

describe('CStructs', () => {
  it('knows integer types in every spelling, and network order', () => {
    const layout = layoutIn(
      'struct s { uint8_t a; long long unsigned b; unsigned short int c; s32 d; __be32 e; pid_t f; size_t g; };',
      's',
    );
    expect(layout?.fields.map(({ name, kind, offset }) => [name, kind, offset])).toEqual([
      ['a', 'u8', 0],
      ['b', 'u64', 8],
      ['c', 'u16', 16],
      ['d', 'i32', 20],
      ['e', 'u32be', 24],
      ['f', 'i32', 28],
      ['g', 'u64', 32],
    ]);
  });

  it('passes over functions, variables and directives', () => {
    const text = `#pragma once
      #include <linux/types.h>
      extern int count;
      static inline int twice(int value) { if (value) { return 2 * value; } return 0; }
      struct s { int a; };`;
    expect(layoutIn(text, 's')?.size).toBe(4);
  });

  it.each([
    ['struct s { struct other a; };', /a member has a struct that is not in the file/],
    ['struct s { my_type a; };', /the type my_type is unknown: declare it in the file/],
    ['struct s { char a[LENGTH]; };', /LENGTH is not a number: add "#define LENGTH NUMBER"/],
    ['struct s { int a;', /it ends too early/],
    ['struct s { int a int b; };', /; was expected, not int/],
    ['struct s { enum kind a; };', /enum kind is not in the file/],
    ['struct s { int 5; };', /a name was expected, not 5/],
    ['struct s { struct { int a; } : 3; };', /./],
    [`${'struct s { '.repeat(40)}`, /structs nest too deep/],
  ])('refuses %j, and says where', (text, message) => {
    let error: unknown;
    try {
      layoutIn(text, 's');
    } catch (thrown) {
      error = thrown;
    }
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).toMatch(/^--layout file\.h: .* \(at: /);
    expect(exitCodeOf(error)).toBe(2);
  });
});

describeWithPrograms('FOR_OBJECTS', 'CStructs beside clang', () => {
  const text = readFileSync(join(__dirname, '../../support/bpf/layouts.bpf.c'), 'utf8');

  it.each(['plain', 'bits', 'anonymous', 'tight', 'flexible'])('lays out struct %s alike', (name) => {
    const expected = Btf.parse(compiledObject('layouts')).layout(name);
    const { fields, size } = layoutIn(text, name) as NonNullable<ReturnType<typeof layoutIn>>;
    expect([fields, size]).toEqual([expected.fields, expected.size]);
  });
});
