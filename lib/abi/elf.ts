/**
 * The numbers of ELF that reading BPF objects needs, under the names of <elf.h>. test/integration/abi compares each of
 * them with that header.
 *
 * @see https://man7.org/linux/man-pages/man5/elf.5.html
 */

/** `\x7fELF`, as a little-endian word. */
export const ELF_MAGIC = 0x464c457f;
export const EI_CLASS = 4;
export const EI_DATA = 5;
export const ELFCLASS64 = 2;
export const ELFDATA2LSB = 1;
export const ELFDATA2MSB = 2;
export const EM_BPF = 247;

/** sizeof(Elf64_Ehdr), and the offsets of its fields in bytes. */
export const EHDR_BYTES = 64;
export const EHDR_MACHINE = 18;
export const EHDR_SHOFF = 40;
export const EHDR_SHENTSIZE = 58;
export const EHDR_SHNUM = 60;
export const EHDR_SHSTRNDX = 62;

/** sizeof(Elf64_Shdr), and the offsets of its fields in bytes. */
export const SHDR_BYTES = 64;
export const SHDR_NAME = 0;
export const SHDR_TYPE = 4;
export const SHDR_FLAGS = 8;
export const SHDR_OFFSET = 24;
export const SHDR_SIZE = 32;
export const SHDR_LINK = 40;

export const SHN_XINDEX = 0xffff;
export const SHT_SYMTAB = 2;
export const SHT_NOBITS = 8;
export const SHF_EXECINSTR = 1 << 2;
export const SHF_COMPRESSED = 1 << 11;

/** sizeof(Elf64_Sym), and the offsets of its fields in bytes. */
export const SYM_BYTES = 24;
export const SYM_NAME = 0;
export const SYM_INFO = 4;
export const SYM_SHNDX = 6;
export const SYM_VALUE = 8;

export const STB_GLOBAL = 1;
export const STB_WEAK = 2;
export const STT_FUNC = 2;
