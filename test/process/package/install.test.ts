import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeWith, READER_CAPABILITIES } from '../../support/privilege';
import { ADDON_CHECK, Installation, type Outcome, ROOT } from './installation';
import { describePacked } from './packing';

describePacked('the package, installed offline without a compiler as an ordinary user', () => {
  let installation: Installation;
  let installed: Outcome;
  beforeAll(() => {
    installation = new Installation();
    installed = installation.install();
    compileExamples(installation);
  });
  afterAll(() => installation.remove());

  it('is installed without running a script', () => {
    expect({ code: installed.code, stderr: installed.stderr }).toEqual({ code: 0, stderr: '' });
    const lock = readFileSync(join(installation.project, 'node_modules', '.package-lock.json'), 'utf8');
    expect(lock).toContain('"node_modules/perfring"');
    expect(lock).not.toContain('hasInstallScript');
    expect(existsSync(join(installation.package, 'build'))).toBe(false);
  });

  it('loads its addon', () => {
    expect(installation.run('node', ['-e', ADDON_CHECK])).toEqual({
      code: 0,
      stdout: 'loaded\n',
      stderr: '',
    });
  });

  it.each([
    ['import', 'mjs'],
    ['require', 'cjs'],
  ])('reads a memory ring by %s, from TypeScript', (_, extension) => {
    expect(installation.run('node', [`compiled/memory-ring.${extension}`])).toEqual({
      code: 0,
      stdout: 'one acquire one release a batch\n',
      stderr: '',
    });
  });

  it('has the same exports by import and by require', () => {
    const program = `import * as imported from 'perfring'; import { createRequire } from 'node:module';
      const required = createRequire(import.meta.url)('perfring');
      const names = Object.keys(required);
      console.log(names.length > 0, names.filter((name) => imported[name] !== required[name]));`;
    const { stdout } = installation.run('node', [installation.write('names.mjs', program)]);
    expect(stdout).toBe('true []\n');
  });

  it('reads and writes perf.data by its second module, with the same error classes', () => {
    const program = `import { PerfRingError } from 'perfring'; import { PerfDataReader } from 'perfring/perf-data';
      try { PerfDataReader.fromBytes(new Uint8Array(8)); } catch (error) {
        console.log(error.code, error instanceof PerfRingError); }`;
    const { stdout, stderr } = installation.run('node', [installation.write('perf-data.mjs', program)]);
    expect({ stdout, stderr }).toEqual({ stdout: 'ERR_PERF_DATA_DAMAGED true\n', stderr: '' });
  });

  it('helps to test by its third module, with the same classes', () => {
    const program = `import { RingBufferMap } from 'perfring'; import { collectEvents, missingPrivilege } from 'perfring/testing';
      const { prototype } = RingBufferMap;
      collectEvents({ from: Object.create(prototype), layout: { fields: [] }, count: 1, run() {} }).catch((error) =>
        console.log(error.code, typeof missingPrivilege()));`;
    const { stdout, stderr } = installation.run('node', [installation.write('testing.mjs', program)]);
    expect({ stdout, stderr }).toEqual({ stdout: 'ERR_PERF_INVALID_ARGUMENT string\n', stderr: '' });
  });

  it('installs its command', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    expect(installation.run('node_modules/.bin/perfring', ['--version'])).toEqual({
      code: 0,
      stdout: `${version}\n`,
      stderr: '',
    });
  });

  describeWith(READER_CAPABILITIES, 'where it may', () => {
    it.each([
      ['import', 'mjs'],
      ['require', 'cjs'],
    ])('reads real samples by %s, from TypeScript', (_, extension) => {
      const program = `compiled/read-samples.${extension}`;
      const { stdout, stderr, code } = installation.run('node', [program], { privileged: true });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/comm: '/);
      expect(stdout).toMatch(/^[1-9]\d* samples received, \d+ lost$/m);
    });

    it('collects real samples by its command', () => {
      const args = ['collect', '--count', '10', '--format', 'ndjson', '--quiet'];
      const { stdout, stderr, code } = installation.run('node_modules/.bin/perfring', args, {
        privileged: true,
      });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const samples = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as object);
      expect(samples).toHaveLength(10);
      for (const sample of samples)
        expect(sample).toMatchObject({ type: 'sample', comm: expect.any(String) });
    });
  });
});

/** The examples as a user's programs, as an ES module and as CommonJS; the package's declarations are checked too. */
function compileExamples({ project }: Installation): void {
  const source = join(project, 'source');
  mkdirSync(source);
  for (const name of ['memory-ring', 'read-samples']) {
    for (const extension of ['mts', 'cts']) {
      copyFileSync(join(ROOT, 'examples', `${name}.ts`), join(source, `${name}.${extension}`));
    }
  }
  const options = ['--module', 'nodenext', '--target', 'es2022', '--strict', '--skipLibCheck', 'false'];
  const types = ['--typeRoots', join(ROOT, 'node_modules', '@types'), '--types', 'node'];
  const directories = ['--rootDir', source, '--outDir', join(project, 'compiled')];
  const files = ['memory-ring.mts', 'memory-ring.cts', 'read-samples.mts', 'read-samples.cts'];
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  execFileSync(
    process.execPath,
    [tsc, ...options, ...types, ...directories, ...files.map((file) => join(source, file))],
    { cwd: project, encoding: 'utf8' },
  );
}
