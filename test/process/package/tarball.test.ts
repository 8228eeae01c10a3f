import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Installation, ROOT } from './installation';
import { describePacked } from './packing';

describePacked('the tarball', () => {
  let installation: Installation;
  beforeAll(() => {
    installation = new Installation();
  });
  afterAll(() => installation.remove());

  const packed = (): string[] =>
    execFileSync('tar', ['-tzf', installation.tarball], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map((path) => path.replace('package/', ''));
  const contentOf = (path: string): Buffer =>
    execFileSync('tar', ['-xzOf', installation.tarball, `package/${path}`], { maxBuffer: 2 ** 24 });
  const directoriesIn = (folder: string): string[] =>
    [
      ...new Set(
        packed()
          .filter((path) => path.startsWith(`${folder}/`))
          .map((path) => path.slice(folder.length + 1).split('/')[0] as string),
      ),
    ].sort();
  const command = (): string => contentOf('dist/bin/perfring.js').toString();

  it('contains only what is needed to run, build and read about it', () => {
    const own = packed().filter((path) => !/^(node_modules|prebuilds\/include)\//.test(path));
    expect(own.sort()).toEqual(
      [
        ...['LICENSE', 'README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'package.json'],
        ...[...filesUnder('docs'), ...filesUnder('examples')],
        ...filesUnder('lib').flatMap(declarations),
        ...['dist/bin/perfring.js', 'dist/bin/LICENSES.txt'],
        ...['dist/bundle/perfring.js', 'dist/bundle/perfring.js.map'],
        ...['dist/bundle/perf-data.js', 'dist/bundle/perf-data.js.map'],
        ...['dist/bundle/testing.js', 'dist/bundle/testing.js.map'],
        ...['dist/bundle/register.js', 'dist/bundle/register.js.map'],
        ...['dist/bundle/register-hooks.js', 'dist/bundle/register-hooks.js.map', 'dist/man/perfring.1'],
        ...['prebuilds/linux-arm64/perfring.node', 'prebuilds/linux-x64/perfring.node'],
        ...['CMakeLists.txt', 'scripts/build-addon.mjs', ...filesUnder('native')],
        ...['scripts/shared/programs.mjs', 'scripts/shared/script.mjs'],
      ].sort(),
    );
  });

  it('contains its run-time dependencies, so npm downloads nothing', () => {
    const manifest = JSON.parse(contentOf('package.json').toString()) as Record<string, unknown>;
    expect(manifest['dependencies']).toEqual({ bindings: expect.any(String) });
    expect(manifest['bundleDependencies']).toEqual(['bindings']);
    expect(directoriesIn('node_modules')).toEqual(['bindings', 'file-uri-to-path']);
  });

  it("brings the headers for a build, which are nobody's dependency at run time, with their licences", () => {
    expect(directoriesIn('prebuilds/include')).toEqual(['node-addon-api', 'node-api-headers']);
    expect(packed()).toEqual(
      expect.arrayContaining([
        'prebuilds/include/node-addon-api/napi.h',
        'prebuilds/include/node-addon-api/LICENSE.md',
        'prebuilds/include/node-api-headers/include/node_api.h',
        'prebuilds/include/node-api-headers/LICENSE',
      ]),
    );
  });

  it('says that its binaries need Linux and glibc', () => {
    const { os, libc } = JSON.parse(contentOf('package.json').toString()) as Record<string, unknown>;
    expect({ os, libc }).toEqual({ os: ['linux'], libc: ['glibc'] });
  });

  it('has every file that its texts link to', () => {
    const files = packed();
    const texts = files.filter((path) => path.endsWith('.md') && !/^(node_modules|prebuilds)\//.test(path));
    const broken = texts.flatMap((text) =>
      linksIn(contentOf(text).toString())
        .map((link) => join(dirname(text), link))
        .filter((target) => !files.some((file) => file === target || file.startsWith(`${target}/`)))
        .map((target) => `${text} -> ${target}`),
    );
    expect(texts).toContain('README.md');
    expect(broken).toEqual([]);
  });

  it.each([
    ['x64', 62],
    ['arm64', 183],
  ])('holds an addon for %s', (architecture, machine) => {
    const elf = contentOf(`prebuilds/linux-${architecture}/perfring.node`);
    expect(elf.toString('latin1', 0, 4)).toBe('\x7fELF');
    expect(elf.readUInt16LE(18)).toBe(machine);
    expect(elf.includes('napi_register_module_v1')).toBe(true);
    // Where it was built is nobody's business.
    expect(elf.includes(ROOT)).toBe(false);
  });

  it('contains the library as one file, with the same names in every build', () => {
    const library = contentOf('dist/bundle/perfring.js').toString();
    const labels = [...library.matchAll(/^\/\/ (lib\/\S+\.ts)$/gm)].map(([, label]) => label);
    expect(labels).toEqual(expect.arrayContaining(['lib/errors.ts', 'lib/index.ts']));
    expect(library).not.toContain(ROOT);
    const { sources } = JSON.parse(contentOf('dist/bundle/perfring.js.map').toString()) as {
      sources: string[];
    };
    expect(sources.filter((source) => !source.startsWith('../../lib/'))).toEqual([]);
  });

  it('contains the command as one file, with the same names in every build', () => {
    const labels = labelsIn(command());
    expect(labels.length).toBeGreaterThan(filesUnder('lib/cli').length);
    expect(labels.filter((label) => !/^(dist|node_modules)\//.test(label))).toEqual([]);
    expect(command()).not.toContain(ROOT);
  });

  it('contains the licence of every bundled package', () => {
    const packages = labelsIn(command()).flatMap(
      (label) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(label) ?? [],
    );
    expect(packages).toEqual(expect.arrayContaining(['node_modules/commander', 'node_modules/cli-table3']));
    const licenses = contentOf('dist/bin/LICENSES.txt').toString();
    expect(packages.filter((directory) => !licenses.includes(licenseOf(directory)))).toEqual([]);
  });

  it('gives no package manager anything to run when it is installed', () => {
    const { scripts } = JSON.parse(contentOf('package.json').toString()) as {
      scripts: Record<string, string>;
    };
    expect(Object.keys(scripts).filter((name) => /^(pre|post)?(install|prepare)$/.test(name))).toEqual([]);
    // Those that find it run node-gyp by themselves (yarn), or ask for leave to (pnpm): "gypfile" is npm's alone.
    expect(packed()).not.toContain('binding.gyp');
  });

  it('passes publint', () => {
    expect(checkedBy('publint', ['run', '--strict', installation.tarball])).toContain('All good!');
  });

  it('passes @arethetypeswrong/cli', () => {
    expect(checkedBy('attw', [installation.tarball])).toContain('No problems found');
  });
});

function filesUnder(directory: string): string[] {
  return readdirSync(join(ROOT, directory), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.\w+$/.test(path))
    .map((path) => join(directory, path));
}

/** Targets of links to other files: neither to a place in the same text nor to another site. */
function linksIn(markdown: string): string[] {
  return [...markdown.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
    .map(([, target]) => target as string)
    .filter((target) => !/^\w+:/.test(target));
}

/** The types of a module. Its code is in the bundles. Nobody imports the types of the command. */
function declarations(source: string): string[] {
  const path = source.replace(/^lib/, 'dist').replace(/\.ts$/, '');
  return path.startsWith('dist/cli/') ? [] : [`${path}.d.ts`];
}

/** esbuild labels each file in a bundle with its path. */
function labelsIn(bundle: string): string[] {
  return [...bundle.matchAll(/^\/\/ (\S+\.js)$/gm)].map(([, label]) => label as string);
}

function licenseOf(directory: string): string {
  const file = readdirSync(join(ROOT, directory)).find((name) => /^licen[cs]e/i.test(name)) as string;
  return readFileSync(join(ROOT, directory, file), 'utf8').trim();
}

/** Runs a command of a package that is installed here. */
function checkedBy(command: string, args: readonly string[]): string {
  const main = join(ROOT, 'node_modules', '.bin', command);
  const { stdout, stderr, status } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command}: ${stdout}${stderr}`);
  return stdout;
}
