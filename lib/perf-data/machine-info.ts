import { readdirSync, readFileSync } from 'node:fs';
import { cpus, hostname, machine, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { onlineCpus, possibleCpus } from '../host/cpu-list';
import type { PerfDataInfo } from './file-info';

const CPUS = '/sys/devices/system/cpu';
const EVENT_SOURCES = '/sys/bus/event_source/devices';

/** What a perf.data file should say of this machine and this process. What the system doesn't tell is left out. */
export function machineInfo(): PerfDataInfo {
  const online = onlineCpus();
  return {
    hostname: hostname(),
    osRelease: release(),
    writerVersion: 'perfring',
    arch: machine(),
    cpus: { available: possibleCpus().length, online: online.length },
    cpuDescription: cpus()[0]?.model,
    cpuId: cpuId(),
    totalMemoryKilobytes: BigInt(Math.floor(totalmem() / 1024)),
    commandLine: [process.argv0, ...process.execArgv, ...process.argv.slice(1)],
    topology: topology(),
    pmus: pmus(),
  };
}

/** As perf writes it for x86; other machines have no such fields. */
function cpuId(): string | undefined {
  const info = read('/proc/cpuinfo') ?? '';
  const names = ['vendor_id', 'cpu family', 'model', 'stepping'];
  const values = names.map((name) => new RegExp(`^${name}\\s*: (.*)$`, 'm').exec(info)?.[1]);
  return values.includes(undefined) ? undefined : values.join(',');
}

function topology(): PerfDataInfo['topology'] {
  const numbers = possibleCpus();
  const of = (cpu: number, name: string): string | undefined =>
    read(join(CPUS, `cpu${cpu}`, 'topology', name));
  const lists = (name: string): string[] => [
    ...new Set(numbers.map((cpu) => of(cpu, name)).filter((list) => list !== undefined)),
  ];
  const ids = numbers.map((cpu) => ({
    coreId: Number(of(cpu, 'core_id')),
    socketId: Number(of(cpu, 'physical_package_id')),
  }));
  // Offline CPUs have no topology.
  if (ids.some(({ coreId, socketId }) => Number.isNaN(coreId) || Number.isNaN(socketId))) return undefined;
  return { sockets: lists('core_siblings_list'), cores: lists('thread_siblings_list'), cpus: ids };
}

function pmus(): PerfDataInfo['pmus'] {
  let names: string[];
  try {
    names = readdirSync(EVENT_SOURCES);
  } catch {
    return undefined;
  }
  const found = names.map((name) => ({ name, type: Number(read(join(EVENT_SOURCES, name, 'type'))) }));
  return found.filter(({ type }) => Number.isInteger(type)).map(({ name, type }) => ({ type, name }));
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trimEnd();
  } catch {
    return undefined;
  }
}
