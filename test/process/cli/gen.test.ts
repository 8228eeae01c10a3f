import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compiledObject } from '../../support/bpf-objects';
import { describeWithPrograms } from '../../support/programs';
import { cli } from './cli-process';

const ROOT = join(__dirname, '../../..');
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');

/** A program that uses the module, and every line that must not compile. */
const USER = `
import { MemoryRingStorage, viewFor, decoderFor } from 'perfring';
import { event, events, everything, globals, maps, programs } from './object';
import type { EventMapName, Globals, MapName, ProgramName } from './object';

const program: ProgramName = 'on_exec';
const map: MapName = 'counts';
const ring: EventMapName = 'execs';
const set: Partial<Globals> = { target_pid: 4711, verbose: true, prefix: 'no', seen: 1n };
// @ts-expect-error no such program
const wrongProgram: ProgramName = 'on_exit';
// @ts-expect-error no such map
const wrongMap: MapName = 'count';
// @ts-expect-error counts has no events
const wrongRing: EventMapName = 'counts';
// @ts-expect-error a pid is a number
const wrongGlobal: Partial<Globals> = { target_pid: '4711' };
// @ts-expect-error no such global
const unknownGlobal: Partial<Globals> = { target_pit: 1 };
void [program, map, ring, set, wrongProgram, wrongMap, wrongRing, wrongGlobal, unknownGlobal];

const { ring: memory } = new MemoryRingStorage({ dataPageCount: 1 });
const payload = Buffer.alloc(event.size);
payload.writeUInt32LE(42, 8);
payload.writeUInt32LE(2, 12);
payload.write('node', 16);
payload.set([10, 0, 0, 1, 0x1f, 0x90], 32);
memory.startWriteBatch();
memory.write(payload);
memory.finishWriteBatch();
memory.startReadBatch();
const view = viewFor(events.events);
const decode = decoderFor(event);
memory.visit((record) => {
  const one = view(record);
  if (one === null) throw new Error('it does not fit');
  const kind: 'KIND_EXEC' | 'KIND_EXIT' | 'KIND_NONE' | number = one.kind;
  const port: number = one.peer.port;
  const same: event = decode(record);
  // @ts-expect-error no such field
  void one.piid;
  console.log(JSON.stringify({ kind, port, pid: same.pid, comm: one.comm, ip: one.peer.ip }));
});
console.log(JSON.stringify({ maps: Object.keys(maps), programs, globals: Object.keys(globals), size: everything.size }));
`;

/** A program that uses the types with BpfObject, and every line that must not compile. */
const OBJECT_USER = `
import { BpfObject, TypedMap, viewFor } from 'perfring';
import * as calls from './calls';
import imported from './calls.bpf.o';

async function main(): Promise<void> {
  for (const object of [BpfObject.open('calls.bpf.o', { types: calls }), BpfObject.open(imported)]) {
    object.set({ target_pid: process.pid, first_kind: 'CALL_AGAIN', label: 'x' });
    const kind: number | bigint = object.get('first_kind');
    const seen: bigint = object.get('seen');
    console.log(JSON.stringify([kind, String(seen), object.programs]));
    object.close();
  }
  const view = viewFor(imported.types.events.calls);
  void view;
}

async function wrong(): Promise<void> {
  const object = BpfObject.open(imported);
  const counts = object.typedMap('counts');
  const count: bigint | undefined = counts.get({ pid: 1, kind: 'CALL_FIRST' });
  const ports: readonly number[] | undefined = object.typedMap('peers').get(0)?.map(({ port }) => port);
  // @ts-expect-error no such program
  object.attach('nope');
  // @ts-expect-error no such program
  await object.load({ only: ['nope'] });
  // @ts-expect-error no such map
  object.map('nope');
  // @ts-expect-error no such global
  object.set({ target_pit: 1 });
  // @ts-expect-error a number
  object.set({ target_pid: 'x' });
  // @ts-expect-error no such name
  object.set({ first_kind: 'CALL_LAST' });
  // @ts-expect-error no such field
  counts.get({ pit: 1, kind: 1 });
  // @ts-expect-error a bigint
  counts.set({ pid: 1, kind: 1 }, 'x');
  // @ts-expect-error no such event
  void imported.types.events.plain;
  void [count, ports, TypedMap];
}
void wrong;
void main();
`;

describeWithPrograms('FOR_TESTS', 'perfring gen', () => {
  let directory: string;
  let object: string;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'perfring-gen-'));
    object = join(directory, 'events.bpf.o');
    writeFileSync(object, compiledObject('events'));
    mkdirSync(join(directory, 'node_modules'));
    symlinkSync(ROOT, join(directory, 'node_modules/perfring'));
    symlinkSync(join(ROOT, 'node_modules/@types'), join(directory, 'node_modules/@types'));
  });

  afterAll(() => {
    rmSync(directory, { recursive: true });
  });

  it('writes a module that compiles under strict, refuses wrong names and reads samples', async () => {
    const { stdout, stderr, code } = await cli(['gen', object]);
    expect([code, stderr]).toEqual([0, '']);
    writeFileSync(join(directory, 'object.ts'), stdout);
    writeFileSync(join(directory, 'user.ts'), USER);
    const options = ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess'];
    const target = [
      '--module',
      'node20',
      '--target',
      'es2022',
      '--types',
      'node',
      '--skipLibCheck',
      '--noEmitOnError',
    ];
    execFileSync(process.execPath, [TSC, ...options, ...target, join(directory, 'user.ts')], {
      cwd: directory,
      stdio: 'pipe',
    });
    const printed = execFileSync(process.execPath, [join(directory, 'user.js')], { encoding: 'utf8' });
    expect(
      printed
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { kind: 'KIND_EXIT', port: 8080, pid: 42, comm: 'node', ip: '10.0.0.1' },
      {
        maps: ['events', 'execs', 'counts'],
        programs: { on_exec: 'raw_tp/sched_process_exec', on_call: 'uprobe' },
        globals: ['seen', 'target_pid', 'verbose', 'prefix'],
        size: 320,
      },
    ]);
  });

  it('types BpfObject by the module, and by an import of the object with --dts', async () => {
    const calls = join(directory, 'calls.bpf.o');
    writeFileSync(calls, compiledObject('calls'));
    for (const [file, args] of [
      ['calls.ts', []],
      ['calls.bpf.d.o.ts', ['--dts']],
    ] as const) {
      const { stdout, stderr, code } = await cli(['gen', ...args, calls]);
      expect([code, stderr]).toEqual([0, '']);
      writeFileSync(join(directory, file), stdout);
    }
    writeFileSync(join(directory, 'object-user.ts'), OBJECT_USER);
    const options = ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess'];
    const target = ['--module', 'node20', '--target', 'es2022', '--types', 'node', '--skipLibCheck'];
    const imports = ['--allowArbitraryExtensions', '--noEmitOnError'];
    execFileSync(
      process.execPath,
      [TSC, ...options, ...target, ...imports, join(directory, 'object-user.ts')],
      { cwd: directory, stdio: 'pipe' },
    );
    const run = (file: string): string[] =>
      execFileSync(process.execPath, ['--import', 'perfring/register', join(directory, file)], {
        cwd: directory,
        encoding: 'utf8',
      })
        .trim()
        .split('\n');
    const line = JSON.stringify([2, '0', ['on_call', 'on_note', 'on_plain']]);
    expect(run('object-user.js')).toEqual([line, line]);
    writeFileSync(
      join(directory, 'user.mjs'),
      "import calls from './calls.bpf.o'; console.log(calls.name, calls.types.events.calls.size, calls.bytes.length > 0);",
    );
    expect(run('user.mjs')).toEqual(['calls.bpf.o 48 true']);
  });

  it.each<[string, () => string[], number, RegExp]>([
    ['no object', () => ['gen'], 2, /missing required argument 'object'/],
    ['a file that is not there', () => ['gen', join(directory, 'none.o')], 1, /ENOENT/],
    ['a file that is no object', () => ['gen', __filename], 1, /the BTF can't be read/],
    ['a struct that is not there', () => ['gen', object, '--types', 'nothing'], 2, /no struct nothing/],
  ])('refuses %s', async (_what, args, exitCode, message) => {
    const { stdout, stderr, code } = await cli(args());
    expect([code, stdout.toString()]).toEqual([exitCode, '']);
    expect(stderr).toMatch(message);
  });
});
