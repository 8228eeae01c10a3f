import { readFileSync } from 'node:fs';

/** include/uapi/linux/auxvec.h */
const AT_SECURE = 23n;
/** Two words for each entry: its type and its value. */
const ENTRY_WORDS = 2;

/**
 * Whether this process got privileges from its executable file (setuid or file capabilities). The user who started it
 * and set its environment may have less privilege, so the environment must not choose which code is loaded. For the
 * same reason node ignores NODE_OPTIONS, and the dynamic linker LD_PRELOAD.
 *
 * Also true when the file can't be read: in a process with such privileges /proc/self belongs to root.
 *
 * @see AT_SECURE in https://man7.org/linux/man-pages/man3/getauxval.3.html
 */
export function gotPrivilegesByFile(path = '/proc/self/auxv'): boolean {
  try {
    const bytes = Uint8Array.from(readFileSync(path));
    const words = new BigUint64Array(bytes.buffer);
    for (let at = 0; at + 1 < words.length; at += ENTRY_WORDS) {
      if (words[at] === AT_SECURE) return words[at + 1] !== 0n;
    }
  } catch {
    // The file is missing or not readable, or its length is no multiple of a word.
  }
  return true;
}
