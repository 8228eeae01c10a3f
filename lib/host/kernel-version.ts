import { release } from 'node:os';

/** A kernel version: `6.18.44-fc` is {major: 6, minor: 18, patch: 44}. */
export interface KernelVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** The release as uname(2) returns it. */
  readonly release: string;
}

/** @returns `null` for a release that does not begin with two numbers */
export function parseKernelVersion(text: string): KernelVersion | null {
  const parts = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  if (parts === null) return null;
  return { major: Number(parts[1]), minor: Number(parts[2]), patch: Number(parts[3] ?? 0), release: text };
}

/** The version of the running kernel; 0.0.0 when its release does not begin with two numbers. */
export function kernelVersion(): KernelVersion {
  const text = release();
  return parseKernelVersion(text) ?? { major: 0, minor: 0, patch: 0, release: text };
}

export function isAtLeast(version: KernelVersion, major: number, minor: number): boolean {
  return version.major > major || (version.major === major && version.minor >= minor);
}
