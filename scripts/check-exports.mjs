/**
 * Finds exports that no other file imports: `node scripts/check-exports.mjs`. It looks at the TypeScript of lib, test,
 * bench and examples. What the modules that users import export is the public surface, and counts as used. So does a
 * type that its own file uses: it belongs to the signature of something else.
 *
 * It reads imports and exports by their text: TypeScript 7 has no API for tools, and biome formats these lines alike.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from './shared/programs.mjs';
import { runScript, ScriptError } from './shared/script.mjs';

const FOLDERS = ['lib', 'test', 'bench', 'examples'];
/** The modules that users import -> their files. */
const ENTRIES = new Map([
  ['perfring', 'lib/index.ts'],
  ['perfring/perf-data', 'lib/perf-data/index.ts'],
  ['perfring/testing', 'lib/testing/index.ts'],
]);

const isEntry = (file) => [...ENTRIES.values()].includes(file);

const DECLARED =
  /^export (?:declare )?(?:abstract )?(?:async )?(const enum|const|let|function\*?|class|interface|type|enum) (\w+)/gm;
/** `import { a, type b as c } from './file'`, and the same with `export`. */
const NAMED = /^(?:import|export)(?: type)?[^'"{;]*\{([^}]*)\}\s*from '([^']+)'/gm;
/** The module as a whole. */
const WHOLE = /(?:^(?:import|export) (?:type )?\*[^'";]*from |\bimport\(|\brequire\()\s*'([^']+)'/gm;

function filesUnder(folder) {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
    .map((name) => join(folder, name));
}

/** Without comments, in which examples import too. */
function codeOf(file) {
  return readFileSync(join(ROOT, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
}

await runScript('check-exports', () => {
  const files = FOLDERS.flatMap(filesUnder);
  const known = new Set(files);
  const used = new Set();
  const usedWhole = new Set();
  const declared = [];
  for (const file of files) {
    const code = codeOf(file);
    const target = (path) => {
      if (ENTRIES.has(path)) return ENTRIES.get(path);
      const base = join(dirname(file), path);
      return [`${base}.ts`, join(base, 'index.ts'), base].find((one) => known.has(one));
    };
    for (const [, kind, name] of code.matchAll(DECLARED)) {
      const isType = kind === 'interface' || kind === 'type';
      if (isType && code.match(new RegExp(`\\b${name}\\b`, 'g')).length > 1) continue;
      declared.push({ file, name });
    }
    for (const [, list, path] of code.matchAll(NAMED)) {
      for (const item of list.split(',')) {
        const name = item
          .trim()
          .replace(/^type /, '')
          .split(' ', 1)[0];
        used.add(`${target(path)} ${name}`);
      }
    }
    for (const [, path] of code.matchAll(WHOLE)) usedWhole.add(target(path));
  }
  const unused = declared.filter(
    ({ file, name }) => !isEntry(file) && !usedWhole.has(file) && !used.has(`${file} ${name}`),
  );
  if (unused.length > 0) {
    const list = unused.map(({ file, name }) => `${file}: ${name}`).join('\n');
    throw new ScriptError(`${unused.length} exports that no other file imports`, list);
  }
  console.log(`check-exports: all ${declared.length} exports are used`);
});
