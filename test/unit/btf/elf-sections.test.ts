import fc from 'fast-check';
import * as elf from '../../../lib/abi/elf';
import { elfFunctions, elfSections, isElf } from '../../../lib/btf/elf-sections';
import { propertyRuns } from '../../support/property-runs';

const NAMES = '\0.names\0.BTF\0prog\0.symtab\0on_exec\0helper\0';
const at = (name: string): number => NAMES.indexOf(`\0${name}\0`) + 1;

/** A file of five sections: none, names, .BTF, a program's, and a table of two symbols. */
function elfFile(): Buffer {
  const parts = [Buffer.from(NAMES), Buffer.from('types'), Buffer.alloc(16), symbols()];
  const headersAt = elf.EHDR_BYTES + parts.reduce((sum, part) => sum + part.length, 0);
  const header = Buffer.alloc(elf.EHDR_BYTES);
  header.writeUInt32LE(elf.ELF_MAGIC, 0);
  header[elf.EI_CLASS] = elf.ELFCLASS64;
  header[elf.EI_DATA] = elf.ELFDATA2LSB;
  header.writeUInt32LE(headersAt, elf.EHDR_SHOFF);
  header.writeUInt16LE(elf.SHDR_BYTES, elf.EHDR_SHENTSIZE);
  header.writeUInt16LE(5, elf.EHDR_SHNUM);
  header.writeUInt16LE(1, elf.EHDR_SHSTRNDX);
  const of = [
    [at('.names'), 3, 0, 0],
    [at('.BTF'), 1, 0, 0],
    [at('prog'), 1, elf.SHF_EXECINSTR, 0],
    [at('.symtab'), elf.SHT_SYMTAB, 0, 1],
  ] as const;
  let offset = elf.EHDR_BYTES;
  const sections = parts.map((part, index) => {
    const [name, type, flags, link] = of[index] as (typeof of)[number];
    const section = Buffer.alloc(elf.SHDR_BYTES);
    section.writeUInt32LE(name, elf.SHDR_NAME);
    section.writeUInt32LE(type, elf.SHDR_TYPE);
    section.writeUInt32LE(flags, elf.SHDR_FLAGS);
    section.writeUInt32LE(offset, elf.SHDR_OFFSET);
    section.writeUInt32LE(part.length, elf.SHDR_SIZE);
    section.writeUInt32LE(link, elf.SHDR_LINK);
    offset += part.length;
    return section;
  });
  return Buffer.concat([header, ...parts, Buffer.alloc(elf.SHDR_BYTES), ...sections]);
}

function symbols(): Buffer {
  const symbol = (name: string, info: number, section: number): Buffer => {
    const bytes = Buffer.alloc(elf.SYM_BYTES);
    bytes.writeUInt32LE(at(name), elf.SYM_NAME);
    bytes.writeUInt8(info, elf.SYM_INFO);
    bytes.writeUInt16LE(section, elf.SYM_SHNDX);
    return bytes;
  };
  const global = elf.STB_GLOBAL << 4;
  return Buffer.concat([
    symbol('on_exec', global | elf.STT_FUNC, 3),
    symbol('helper', elf.STT_FUNC, 3),
    symbol('prog', global | elf.STT_FUNC, 2),
    symbol('prog', global, 3),
  ]);
}

describe('elfSections', () => {
  it('lists the sections of a file, and what they hold', () => {
    const file = elfFile();
    expect(isElf(file)).toBe(true);
    const sections = elfSections(file);
    expect(sections.map(({ name }) => name)).toEqual(['', '.names', '.BTF', 'prog', '.symtab']);
    expect(Buffer.from(sections[2]?.bytes ?? []).toString()).toBe('types');
    expect(sections[3]).toMatchObject({ flags: elf.SHF_EXECINSTR, size: 16 });
  });

  it('holds nothing of a section without bytes in the file, and of one that is compressed', () => {
    const file = elfFile();
    const headers = file.readUInt32LE(elf.EHDR_SHOFF);
    file.writeUInt32LE(elf.SHT_NOBITS, headers + 2 * elf.SHDR_BYTES + elf.SHDR_TYPE);
    file.writeUInt32LE(0xffff_ffff, headers + 2 * elf.SHDR_BYTES + elf.SHDR_SIZE);
    file.writeUInt32LE(elf.SHF_COMPRESSED, headers + 3 * elf.SHDR_BYTES + elf.SHDR_FLAGS);
    expect(elfSections(file).map(({ bytes }) => bytes.length)).toEqual([0, NAMES.length, 0, 0, 96]);
  });

  it.each<[string, (file: Buffer) => Uint8Array, RegExp]>([
    ['nothing', () => Buffer.alloc(0), /does not begin with an ELF header/],
    ['a script', () => Buffer.from('#!/bin/sh\n'.repeat(10)), /does not begin with an ELF header/],
    ['a header that is cut', (file) => file.subarray(0, 40), /does not begin with an ELF header/],
    [
      'the other byte order',
      (file) => file.fill(elf.ELFDATA2MSB, 5, 6),
      /big-endian; compile it with -target bpfel/,
    ],
    ['32 bits', (file) => file.fill(1, 4, 5), /not a 64-bit little-endian/],
    ['section headers of another size', (file) => file.fill(40, 58, 59), /headers have 40 bytes/],
    ['section headers outside it', (file) => file.fill(0xff, 40, 44), /section header 0 is outside/],
    ['more sections than it has', (file) => file.fill(0xff, 60, 62), /65535 section headers/],
    ['names in a section that is not there', (file) => file.fill(9, 62, 63), /section 9, with the names/],
    ['a file that is cut', (file) => file.subarray(0, file.length - 1), /5 section headers/],
  ])('refuses %s', (_what, change, message) => {
    expect(() => elfSections(change(elfFile()))).toThrow(
      expect.objectContaining({
        code: 'ERR_PERF_OBJECT_DAMAGED',
        message: expect.stringMatching(message),
      }),
    );
  });

  it('returns sections or an error with a code for any bytes', () => {
    const whole = elfFile();
    const change = fc.record({ at: fc.nat(whole.length - 1), value: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), fc.nat(whole.length), (changes, cut) => {
        const file = Buffer.from(whole);
        for (const { at: where, value } of changes) file[where] = value;
        for (const bytes of [file, file.subarray(0, cut)]) {
          try {
            elfFunctions(elfSections(bytes));
          } catch (error) {
            expect(error).toMatchObject({ code: 'ERR_PERF_OBJECT_DAMAGED' });
          }
        }
      }),
      propertyRuns(2000),
    );
  });
});

describe('elfFunctions', () => {
  it('lists the functions in executable sections', () => {
    expect(elfFunctions(elfSections(elfFile()))).toEqual([
      { name: 'on_exec', section: 'prog', isGlobal: true },
      { name: 'helper', section: 'prog', isGlobal: false },
    ]);
  });
});
