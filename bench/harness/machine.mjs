import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { loadavg, release } from 'node:os';

/** The CPUs that this process may run on, in order. */
export function allowedCpus() {
  const line = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1];
  return line.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/**
 * Which CPU each process runs on: the readers on the last one, the producer on the one before, and the driver on the
 * first. The driver sleeps while something is measured. It pins itself.
 */
export function assignCpus() {
  const cpus = allowedCpus();
  const reader = cpus.at(-1);
  const producer = cpus.at(-2) ?? reader;
  execFileSync('taskset', ['-acp', String(cpus[0]), String(process.pid)], { stdio: 'ignore' });
  return { reader, producer, driver: cpus[0] };
}

/** The facts about the machine that are printed with the figures. */
export function describeMachine() {
  const cpuinfo = readFileSync('/proc/cpuinfo', 'utf8');
  return {
    cpu: /^model name\s*:\s*(.*)$/m.exec(cpuinfo)?.[1] ?? 'unknown',
    cpus: allowedCpus().length,
    virtual: /^flags\s*:.*\bhypervisor\b/m.test(cpuinfo),
    kernel: release(),
    loadAverage: loadavg()[0],
    node: process.version,
    libbpf: debianVersion('libbpf-dev'),
    cilium: debianVersion('golang-github-cilium-ebpf-dev'),
    go: debianVersion('golang-go'),
    pageBytes: Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' })),
  };
}

function debianVersion(name) {
  try {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the format of dpkg-query, not ours
    return execFileSync('dpkg-query', ['-W', '-f', '${Version}', name], { encoding: 'utf8', stdio: 'pipe' });
  } catch {
    return null;
  }
}
