/**
 * Runs test/kernels in small machines with Debian's kernels, as root or not: `node scripts/test-kernels.mjs [NAME…]`,
 * by default all of them. The machines are emulated and not virtualised, because many hosts can't virtualise. They have
 * two CPUs, no disk and no network. They run the dist and the addon of this checkout.
 *
 * Kernels, and the arm64 system's libraries, are downloaded by apt-get from the Debian release of this machine, and
 * arm64's Node by npm; they stay in the system's folder for temporary files. Needs FOR_KERNELS of shared/programs.mjs,
 * and g++-aarch64-linux-gnu.
 */

import { spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buildAddon } from './build-addon.mjs';
import { setup } from './setup.mjs';
import { NODE_VERSIONS } from './shared/node-versions.mjs';
import { FOR_KERNELS, missingPrograms, ROOT } from './shared/programs.mjs';
import { run, runScript, ScriptError } from './shared/script.mjs';

const ARCHITECTURES = {
  amd64: {
    qemu: ['qemu-system-x86_64', '-cpu', 'max'],
    console: 'ttyS0',
    triple: 'x86_64-linux-gnu',
    node: 'x64',
    variant: 'release',
  },
  arm64: {
    qemu: ['qemu-system-aarch64', '-M', 'virt', '-cpu', 'max'],
    console: 'ttyAMA0',
    triple: 'aarch64-linux-gnu',
    node: 'arm64',
    variant: 'arm64',
  },
};

const MACHINES = {
  '6.1-amd64': { kernel: '6.1', architecture: 'amd64' },
  '6.12-amd64': { kernel: '6.12', architecture: 'amd64' },
  '6.12-arm64': { kernel: '6.12', architecture: 'arm64' },
};

/** The libraries that Node and the addon load. */
const LIBRARIES = ['libc6', 'libstdc++6', 'libgcc-s1'];

/** The time limit of a machine. On a host without other load it needs a tenth of it. */
const LONGEST_SECONDS = 600;

const BEGIN = 'perfring-checks-begin';
const END = 'perfring-checks-end';

/** The first process of the machine (init): mounts the file systems, runs the checks and switches the machine off. */
const INIT = `#!/bin/sh
export PATH=/usr/local/bin:/bin HOME=/root TERM=dumb
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mount -t tmpfs tmp /tmp
mount -t tracefs tracefs /sys/kernel/tracing; mount -t bpf bpf /sys/fs/bpf
mkdir -p /dev/shm; ifconfig lo 127.0.0.1 up; cd /project
echo ${BEGIN}; node test/kernels/main.mjs; echo "${END} $?"
poweroff -f
`;

/** Debian's packages of one architecture, unpacked below the folder for temporary files. */
class Packages {
  #directory;
  #options;
  #updated = false;

  constructor(architecture) {
    this.#directory = join(ownCache(), architecture);
    for (const name of ['lists/partial', 'cache/archives/partial']) {
      mkdirSync(join(this.#directory, name), { recursive: true });
    }
    this.#options = [
      `-oAPT::Architecture=${architecture}`,
      `-oAPT::Architectures=${architecture}`,
      `-oDir::State::Lists=${join(this.#directory, 'lists')}`,
      `-oDir::Cache=${join(this.#directory, 'cache')}`,
      '-oAPT::Sandbox::User=root',
    ];
  }

  /** @returns the folder of the package's files, downloaded if it isn't there */
  unpacked(name) {
    const files = join(this.#directory, name);
    if (existsSync(files)) return files;
    this.#update();
    console.error(`test-kernels: downloading ${name}`);
    const part = mkdtempSync(join(this.#directory, 'part-'));
    run('apt-get', [...this.#options, 'download', name], `cannot download ${name}`, { cwd: part });
    const [archive] = readdirSync(part);
    run('dpkg-deb', ['-x', join(part, archive), join(part, 'files')]);
    renameSync(join(part, 'files'), files);
    rmSync(part, { recursive: true });
    return files;
  }

  /** The newest kernel of a version, of those unpacked if there is one: `linux-image-6.1.0-50-cloud-amd64`. */
  kernel(version, architecture) {
    const pattern = `^linux-image-${version.replaceAll('.', '\\.')}\\..*-cloud-${architecture}$`;
    const newest = (names) =>
      names
        .filter((name) => new RegExp(pattern).test(name))
        .sort((one, other) => one.localeCompare(other, 'en', { numeric: true }))
        .at(-1);
    const unpacked = newest(readdirSync(this.#directory));
    if (unpacked !== undefined) return unpacked;
    this.#update();
    const found = run('apt-cache', [...this.#options, 'search', '--names-only', pattern], 'apt-cache failed');
    const name = newest(found.split('\n').map((line) => line.split(' ', 1)[0]));
    if (name === undefined) {
      throw new ScriptError(`apt-get knows no package of Linux ${version} for ${architecture}`, found);
    }
    return name;
  }

  #update() {
    if (this.#updated) return;
    run('apt-get', [...this.#options, 'update'], 'apt-get update failed');
    this.#updated = true;
  }
}

/**
 * A directory that only this user can write to, so that no other user can change the downloaded files before they run.
 */
function ownCache() {
  const directory = join(tmpdir(), `perfring-kernels-${process.getuid()}`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { uid, mode } = lstatSync(directory);
  if (!lstatSync(directory).isDirectory() || uid !== process.getuid() || (mode & 0o022) !== 0) {
    throw new ScriptError(`${directory} is not a folder that this user alone can write to: remove it`);
  }
  return directory;
}

/** Fills a folder with the files of a machine. */
function layOut(root, architecture) {
  const { node, variant, triple } = ARCHITECTURES[architecture];
  const packages = new Packages(architecture);
  const folders = ['bin', 'proc', 'sys', 'dev', 'tmp', 'etc', 'root', 'run', 'usr/local/bin', 'project'];
  for (const folder of folders) mkdirSync(join(root, folder), { recursive: true });
  if (node === process.arch) {
    copyWithLibraries(root, process.execPath, 'usr/local/bin/node');
    copyWithLibraries(root, programPath('busybox'), 'bin/busybox');
  } else {
    for (const name of LIBRARIES) {
      for (const folder of ['lib', 'usr/lib']) {
        const from = join(packages.unpacked(name), folder, triple);
        if (existsSync(from)) cpSync(from, join(root, folder, triple), COPY);
      }
    }
    symlinkSync(`${triple}/ld-linux-aarch64.so.1`, join(root, 'lib', 'ld-linux-aarch64.so.1'));
    copyFileSync(nodeFor(node), join(root, 'usr/local/bin/node'));
    copyFileSync(join(packages.unpacked('busybox-static'), 'bin/busybox'), join(root, 'bin/busybox'));
  }
  for (const name of run('busybox', ['--list']).trim().split('\n')) {
    if (name !== 'busybox') symlinkSync('busybox', join(root, 'bin', name));
  }
  for (const name of [
    'dist',
    'package.json',
    'test/kernels',
    'node_modules/bindings',
    'node_modules/file-uri-to-path',
  ]) {
    cpSync(join(ROOT, name), join(root, 'project', name), COPY);
  }
  const release = join(root, 'project/build/Release');
  mkdirSync(release, { recursive: true });
  copyFileSync(buildAddon({ variant }), join(release, 'perfring.node'));
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\n');
  writeFileSync(join(root, 'init'), INIT);
  chmodSync(join(root, 'init'), 0o755);
  return packages;
}

const COPY = { recursive: true, verbatimSymlinks: true };

function programPath(name) {
  return realpathSync(run('sh', ['-c', `command -v ${name}`]).trim());
}

/** A program of this host and every library that ldd lists, under the same paths as here. */
function copyWithLibraries(root, program, place) {
  copyFileSync(program, join(root, place));
  chmodSync(join(root, place), 0o755);
  // ldd fails for a program without libraries.
  const listed = run('sh', ['-c', 'ldd "$1" || true', 'sh', program]);
  for (const [library] of listed.matchAll(/(?<=^\s+|=> )\/\S+/gm)) {
    mkdirSync(join(root, dirname(library)), { recursive: true });
    copyFileSync(library, join(root, library));
  }
}

/** The binary of Node for another architecture. */
function nodeFor(architecture) {
  const name = `node-linux-${architecture}@${NODE_VERSIONS[22]}`;
  const directory = join(ownCache(), name);
  if (!existsSync(directory)) {
    console.error(`test-kernels: downloading ${name}`);
    const part = mkdtempSync(join(ownCache(), 'part-'));
    const tarball = run('npm', ['pack', '--silent', name], `npm has no ${name}`, { cwd: part }).trim();
    run('tar', ['-xzf', tarball], undefined, { cwd: part });
    renameSync(join(part, 'package'), directory);
    rmSync(part, { recursive: true });
  }
  return join(directory, 'bin/node');
}

/** @returns what the machine wrote to its console */
async function boot(root, kernel, architecture) {
  const { qemu, console: terminal } = ARCHITECTURES[architecture];
  const initrd = `${root}.cpio`;
  const out = openSync(initrd, 'w');
  run('sh', ['-c', 'find . | cpio -o -H newc --quiet'], 'cpio failed', {
    cwd: root,
    stdio: ['ignore', out, 'pipe'],
  });
  const append = `console=${terminal} quiet panic=-1 loglevel=1`;
  const [program, ...args] = [
    ...qemu,
    ...['-accel', 'tcg,thread=multi', '-smp', '2', '-m', '2048'],
    ...['-kernel', kernel, '-initrd', initrd, '-append', append],
    ...['-display', 'none', '-serial', 'stdio', '-monitor', 'none', '-nic', 'none', '-no-reboot'],
  ];
  const machine = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const tooLong = setTimeout(() => machine.kill('SIGKILL'), LONGEST_SECONDS * 1000);
  let output = '';
  for (const stream of [machine.stdout, machine.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  await new Promise((resolve) => machine.on('close', resolve));
  clearTimeout(tooLong);
  rmSync(initrd);
  return output.replaceAll('\r', '');
}

/** @returns {Promise<boolean>} whether every check passed there */
async function test(name) {
  const { kernel, architecture } = MACHINES[name];
  const begin = performance.now();
  const root = mkdtempSync(join(tmpdir(), 'perfring-machine-'));
  let output;
  try {
    const packages = layOut(root, architecture);
    const boots = join(packages.unpacked(packages.kernel(kernel, architecture)), 'boot');
    const image = readdirSync(boots).find((file) => file.startsWith('vmlinuz-'));
    output = await boot(root, join(boots, image), architecture);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  const [, said, status] = new RegExp(`${BEGIN}\n([^]*)${END} (\\d+)`).exec(output) ?? [];
  const seconds = ((performance.now() - begin) / 1000).toFixed(0);
  const counts = /^(\d+ passed, \d+ failed, \d+ skipped)$/m.exec(said ?? '')?.[1];
  if (status !== '0') process.stderr.write(said ?? output);
  console.log(`Linux ${name}: ${counts ?? '0 passed, 1 failed, 0 skipped'} (${seconds} s)`);
  return status === '0' && counts !== undefined;
}

await runScript('test-kernels', async (names) => {
  const unknown = names.filter((name) => !(name in MACHINES));
  if (unknown.length > 0) {
    throw new ScriptError(`no machine named ${unknown}; there are ${Object.keys(MACHINES).join(', ')}`);
  }
  const missing = missingPrograms(FOR_KERNELS);
  if (missing !== undefined) throw new ScriptError(missing);
  setup();
  let passed = true;
  for (const name of names.length > 0 ? names : Object.keys(MACHINES)) passed = (await test(name)) && passed;
  process.exitCode = passed ? 0 : 1;
});
