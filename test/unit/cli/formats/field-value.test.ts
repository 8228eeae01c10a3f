import { jsonValue } from '../../../../lib/cli/formats/field-value';

describe('jsonValue', () => {
  it.each([
    [7, '7'],
    [Number.NaN, 'null'],
    [true, 'true'],
    [2n ** 63n, '"9223372036854775808"'],
    ['a"b', '"a\\"b"'],
    [Uint8Array.of(1, 255), '"01ff"'],
    [Uint16Array.of(1, 2), '[1,2]'],
    [BigInt64Array.of(-1n), '["-1"]'],
    [[true, false], '[true,false]'],
    [{ port: 80, peer: { ip: Uint8Array.of(10) } }, '{"port":80,"peer":{"ip":"0a"}}'],
    [[{ port: 80 }, { port: 443 }], '[{"port":80},{"port":443}]'],
  ] as const)('writes %p as JSON', (value, json) => {
    expect(jsonValue(value as never)).toBe(json);
    expect(() => JSON.parse(json)).not.toThrow();
  });
});
