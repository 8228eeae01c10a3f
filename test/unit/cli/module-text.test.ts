import { moduleText } from '../../../lib/cli/module-text';
import { Btf } from '../../../lib/index';
import * as abi from '../../../lib/abi/btf';
import { BtfBytes } from '../../support/btf-bytes';

const NOTHING = { programs: [], maps: [], globals: [], eventTypes: [] };

/** The text of the module for a struct with these members. */
function moduleOf(
  name: string,
  add: (written: BtfBytes) => readonly (readonly [string, number, number])[],
  size = 64,
) {
  const written = new BtfBytes();
  const members = add(written);
  const type = written.struct(name, size, members);
  const eventTypes = [{ type, name, map: undefined }];
  return moduleText({ ...NOTHING, btf: Btf.parse(written.bytes()), eventTypes }, 'exec.bpf.o', []);
}

describe('moduleText', () => {
  it('writes each layout once, nested ones before those that have them', () => {
    const text = moduleOf('event', (written) => {
      const inner = written.struct('inner', 4, [['a', written.int('unsigned int', 4), 0]]);
      return [
        ['first', inner, 0],
        ['others', written.array(inner, 2), 32],
      ];
    });
    expect(text.match(/^export const .*= defineLayout/gm)).toEqual([
      'export const event_first = defineLayout',
      'export const event = defineLayout',
    ]);
    expect(text).toContain('  { name: "first", kind: event_first, offset: 0 },');
    expect(text).toContain('  { name: "others", kind: [event_first, 2], offset: 4 },');
  });

  it.each([
    ['class', 'class_'],
    ['events', 'events_'],
    ['defineLayout', 'defineLayout_'],
    ['0day', '_0day'],
    ['a"; b', '_a___b'],
  ])('names the struct %s %s', (name, expected) => {
    const text = moduleOf(name, (written) => [['a', written.int('unsigned int', 4), 0]]);
    expect(text).toContain(`export const ${expected} = defineLayout([`);
  });

  it('writes names only as text, and enums and bitfields as they are', () => {
    const text = moduleOf('event', (written) => {
      const values = { kind: abi.BTF_KIND_ENUM, name: 'e', last: 4, count: 1, words: ['"A"', 7] };
      return [
        ['a"b', written.add(values), 0],
        ['c', written.add({ kind: abi.BTF_KIND_INT, name: 'unsigned int', last: 4, words: [3] }), 34],
      ];
    });
    const lines = ['{ name: "a\\"b", kind: { enum: { "\\"A\\"": 7 }, as: "u32" }, offset: 0 }'];
    lines.push('{ name: "c", kind: "u32:3", offset: 4, bitOffset: 2 }');
    for (const line of lines) expect(text).toContain(line);
  });

  it('writes the source into a comment of one line', () => {
    const btf = Btf.parse(new BtfBytes().bytes());
    const [first, second] = moduleText({ ...NOTHING, btf }, 'a\nb.o', []).split('\n');
    expect(first).toMatch(/^\/\/ Written by `perfring gen a.*b\.o`/);
    expect(second).toMatch(/^import/);
  });
});
