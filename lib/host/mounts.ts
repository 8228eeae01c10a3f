import { join } from 'node:path';
import { HOST_PATHS, type HostPaths } from './host-paths';
import { readText } from './read-text';

/** The mount point of a file system of this type, as this process sees it; `null` when there is none. */
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

/** mountinfo writes blanks and backslashes of a path in octal: `\040`. */
function unescapeOctal(point: string): string {
  return point.replace(/\\(\d{3})/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/**
 * The command by which root lets this process read tracepoints: only root and the group of the mount may read tracefs.
 */
export function tracefsCommand(paths: HostPaths = HOST_PATHS): string {
  const mount = mountOf('tracefs', paths);
  const access = process.getuid?.() === 0 ? '' : `gid=${process.getgid?.() ?? 0},mode=750`;
  if (mount !== null) return `mount -o ${['remount', access].filter(Boolean).join(',')} ${mount}`;
  return `mount -t tracefs ${access === '' ? '' : `-o ${access} `}tracefs /sys/kernel/tracing`;
}
