import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWithPrograms } from '../../support/programs';
import { ROOT } from './installation';

/** What a build reads, sources apart. */
const BUILD_FILES = ['CMakeLists.txt', 'binding.gyp', 'package.json', 'scripts', 'native'];

/** Every source names the checkout that it belongs to, as a compiler error: a build shows which ones it compiled. */
function writeSources(checkout: string, name: string): void {
  const native = join(checkout, 'native');
  for (const file of readdirSync(native, { recursive: true, encoding: 'utf8' })) {
    if (file.endsWith('.cc')) writeFileSync(join(native, file), `#error compiled in the ${name}\n`);
  }
}

function build(checkout: string, tool: string): string {
  const { stderr } = spawnSync(process.execPath, ['scripts/build-addon.mjs', `--${tool}`], {
    cwd: checkout,
    encoding: 'utf8',
  });
  return stderr;
}

describeWithPrograms('FOR_BUILDING', 'a checkout that is built', () => {
  describe.each(['cmake', 'gyp'])('by %s', (tool) => {
    let directory = '';
    let original = '';
    beforeEach(() => {
      directory = mkdtempSync(join(tmpdir(), 'perfring-checkouts-'));
      original = join(directory, 'original');
      for (const file of BUILD_FILES) cpSync(join(ROOT, file), join(original, file), { recursive: true });
      symlinkSync(join(ROOT, 'node_modules'), join(original, 'node_modules'));
      writeSources(original, 'original');
      expect(build(original, tool)).toContain('compiled in the original');
    });
    afterEach(() => rmSync(directory, { recursive: true }));

    it.each<['copied' | 'moved', string]>([
      ['copied', 'copy'],
      ['moved', 'place with a space'],
    ])('compiles its own sources where it is %s', (how, name) => {
      const other = join(directory, name);
      if (how === 'moved') renameSync(original, other);
      else cpSync(original, other, { recursive: true, verbatimSymlinks: true });
      writeSources(other, 'other');
      const output = build(other, tool);
      expect(output).toContain('compiled in the other');
      expect(output).not.toContain('compiled in the original');
    });
  });
});
