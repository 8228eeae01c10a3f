import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, type Format } from 'esbuild';
import { ROOT } from './installation';

const APPLICATION = `
  import { diagnose } from 'perfring';
  console.log(diagnose().checks.find(({ name }) => name === 'addon'));`;

/** What people add so that bundled CommonJS finds its \`require\` in an ES module. */
const WITH_REQUIRE =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

describe('an application that esbuild bundles', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'perfring-bundled-'));
    mkdirSync(join(directory, 'node_modules'));
    symlinkSync(ROOT, join(directory, 'node_modules', 'perfring'));
    writeFileSync(join(directory, 'application.mjs'), APPLICATION);
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  async function bundleAndRun(format: Format, options: { external?: string[]; banner?: string } = {}) {
    const outfile = join(directory, 'out', 'deep', `bundle.${format === 'esm' ? 'mjs' : 'cjs'}`);
    await build({
      absWorkingDir: directory,
      entryPoints: ['application.mjs'],
      outfile,
      bundle: true,
      platform: 'node',
      format,
      external: options.external ?? [],
      banner: { js: options.banner ?? '' },
      logLevel: 'error',
    });
    const { status, stdout, stderr } = spawnSync(process.execPath, [outfile], { encoding: 'utf8' });
    return { status, output: stdout + stderr, outfile };
  }

  it.each<Format>(['cjs', 'esm'])('works as %s with the package external', async (format) => {
    const { status, output } = await bundleAndRun(format, { external: ['perfring'] });
    expect(output).toContain("value: 'loaded'");
    expect(status).toBe(0);
  });

  it('as CommonJS gets an error that says to make the package external', async () => {
    const { output, outfile } = await bundleAndRun('cjs');
    expect(output).toContain(`cannot load the native addon: perfring was bundled into ${outfile}`);
    expect(output).toMatch(/fix: 'mark perfring as external in the bundler \(esbuild: --external:perfring\)/);
    expect(output).not.toContain('npm run build:addon');
  });

  it.each(['', WITH_REQUIRE])(
    'as an ES module with the package inside is told the same: "%s"',
    async (banner) => {
      const { status, output } = await bundleAndRun('esm', { banner });
      expect(output).toContain('perfring was bundled into an ES module');
      expect(output).toContain('mark perfring as external in the bundler (esbuild: --external:perfring)');
      expect(output).toContain("code: 'ERR_PERF_ADDON_MISSING'");
      expect(status).toBe(1);
    },
  );

  it('loads no addon from a place where the package would have it', async () => {
    for (const place of ['build/Release', `prebuilds/linux-${process.arch}`]) {
      cpSync(join(ROOT, 'build/Release/perfring.node'), join(directory, place, 'perfring.node'));
    }
    const { output } = await bundleAndRun('cjs');
    expect(output).toContain('cannot load the native addon: perfring was bundled into');
  });
});
