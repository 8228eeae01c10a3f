import { join } from 'node:path';
import { HOST_PATHS, type HostPaths } from './host-paths';
import { readText } from './read-text';

/** Where a file system of that type is mounted for this process; `null` where none is. */
export function mountOf(type: 'tracefs' | 'bpf', paths: HostPaths = HOST_PATHS): string | null {
  const mounts = readText(join(paths.proc, 'self/mountinfo')) ?? '';
  for (const line of mounts.split('\n')) {
    // id parent device root MOUNT-POINT options … - TYPE source options
    const [before, after] = line.split(' - ');
    const point = before?.split(' ')[4];
    if (point !== undefined && after?.split(' ')[0] === type) return unescapeOctal(point);
  }
  return null;
}

/** Blanks and backslashes of a path are octal there: `\040`. */
function unescapeOctal(point: string): string {
  return point.replace(/\\(\d{3})/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/**
 * The command for root that lets this process read tracepoints: the files of tracefs are for root and the group of
 * the mount alone.
 */
export function tracefsCommand(paths: HostPaths = HOST_PATHS): string {
  const mount = mountOf('tracefs', paths);
  const access = process.getuid?.() === 0 ? '' : `gid=${process.getgid?.() ?? 0},mode=750`;
  if (mount !== null) return `mount -o ${['remount', access].filter(Boolean).join(',')} ${mount}`;
  return `mount -t tracefs ${access === '' ? '' : `-o ${access} `}tracefs /sys/kernel/tracing`;
}
