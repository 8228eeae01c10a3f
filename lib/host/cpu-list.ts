/**
 * CPU lists in the kernel's format, and the CPUs of this machine. CPU numbers may have gaps, and possible CPUs may be
 * offline.
 *
 * @see https://github.com/torvalds/linux/blob/v6.12/Documentation/admin-guide/cputopology.rst
 */

import { join } from 'node:path';
import { PerfRingError } from '../errors';
import { HOST_PATHS, type HostPaths, plainPaths } from './host-paths';
import { checkString, plainList } from '../input/plain-data';
import { named, shown } from '../input/shown';
import { readText } from './read-text';

/** Kernels support fewer CPUs than this. The limit prevents that a list such as `0-4000000000` fills the memory. */
const HIGHEST_CPU = 65_535;

/**
 * @param text such as `0-3,5`; spaces around numbers are allowed; an empty text is an empty list
 * @returns the CPU numbers in ascending order, without duplicates
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT; the message contains the part that is not a CPU number or an ascending
 *   range
 */
export function parseCpuList(text: string): number[] {
  checkString(text, 'a CPU list');
  const list = named(text);
  if (text.trim() === '') return [];
  const cpus = new Set<number>();
  for (const part of text.split(',')) {
    const range = /^\s*(\d+)\s*(?:-\s*(\d+)\s*)?$/.exec(part);
    if (range === null) {
      throw invalid(
        `CPU list "${list}": "${named(part.trim())}" is neither a CPU number nor a range; write for example 0-3,5`,
      );
    }
    const first = Number(range[1]);
    const last = range[2] === undefined ? first : Number(range[2]);
    if (last < first) {
      throw invalid(
        `CPU list "${list}": the range "${named(part.trim())}" goes down; write ${last}-${first}`,
      );
    }
    if (last > HIGHEST_CPU)
      throw invalid(`CPU list "${list}": ${last} is past the highest CPU number, ${HIGHEST_CPU}`);
    for (let cpu = first; cpu <= last; cpu++) cpus.add(cpu);
  }
  return [...cpus].sort((one, other) => one - other);
}

/**
 * @returns the list in the kernel's format: `0-3,5`
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT when an element is not a CPU number
 */
export function formatCpuList(cpus: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const cpu of [...new Set(checkCpuNumbers(cpus, 'cpus'))].sort((one, other) => one - other)) {
    const range = ranges.at(-1);
    if (range !== undefined && range[1] === cpu - 1) range[1] = cpu;
    else ranges.push([cpu, cpu]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}

/**
 * Checks CPU numbers from a caller.
 * @returns a copy
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT
 */
export function checkCpuNumbers(cpus: readonly number[], what: string): number[] {
  const numbers = plainList(cpus, what, HIGHEST_CPU + 1);
  for (const cpu of numbers) {
    if (Number.isInteger(cpu) && cpu >= 0 && cpu <= HIGHEST_CPU) continue;
    throw invalid(`${what} must be CPU numbers, got ${shown(cpu)}`);
  }
  return numbers;
}

/**
 * The CPUs that are online now.
 * @throws PerfRingError ERR_PERF_NOT_SUPPORTED when neither /sys nor /proc can be read
 */
export function onlineCpus(paths: HostPaths = HOST_PATHS): number[] {
  return cpusOf('online', paths);
}

/**
 * The CPUs that can come online before the next boot; they are the keys of a perf event array. Without sysfs this
 * returns the online CPUs, because /proc lists no others.
 * @throws PerfRingError ERR_PERF_NOT_SUPPORTED when neither /sys nor /proc can be read
 */
export function possibleCpus(paths: HostPaths = HOST_PATHS): number[] {
  return cpusOf('possible', paths);
}

/**
 * The number of possible CPUs. The kernel writes that many values when an element of a per-CPU map is read, so this
 * number is never estimated.
 * @throws PerfRingError ERR_PERF_NOT_SUPPORTED when /sys can't be read
 */
export function possibleCpuCount(paths: HostPaths = HOST_PATHS): number {
  const cpus = cpusOfSysfs('possible', paths);
  if (cpus !== null) return cpus.length;
  throw cannotTell('possible', `${sysfsFile('possible', paths)} cannot be read`, paths);
}

function cpusOf(name: 'online' | 'possible', given: HostPaths): number[] {
  const paths = plainPaths(given);
  const cpus = cpusOfSysfs(name, paths) ?? onlineCpusOfProcStat(paths);
  if (cpus.length > 0) return cpus;
  // The affinity of this thread is no substitute: a cpuset hides CPUs from it.
  const why = `neither ${sysfsFile(name, paths)} nor ${join(paths.proc, 'stat')} can be read`;
  throw cannotTell(name, why, paths);
}

function sysfsFile(name: 'online' | 'possible', paths: HostPaths): string {
  return join(paths.sys, 'devices/system/cpu', name);
}

function cpusOfSysfs(name: 'online' | 'possible', paths: HostPaths): number[] | null {
  const list = readText(sysfsFile(name, paths));
  return list === null || list === '' ? null : parseCpuList(list);
}

function cannotTell(name: string, why: string, paths: HostPaths): PerfRingError {
  return new PerfRingError(
    'ERR_PERF_NOT_SUPPORTED',
    `cannot tell which CPUs are ${name}: ${why}; mount sysfs: mount -t sysfs sysfs ${paths.sys}`,
  );
}

/** /proc/stat has one line `cpu3 …` for each online CPU. */
function onlineCpusOfProcStat(paths: HostPaths): number[] {
  const stat = readText(join(paths.proc, 'stat')) ?? '';
  return [...stat.matchAll(/^cpu(\d+) /gm)].map((line) => Number(line[1]));
}

function invalid(message: string): PerfRingError {
  return new PerfRingError('ERR_PERF_INVALID_ARGUMENT', message);
}
