import * as elf from '../abi/elf';
import { PerfRingError } from '../errors';

/** A section of an ELF file. */
export interface ElfSection {
  readonly name: string;
  /** SHT_*. */
  readonly type: number;
  /** SHF_*, the lower 32 bits. */
  readonly flags: number;
  /** Index of a related section: for a symbol table, that of its strings. */
  readonly link: number;
  /** Contents, as a view of the file; empty for SHT_NOBITS and for compressed sections. */
  readonly bytes: Uint8Array;
  /** sh_size, bytes: the size in memory. */
  readonly size: number;
}

/** A function defined in an object. */
export interface ElfFunction {
  readonly name: string;
  /** Name of its section, as given by SEC(). */
  readonly section: string;
  readonly isGlobal: boolean;
}

/** Whether the bytes begin with the magic number of ELF. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && viewOf(bytes).getUint32(0, true) === elf.ELF_MAGIC;
}

/**
 * The sections of a 64-bit little-endian ELF file, in the file's order.
 * @throws PerfRingError ERR_PERF_OBJECT_DAMAGED for bytes that are not such a file, and for sections outside the file
 */
export function elfSections(bytes: Uint8Array): ElfSection[] {
  checkHeader(bytes);
  const view = viewOf(bytes);
  const start = offset64(view, elf.EHDR_SHOFF);
  if (start === 0) return [];
  const first = headerAt(view, start, 0);
  // Numbers too large for the ELF header are in the first section header.
  const count = view.getUint16(elf.EHDR_SHNUM, true) || first.size;
  if (start + count * elf.SHDR_BYTES > bytes.length) {
    throw damaged(`${count} section headers at byte ${start} are outside the file of ${bytes.length} bytes`);
  }
  const headers = Array.from({ length: count }, (_, index) => headerAt(view, start, index));
  const nameIndex = view.getUint16(elf.EHDR_SHSTRNDX, true);
  const names = headers[nameIndex === elf.SHN_XINDEX ? first.link : nameIndex];
  if (names === undefined) throw damaged(`its section ${nameIndex}, with the names, is missing`);
  const strings = contents(bytes, names);
  return headers.map((header) => ({
    name: stringAt(strings, header.name),
    type: header.type,
    flags: header.flags,
    link: header.link,
    size: header.size,
    bytes: contents(bytes, header),
  }));
}

/**
 * The functions in executable sections, from the symbol table.
 * @throws PerfRingError ERR_PERF_OBJECT_DAMAGED
 */
export function elfFunctions(sections: readonly ElfSection[]): ElfFunction[] {
  const table = sections.find(({ type }) => type === elf.SHT_SYMTAB);
  if (table === undefined) return [];
  const strings = sections[table.link]?.bytes;
  if (strings === undefined) throw damaged(`section ${table.link}, with the names of symbols, is missing`);
  const view = viewOf(table.bytes);
  const functions: ElfFunction[] = [];
  for (let at = 0; at + elf.SYM_BYTES <= view.byteLength; at += elf.SYM_BYTES) {
    const info = view.getUint8(at + elf.SYM_INFO);
    const section = sections[view.getUint16(at + elf.SYM_SHNDX, true)];
    if ((info & 0xf) !== elf.STT_FUNC || section === undefined) continue;
    if ((section.flags & elf.SHF_EXECINSTR) === 0) continue;
    const binding = info >> 4;
    functions.push({
      name: stringAt(strings, view.getUint32(at + elf.SYM_NAME, true)),
      section: section.name,
      isGlobal: binding === elf.STB_GLOBAL || binding === elf.STB_WEAK,
    });
  }
  return functions;
}

function checkHeader(bytes: Uint8Array): void {
  if (!isElf(bytes) || bytes.length < elf.EHDR_BYTES) throw damaged('it does not begin with an ELF header');
  if (bytes[elf.EI_DATA] === elf.ELFDATA2MSB) {
    throw damaged('it is big-endian; compile it with -target bpfel, for machines that perfring runs on');
  }
  if (bytes[elf.EI_CLASS] !== elf.ELFCLASS64 || bytes[elf.EI_DATA] !== elf.ELFDATA2LSB) {
    throw damaged('it is not a 64-bit little-endian ELF file');
  }
  const entryBytes = viewOf(bytes).getUint16(elf.EHDR_SHENTSIZE, true);
  if (entryBytes !== elf.SHDR_BYTES && entryBytes !== 0) {
    throw damaged(`its section headers have ${entryBytes} bytes, not ${elf.SHDR_BYTES}`);
  }
}

interface Header {
  readonly name: number;
  readonly type: number;
  readonly flags: number;
  readonly link: number;
  readonly offset: number;
  readonly size: number;
}

function headerAt(view: DataView, start: number, index: number): Header {
  const at = start + index * elf.SHDR_BYTES;
  if (at + elf.SHDR_BYTES > view.byteLength) throw damaged(`section header ${index} is outside the file`);
  return {
    name: view.getUint32(at + elf.SHDR_NAME, true),
    type: view.getUint32(at + elf.SHDR_TYPE, true),
    flags: view.getUint32(at + elf.SHDR_FLAGS, true),
    link: view.getUint32(at + elf.SHDR_LINK, true),
    offset: offset64(view, at + elf.SHDR_OFFSET),
    size: offset64(view, at + elf.SHDR_SIZE),
  };
}

const NOTHING = new Uint8Array(0);

function contents(bytes: Uint8Array, { type, flags, offset, size }: Header): Uint8Array {
  if (type === elf.SHT_NOBITS || type === 0) return NOTHING;
  if (offset + size > bytes.length) {
    throw damaged(
      `a section of ${size} bytes at byte ${offset} is outside the file of ${bytes.length} bytes`,
    );
  }
  // Compilers compress debug sections only, which are not used here.
  if ((flags & elf.SHF_COMPRESSED) !== 0) return NOTHING;
  return bytes.subarray(offset, offset + size);
}

/** Exact below 2^53; a greater offset is outside every file. */
function offset64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
}

/** Most bytes of a name: symbols have shorter ones, and the limit bounds the time for a hostile file. */
const LONGEST_NAME = 4096;

/** @param offset offset of the first character in `strings` */
function stringAt(strings: Uint8Array, offset: number): string {
  const end = strings.indexOf(0, offset);
  if (offset >= strings.length || end === -1) throw damaged(`a name at byte ${offset} does not end`);
  if (end - offset > LONGEST_NAME) throw damaged(`a name has ${end - offset} bytes`);
  return Buffer.from(strings.buffer, strings.byteOffset + offset, end - offset).toString('utf8');
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

function damaged(what: string): PerfRingError {
  return new PerfRingError('ERR_PERF_OBJECT_DAMAGED', `not a BPF object: ${what}`);
}
