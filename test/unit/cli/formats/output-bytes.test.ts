import fc from 'fast-check';
import { constantOf, OutputBytes } from '../../../../lib/cli/formats/output-bytes';

function written(write: (output: OutputBytes) => void): string {
  const output = new OutputBytes();
  write(output);
  return Buffer.from(output.take()).toString();
}

/** Bytes that are read as those of a record. */
function sourceOf(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    size: bytes.length,
    u8: (offset: number) => view.getUint8(offset),
    u32: (offset: number) => view.getUint32(offset, true),
    bytes: () => bytes,
  };
}

/** Numbers around each power of ten and of two. */
const EDGES = [...Array(20).keys()].flatMap((power) => [10n ** BigInt(power), 2n ** BigInt(power * 3 + 1)]);
const NUMBERS = EDGES.flatMap((edge) => [edge - 1n, edge, edge + 1n]);

describe('OutputBytes', () => {
  it('writes the digits of numbers', () => {
    for (const number of NUMBERS) {
      const digits = String(number);
      if (number < 2n ** 32n) expect(written((output) => output.unsigned(Number(number)))).toBe(digits);
      if (number < 2n ** 31n) {
        expect(written((output) => output.signed(Number(-number)))).toBe(String(-number));
        expect(written((output) => output.signed(Number(number)))).toBe(digits);
      }
      const words = [Number(number >> 32n), Number(number & 0xffff_ffffn)] as const;
      if (number < 2n ** 64n) expect(written((output) => output.unsigned64(...words))).toBe(digits);
      expect(written((output) => output.unsignedBigint(number))).toBe(digits);
    }
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (number) => {
        const [high, low] = [Number(number >> 32n), Number(number & 0xffff_ffffn)];
        expect(written((output) => output.unsigned64(high, low))).toBe(String(number));
        expect(written((output) => output.unsignedBigint(number))).toBe(String(number));
      }),
    );
  });

  it('writes bytes in hexadecimal, of every length', () => {
    for (let length = 0; length < 300; length++) {
      const bytes = Uint8Array.from({ length }, (_, index) => index * 71 + length);
      expect(written((output) => output.hex(sourceOf(bytes)))).toBe(Buffer.from(bytes).toString('hex'));
    }
  });

  it('writes plain text only when it needs no escape', () => {
    for (const [text, json] of [
      ['a b~', '"a b~"'],
      ['', '""'],
      ['a\0b', '"a"'],
      ['a"b', ''],
      ['a\\b', ''],
      ['a\nb', ''],
      ['a\x7f', ''],
      ['ä', ''],
    ] as const) {
      const bytes = Buffer.from(text);
      let isWritten = false;
      const result = written((output) => {
        isWritten = output.plainText(sourceOf(bytes), 0, bytes.length);
      });
      expect([result, isWritten]).toEqual([json, json !== '']);
    }
  });

  it('keeps what was written when it grows, and what was taken when more is written', () => {
    const output = new OutputBytes();
    const line = `${'x'.repeat(101)}\n`;
    for (let count = 0; count < 1000; count++) output.constant(constantOf(line));
    const taken = output.take();
    for (let count = 0; count < 1000; count++) output.text('y'.repeat(102));
    expect(Buffer.from(taken).toString()).toBe(line.repeat(1000));
    expect(output.take()).toEqual(new Uint8Array(Buffer.from('y'.repeat(102_000))));
  });
});
