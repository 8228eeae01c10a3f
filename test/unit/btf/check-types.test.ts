import * as abi from '../../../lib/abi/btf';
import { Btf } from '../../../lib/btf/btf';
import { checkEveryType } from '../../../lib/btf/check-types';
import { BtfBytes } from '../../support/btf-bytes';
import { codeOf } from '../../support/ring-errors';

/** The outcome for these types, which are added after type 1, an int. */
function outcomeOf(add: (bytes: BtfBytes) => void): string {
  const bytes = new BtfBytes();
  bytes.int('int', 4);
  add(bytes);
  return codeOf(() => checkEveryType(Btf.parse(bytes.bytes())));
}

const DAMAGED = 'ERR_PERF_BTF_DAMAGED';

describe('checkEveryType', () => {
  it('takes types that refer to each other by pointers', () => {
    expect(
      outcomeOf((bytes) => {
        // struct node { struct node *next; int value; }
        const struct = bytes.struct('node', 16, [
          ['next', 3, 0],
          ['value', 1, 64],
        ]);
        bytes.add({ kind: abi.BTF_KIND_PTR, last: struct });
        bytes.array(struct, 4);
      }),
    ).toBe('nothing');
  });

  it.each<[string, (bytes: BtfBytes) => void]>([
    ['a pointer', (bytes) => bytes.add({ kind: abi.BTF_KIND_PTR, last: 99 })],
    ['a member', (bytes) => bytes.struct('s', 4, [['m', 99, 0]])],
    ['an array', (bytes) => bytes.array(99, 4)],
    ['a variable', (bytes) => bytes.add({ kind: abi.BTF_KIND_VAR, name: 'v', last: 99, words: [1] })],
    [
      'a section',
      (bytes) => bytes.add({ kind: abi.BTF_KIND_DATASEC, name: '.bss', count: 1, words: [99, 0, 4] }),
    ],
    ['a function', (bytes) => bytes.add({ kind: abi.BTF_KIND_FUNC_PROTO, count: 1, words: ['p', 99] })],
  ])('refuses %s of a type that is not there', (_what, add) => {
    expect(outcomeOf(add)).toBe(DAMAGED);
  });

  it.each<[string, (bytes: BtfBytes) => void]>([
    ['a typedef of itself', (bytes) => bytes.add({ kind: abi.BTF_KIND_TYPEDEF, name: 't', last: 2 })],
    ['a struct in itself', (bytes) => bytes.struct('s', 4, [['m', 2, 0]])],
    ['an array of itself', (bytes) => bytes.array(2, 4)],
    [
      'two that hold each other',
      (bytes) => {
        bytes.add({ kind: abi.BTF_KIND_CONST, last: 3 });
        bytes.add({ kind: abi.BTF_KIND_VOLATILE, last: 2 });
      },
    ],
  ])('refuses %s', (_what, add) => {
    expect(outcomeOf(add)).toBe(DAMAGED);
  });

  it('follows a chain as long as there are types', () => {
    expect(
      outcomeOf((bytes) => {
        for (let id = 2; id < 20_000; id++) bytes.add({ kind: abi.BTF_KIND_CONST, last: id - 1 });
      }),
    ).toBe('nothing');
  });
});
