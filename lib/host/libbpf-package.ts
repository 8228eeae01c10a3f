import { readText } from './read-text';

/** By ID and ID_LIKE of os-release: what installs libbpf.so.1. */
const COMMANDS: ReadonlyMap<string, string> = new Map([
  ['debian', 'apt-get install libbpf1'],
  ['ubuntu', 'apt-get install libbpf1'],
  ['fedora', 'dnf install libbpf'],
  ['rhel', 'dnf install libbpf'],
  ['alpine', 'apk add libbpf'],
  ['arch', 'pacman -S libbpf'],
  ['suse', 'zypper install libbpf1'],
]);

/**
 * The command that installs libbpf.so.1 here, or the packages of the distributions where this one is not known.
 * @see https://www.freedesktop.org/software/systemd/man/latest/os-release.html
 */
export function libbpfCommand(path = '/etc/os-release'): string {
  const text = readText(path) ?? '';
  const names = ['ID', 'ID_LIKE'].flatMap((key) => wordsOf(key, text).split(' '));
  const command = names.map((name) => COMMANDS.get(name)).find((found) => found !== undefined);
  return (
    command ??
    'install the package libbpf1 (Debian, Ubuntu), or libbpf (Fedora, RHEL, Alpine, Arch), version 1.0 or later'
  );
}

function wordsOf(key: string, text: string): string {
  return new RegExp(`^${key}="?([^"\\n]*)"?$`, 'm').exec(text)?.[1] ?? '';
}
