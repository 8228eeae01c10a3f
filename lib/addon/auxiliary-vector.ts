import { readFileSync } from 'node:fs';

/** include/uapi/linux/auxvec.h */
const AT_SECURE = 23n;
/** Two words for each entry: its type and its value. */
const ENTRY_WORDS = 2;

/**
 * Whether this process has privileges that come with its file, setuid or file capabilities, and not from who started it.
 * Then the environment is that of someone with less privilege, and must not choose what code is loaded: node ignores
 * NODE_OPTIONS there, and the dynamic linker LD_PRELOAD.
 *
 * True as well where /proc does not tell: to such a process of an ordinary user it doesn't, for its /proc/self is root's.
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
    // Not there, not ours to read, or no whole number of words.
  }
  return true;
}
