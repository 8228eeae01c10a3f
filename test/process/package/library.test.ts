import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './installation';

const MAIN = join(ROOT, 'dist/bundle/perfring.js');

/** Runs a program in a new process, with the library as `perfring`. Returns what it prints as JSON. */
function printed(program: string, args: readonly string[] = []): unknown {
  const code = `const perfring = require(${JSON.stringify(MAIN)}); console.log(JSON.stringify((() => { ${program} })()));`;
  return JSON.parse(execFileSync(process.execPath, [...args, '-e', code], { encoding: 'utf8' }));
}

describe('the library, which is one file', () => {
  it('is what the package exports', () => {
    const { main, exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    expect([main, exports['.'].default].map((path) => join(ROOT, path))).toEqual([MAIN, MAIN]);
  });

  it('exports the same names as its modules', () => {
    const modules = JSON.stringify(join(ROOT, 'dist/index.js'));
    const [bundled, separate] = printed(
      `return [perfring, require(${modules})].map((exported) => Object.keys(exported).sort());`,
    ) as string[][];
    expect(bundled).toEqual(separate);
  });

  it('leaves functions and classes their names', () => {
    const renamed = printed(`return Object.entries(perfring)
      .filter(([name, value]) => typeof value === 'function' && value.name !== name)
      .map(([name]) => name);`);
    expect(renamed).toEqual([]);
  });

  it('loads no other file, no addon and no stream when it is loaded', () => {
    // `node -e` itself loads no file, and has no streams yet.
    const loaded = printed(`return {
      files: Object.keys(require.cache),
      addon: process.report.getReport().sharedObjects.filter((path) => path.endsWith('perfring.node')),
      stream: process.moduleLoadList.includes('NativeModule stream'),
    };`);
    expect(loaded).toEqual({ files: [MAIN], addon: [], stream: false });
  });

  it('opens no file but its own when it is loaded', () => {
    const opened = printed(`
      const fs = require('node:fs');
      const paths = [];
      for (const name of ['openSync', 'readFileSync', 'readlinkSync', 'statSync', 'readdirSync']) {
        const original = fs[name];
        fs[name] = (path, ...rest) => { paths.push(String(path)); return original(path, ...rest); };
      }
      delete require.cache[${JSON.stringify(MAIN)}];
      require(${JSON.stringify(MAIN)});
      return paths.filter((path) => path !== ${JSON.stringify(MAIN)});`);
    expect(opened).toEqual([]);
  });

  it('has a source map, with which stacks name the sources', () => {
    const program = 'try { perfring.defineLayout(7); } catch (error) { return error.stack.split("\\n"); }';
    const stack = printed(program, ['--enable-source-maps']) as string[];
    const source = stack.find((line) => line.includes('defineLayout'))?.match(/\((.*):(\d+):\d+\)/);
    expect(source?.[1]).toBe(join(ROOT, 'lib/layout/sample-layout.ts'));
    const lines = readFileSync(join(ROOT, 'lib/layout/sample-layout.ts'), 'utf8').split('\n');
    expect(Number(source?.[2])).toBeLessThanOrEqual(lines.length);
    expect(stack.join('\n')).not.toContain('bundle/perfring.js');
  });

  it('names its functions in stacks without the map', () => {
    const stack = printed(
      'try { perfring.defineLayout(7); } catch (error) { return error.stack; }',
    ) as string;
    expect(stack).toMatch(/at (Object\.)?defineLayout \(.*dist\/bundle\/perfring\.js:\d+:\d+\)/);
  });

  it('can be imported by an ES module under its names', () => {
    const program = `import { PerfMapReader, decoderFor } from 'perfring'; console.log(PerfMapReader.name, decoderFor.name);`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    expect({ stdout, stderr }).toEqual({ stdout: 'PerfMapReader decoderFor\n', stderr: '' });
  });
});
