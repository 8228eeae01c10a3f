import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const bench = fileURLToPath(new URL('..', import.meta.url));
const project = join(bench, '..');
const output = join(bench, '.build');

/** Where Debian puts the sources of Go packages; they are built from there, offline. */
const GO_PACKAGES = '/usr/share/gocode';

/**
 * Builds what the benchmark runs into bench/.build. Nothing is installed: what is missing is named, with the Debian
 * package that has it, and its rows stay empty.
 * @returns {{ producer: string, libbpf: string | null, libbpfRingBuffer: string | null, cilium: string | null, perfring: boolean, notes: string[] }}
 */
export function buildAll() {
  mkdirSync(output, { recursive: true });
  const notes = [];
  const compiler = firstOnPath(['gcc', 'clang', 'cc']);
  if (compiler === null) throw new Error('no C compiler for the producer; install it: apt-get install gcc');
  const producer = compileC(compiler, 'producer', 'producer/producer.c', []);
  return {
    producer,
    libbpf: buildLibbpf(compiler, notes),
    libbpfRingBuffer: buildLibbpf(compiler, [], 'ring-buffer', 'peers/libbpf/ring_buffer.c'),
    cilium: buildCilium(notes),
    perfring: buildOurs(notes),
    notes,
  };
}

function buildLibbpf(compiler, notes, name = 'reader', source = 'peers/libbpf/reader.c') {
  const probe = spawnSync(compiler, ['-E', '-'], { input: '#include <bpf/libbpf.h>\n', stdio: 'pipe' });
  if (probe.status !== 0) {
    notes.push('no libbpf rows: bpf/libbpf.h is missing; install it: apt-get install libbpf-dev');
    return null;
  }
  return compileC(compiler, `libbpf-${name}`, source, ['-lbpf', '-lpthread']);
}

function buildCilium(notes) {
  const missing = [];
  if (firstOnPath(['go']) === null) missing.push('golang');
  if (!existsSync(join(GO_PACKAGES, 'src/github.com/cilium/ebpf/perf'))) {
    missing.push('golang-github-cilium-ebpf-dev');
  }
  if (missing.length > 0) {
    notes.push(`no cilium/ebpf rows; install: apt-get install ${missing.join(' ')}`);
    return null;
  }
  const binary = join(output, 'cilium-reader');
  execFileSync('go', ['build', '-o', binary, '.'], {
    cwd: join(bench, 'peers/cilium'),
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      GO111MODULE: 'off',
      GOFLAGS: '',
      GOPATH: GO_PACKAGES,
      GOCACHE: join(output, 'go-cache'),
    },
  });
  return binary;
}

/** Ours: always compiled anew from lib, so that no stale dist is measured; the addon only where there is none. */
function buildOurs(notes) {
  const steps = existsSync(join(project, 'build/Release')) ? ['build:ts'] : ['build:addon', 'build:ts'];
  for (const step of steps) {
    const result = spawnSync('npm', ['run', '--silent', step], { cwd: project, encoding: 'utf8' });
    if (result.status === 0) continue;
    notes.push(`no rows of ours: npm run ${step} failed:\n${result.stdout}${result.stderr}`);
    return false;
  }
  return true;
}

function compileC(compiler, name, source, libraries) {
  const binary = join(output, name);
  const flags = ['-O2', '-Wall', '-Wextra', '-std=gnu17', '-o', binary, join(bench, source), ...libraries];
  execFileSync(compiler, flags, { stdio: ['ignore', 'inherit', 'inherit'] });
  return binary;
}

function firstOnPath(names) {
  const folders = (process.env.PATH ?? '').split(':');
  return names.find((name) => folders.some((folder) => existsSync(join(folder, name)))) ?? null;
}
