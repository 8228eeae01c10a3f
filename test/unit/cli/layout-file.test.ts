import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { layoutOfFile } from '../../../lib/cli/layout-file';
import { messageOf } from '../../support/ring-errors';

describe('layoutOfFile', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'perfring-layout-'));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  const layout = (text: string, type?: string) => {
    const path = join(directory, 'file');
    writeFileSync(path, text);
    return layoutOfFile(path, type);
  };

  it('takes JSON with enums, nested structs and arrays of structs', () => {
    const json = {
      time: 'u64',
      kind: { enum: { EXEC: 1 } },
      peer: { ip: 'ipv4', port: 'u16be' },
      hops: [{ ip: 'ipv4' }, 2],
    };
    const { fields, size } = layout(JSON.stringify(json));
    expect(fields.map(({ name, kind, offset }) => [name, kind, offset])).toEqual([
      ['time', 'u64', 0],
      ['kind', 'u32', 8],
      ['peer', 'struct', 12],
      ['hops', 'struct[2]', 20],
    ]);
    expect(size).toBe(32);
  });

  it('takes a list with offsets', () => {
    expect(layout('[{ "name": "pid", "kind": "u32", "offset": 12 }]').fields[0]).toMatchObject({
      name: 'pid',
      offset: 12,
    });
  });

  it('takes the last struct of C text, or the one that is named', () => {
    const text = 'struct one { int a; }; struct two { int b; int c; };';
    expect(layout(text).fields.map(({ name }) => name)).toEqual(['b', 'c']);
    expect(layout(text, 'one').fields.map(({ name }) => name)).toEqual(['a']);
  });

  it.each<[string, string | undefined, RegExp]>([
    ['{', undefined, /is not valid JSON/],
    ['{"a": 1}', undefined, /a kind is text such as "u32", or an object, got 1$/],
    ['{"a": "u33"}', undefined, /field "?a"? has the unknown kind/],
    ['{"a": "u32"}', 'a', /--type chooses a struct of an object or of C text, not of JSON/],
    ['int a;', undefined, /has no struct$/],
    ['struct one { int a; };', 'two', /has no struct two; there are one$/],
    ['[null]', undefined, /a kind is text/],
  ])('refuses %j', (text, type, message) => {
    expect(messageOf(() => layout(text, type))).toMatch(message);
  });
});
