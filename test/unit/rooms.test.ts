import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';

const LIB = join(__dirname, '../../lib');

/** What any room may import: errors, and the functions that check and show arguments. */
const BASE: readonly string[] = ['errors', 'input'];

/** The other rooms that a room may import. Each file directly in lib is a room. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  input: [],
  abi: [],
  addon: ['errors'],
  records: ['abi'],
  host: ['abi'],
  ring: ['records', 'abi', 'addon'],
  'bpf-ring': ['ring', 'records', 'addon', 'abi'],
  'perf-data': ['records', 'host', 'abi'],
  layout: ['records'],
  query: ['layout', 'ring', 'records', 'addon', 'abi'],
  btf: ['layout', 'abi'],
  events: ['addon', 'host', 'abi'],
  storage: ['events', 'ring', 'records', 'addon', 'host', 'abi'],
  merge: ['ring', 'records', 'host', 'abi'],
  bpf: ['btf', 'layout', 'events', 'addon', 'host', 'abi'],
  delivery: ['records', 'layout', 'addon', 'host', 'abi'],
  export: ['delivery'],
  'perf-array': [
    'export',
    'delivery',
    'merge',
    'bpf',
    'storage',
    'events',
    'ring',
    'records',
    'addon',
    'host',
    'abi',
  ],
  sources: ['delivery', 'merge', 'bpf-ring', 'bpf', 'records', 'addon', 'host', 'abi'],
  doctor: ['bpf', 'storage', 'events', 'addon', 'host', 'abi'],
  index: [
    'sources',
    'perf-array',
    'export',
    'delivery',
    'doctor',
    'merge',
    'bpf',
    'storage',
    'events',
    'ring',
    'records',
    'layout',
    'query',
    'btf',
    'addon',
    'host',
    'abi',
  ],
  register: ['index'],
  cli: ['index', 'perf-data'],
  testing: ['index'],
};

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name));
}

const roomOf = (file: string): string => (relative(LIB, file).split(sep)[0] as string).replace(/\.ts$/, '');

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const paths = [...text.matchAll(/(?:from|import\(|import|require\()\s*'(\.[^']*)'/g)].map(
    (match) => match[1] as string,
  );
  return paths.map((path) => resolve(file, '..', path));
}

describe('the modules of lib', () => {
  const files = filesOf(LIB);

  it('are all in the table', () => {
    expect([...new Set(files.map(roomOf))].sort()).toEqual(Object.keys(MAY_IMPORT).sort());
  });

  it.each(Object.keys(MAY_IMPORT))('%s imports only what it may', (room) => {
    const strays = files
      .filter((file) => roomOf(file) === room)
      .flatMap((file) =>
        importsOf(file).map((target) => ({ file: relative(LIB, file), target: roomOf(target) })),
      )
      .filter(({ target }) => target !== room && ![...BASE, ...(MAY_IMPORT[room] ?? [])].includes(target));
    expect(strays).toEqual([]);
  });

  it('import the addon only in lib/addon', () => {
    const importers = files.filter((file) => /(from |require\()'bindings'/.test(readFileSync(file, 'utf8')));
    expect(importers.map((file) => relative(LIB, file))).toEqual([join('addon', 'load.ts')]);
  });

  it('have no cycle of imports', () => {
    const graph = new Map(files.map((file) => [file, valueImportsOf(file)]));
    expect(circleIn(graph)).toEqual([]);
  });
});

/** The modules that a file imports at run time. Imports of types don't count. */
function valueImportsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8').replace(/(?:import|export) type [^;]*;/g, '');
  return [...text.matchAll(/(?:from|import)\s*'(\.[^']*)'/g)].map((match) => {
    const target = resolve(file, '..', match[1] as string);
    return [`${target}.ts`, join(target, 'index.ts')].find((path) => filesSet.has(path)) ?? target;
  });
}
const filesSet = new Set(filesOf(LIB));

function circleIn(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const path: string[] = [];
  const walk = (file: string): string[] => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return [];
    path.push(file);
    for (const next of graph.get(file) ?? []) {
      const circle = walk(next);
      if (circle.length > 0) return circle;
    }
    path.pop();
    done.add(file);
    return [];
  };
  for (const file of graph.keys()) {
    const circle = walk(file);
    if (circle.length > 0) return circle.map((name) => relative(LIB, name));
  }
  return [];
}
