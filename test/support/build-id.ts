import { readFileSync } from 'node:fs';

/**
 * The build id of an ELF file, from its note, in lower-case hexadecimal digits.
 * @see https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.pheader.html#note_section
 */
export function buildIdOf(file: string): string {
  const bytes = readFileSync(file);
  // u32 namesz, descsz, type NT_GNU_BUILD_ID, then the name.
  const note = Buffer.from([4, 0, 0, 0, 20, 0, 0, 0, 3, 0, 0, 0, 0x47, 0x4e, 0x55, 0]);
  const at = bytes.indexOf(note);
  if (at < 0) throw new Error(`${file} has no build id of 20 bytes`);
  return bytes.toString('hex', at + note.length, at + note.length + 20);
}
