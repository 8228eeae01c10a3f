import { jsonText, visibleText } from '../../../lib/cli/visible-text';

describe('visibleText', () => {
  it.each([
    ['node', 'node'],
    ['', ''],
    ['größe 日本 🙂', 'größe 日本 🙂'],
    ['\u001b[2J\u001b]0;title\u0007', '\\x1b[2J\\x1b]0;title\\x07'],
    ['\u009b31m', '\\x9b31m'],
    ['a\u007fb', 'a\\x7fb'],
    ['two\nlines\r\t', 'two\\nlines\\r\\t'],
    ['\\x1b', '\\\\x1b'],
    ['abc\u202egpj.exe', 'abc\\u202egpj.exe'],
    ['\u2066x\u2069', '\\u2066x\\u2069'],
    ['zero\u200bwidth\ufeff', 'zero\\u200bwidth\\ufeff'],
    ['a\u2028b', 'a\\u2028b'],
    ['☠\ufe0f a\u034fb', '☠\\ufe0f a\\u034fb'],
    ['tag\u{e0041}', 'tag\\u{e0041}'],
    ['\ud800', '\\ud800'],
  ])('shows %j as %j', (text, visible) => {
    expect(visibleText(text)).toBe(visible);
  });

  it('leaves no control character of a terminal', () => {
    for (let code = 0; code < 0x3000; code++) {
      const shown = visibleText(String.fromCodePoint(code));
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
      expect(shown).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/);
      expect(shown).not.toBe('');
    }
  });
});

describe('jsonText', () => {
  it('is the same text for a JSON parser, and contains no control character of a terminal', () => {
    for (let code = 0; code < 0x3000; code++) {
      const text = `a${String.fromCodePoint(code)}"`;
      const json = jsonText(text);
      expect(JSON.parse(json)).toBe(text);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
      expect(json).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/);
    }
  });
});
