import { decodeFixedString, StringCache } from '../../../lib/records/string-cache';

/** Text in 16 bytes, like the comm of a task. Longer text is cut. */
function field(text: string, fill = 0): Uint8Array {
  const bytes = new Uint8Array(16).fill(fill);
  const encoded = Buffer.from(text);
  bytes.set(encoded.subarray(0, 16));
  if (encoded.length < 16) bytes[encoded.length] = 0;
  return bytes;
}

function decoded(bytes: Uint8Array): string {
  const nul = bytes.indexOf(0);
  return new TextDecoder().decode(nul === -1 ? bytes : bytes.subarray(0, nul));
}

/** Reads through the cache, at an odd offset in a larger view. */
function read(cache: StringCache, bytes: Uint8Array): string {
  const view = new DataView(new ArrayBuffer(64));
  new Uint8Array(view.buffer).fill(0x7a);
  new Uint8Array(view.buffer).set(bytes, 5);
  return cache.read(view, 5);
}

describe('StringCache', () => {
  it.each(Array.from({ length: 17 }, (_, length) => length))(
    'reads a string of %d bytes twice, whatever lies behind its end',
    (length) => {
      const cache = new StringCache();
      const text = 'abcdefghijklmnop'.slice(0, length);
      for (const fill of [0, 0xff]) {
        expect(read(cache, field(text, fill))).toBe(text);
        expect(read(cache, field(text, fill))).toBe(text);
      }
    },
  );

  it.each(['grün-äöü-ßßß', '猫猫猫猫猫', 'x😀y😀z😀', '\ufffd\ufffd'])('reads %p twice', (text) => {
    const cache = new StringCache();
    const bytes = field(text);
    expect(read(cache, bytes)).toBe(decoded(bytes));
    expect(read(cache, bytes)).toBe(decoded(bytes));
  });

  it('reads nothing from 16 zeros, before and after other strings', () => {
    const cache = new StringCache();
    expect(read(cache, field(''))).toBe('');
    for (let id = 0; id < 1000; id++) read(cache, field(`n${id}`));
    expect(read(cache, field(''))).toBe('');
  });

  /** A thousand values of one word in 256 slots: most share a slot with others that differ only in this word. */
  it.each([0, 4, 8, 12])('tells apart strings of one slot that differ in the word at %d alone', (at) => {
    const cache = new StringCache();
    const fields = Array.from({ length: 1000 }, (_, id) => {
      const bytes = field('abcdefghijklmnop');
      bytes.set(Buffer.from(String(1000 + id)), at);
      return bytes;
    });
    for (let round = 0; round < 2; round++) {
      for (const bytes of fields) expect(read(cache, bytes)).toBe(decoded(bytes));
    }
  });

  it('decodes a string once as long as no other takes its slot', () => {
    const cache = new StringCache();
    const decode = jest.spyOn(Buffer.prototype, 'toString');
    try {
      for (let round = 0; round < 100; round++) expect(read(cache, field('perfring'))).toBe('perfring');
      expect(decode).toHaveBeenCalledTimes(1);
    } finally {
      decode.mockRestore();
    }
  });

  it('spreads names over its slots, so that a few hundred are decoded about once', () => {
    const cache = new StringCache();
    const names = Array.from({ length: 64 }, (_, id) => field(`kworker/${id}:${id % 3}`));
    const decode = jest.spyOn(Buffer.prototype, 'toString');
    try {
      for (let round = 0; round < 10; round++) for (const name of names) read(cache, name);
      expect(decode.mock.calls.length).toBeLessThan(64 * 4);
    } finally {
      decode.mockRestore();
    }
  });
});

describe('decodeFixedString', () => {
  it('ends at the first NUL, or at the length', () => {
    const bytes = Buffer.from('xxab\0cd\0');
    expect(decodeFixedString(bytes, 2, 5)).toBe('ab');
    expect(decodeFixedString(bytes, 2, 2)).toBe('ab');
    expect(decodeFixedString(bytes, 2, 1)).toBe('a');
    expect(decodeFixedString(bytes, 4, 3)).toBe('');
    expect(decodeFixedString(bytes, 5, 2)).toBe('cd');
  });
});
