/**
 * Turns a little-endian perf.data file into a big-endian one, for the records that a test writes. perf script reads the
 * result like the original, which shows that it is right.
 */

/** The fields after the header: `q` is a u64, `i` a u32, `h` a u16; what follows stays. */
const FIELDS: Readonly<Record<number, string>> = {
  1: 'iiqqq',
  2: 'qq',
  3: 'ii',
  4: 'iiiiq',
  7: 'iiiiq',
  10: 'iiqqqiiqqii',
  17: 'qihh',
  18: 'hhi',
  68: '',
};

const BYTES: Readonly<Record<string, number>> = { q: 8, i: 4, h: 2 };

/** Reverses the bytes of each field. @returns where they end */
function reverse(bytes: Uint8Array, at: number, fields: string): number {
  let position = at;
  for (const field of fields) {
    const length = BYTES[field] as number;
    bytes.subarray(position, position + length).reverse();
    position += length;
  }
  return position;
}

/**
 * @param file of one event, in file form, with `sample_type`: IP, TID, TIME, CPU, PERIOD, CALLCHAIN, RAW, in any
 *   combination, and sample_id_all
 */
export function bigEndianFile(file: Uint8Array): Uint8Array {
  const result = Uint8Array.from(file);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const word = (at: number): number => Number(view.getBigUint64(at, true));
  const attrs = word(24);
  const attrBytes = word(16);
  const sampleType = word(attrs + 24);
  reverse(result, 0, 'q'.repeat(13));
  // Without feature sections, whose contents a test need not turn.
  result.fill(0, 72, 104);
  for (let id = 104; id < attrs; id += 8) reverse(result, id, 'q');
  reverse(result, attrs, 'iiqqqq');
  // Bit-fields begin at the other end of each byte.
  for (let at = attrs + 40; at < attrs + 48; at++) result[at] = mirrored(result[at] as number);
  reverse(result, attrs + 48, 'iiqqqqiiqihhiiq'.slice(0, attrBytes - 16 >= 128 ? 15 : 12));
  reverse(result, attrs + attrBytes - 16, 'qq');
  const end = word(40) + word(48);
  for (let at = word(40); at < end; ) {
    const type = view.getUint32(at, true);
    const size = view.getUint16(at + 6, true);
    reverse(result, at, 'ihh');
    if (type === 9) turnSample(result, view, at + 8, sampleType);
    else if (type < 64) turnOther(result, at, size, FIELDS[type] as string, sampleType);
    at += size;
  }
  return result.subarray(0, end);
}

function mirrored(byte: number): number {
  return Number.parseInt([...byte.toString(2).padStart(8, '0')].reverse().join(''), 2);
}

function turnSample(bytes: Uint8Array, view: DataView, from: number, sampleType: number): void {
  const fixed: readonly (readonly [number, string])[] = [
    [1 << 16, 'q'],
    [1 << 0, 'q'],
    [1 << 1, 'ii'],
    [1 << 2, 'q'],
    [1 << 7, 'ii'],
    [1 << 8, 'q'],
  ];
  let at = from;
  for (const [bit, fields] of fixed) if ((sampleType & bit) !== 0) at = reverse(bytes, at, fields);
  if ((sampleType & (1 << 5)) !== 0) {
    const count = Number(view.getBigUint64(at, true));
    at = reverse(bytes, at, 'q'.repeat(count + 1));
  }
  if ((sampleType & (1 << 10)) !== 0) reverse(bytes, at, 'i');
}

function turnOther(bytes: Uint8Array, at: number, size: number, fields: string, sampleType: number): void {
  reverse(bytes, at + 8, fields);
  const trailer: readonly (readonly [number, string])[] = [
    [1 << 1, 'ii'],
    [1 << 2, 'q'],
    [1 << 7, 'ii'],
    [1 << 16, 'q'],
  ];
  const words = trailer.filter(([bit]) => (sampleType & bit) !== 0).map(([, one]) => one);
  reverse(bytes, at + size - words.length * 8, words.join(''));
}
