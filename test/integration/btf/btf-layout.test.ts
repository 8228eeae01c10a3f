import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Btf } from '../../../lib/btf/btf';
import { decoderFor } from '../../../lib/layout/sample-decoder';
import type { SampleLayout } from '../../../lib/layout/sample-layout';
import { compiledObject } from '../../support/bpf-objects';
import { describeWithPrograms } from '../../support/programs';
import { RingFixture } from '../../support/ring-fixture';
import { sampleBytes } from '../../support/ring-records';

/** The bytes of a struct that a C program writes, compiled by clang for this machine. */
function writtenByC(): Buffer {
  const directory = mkdtempSync(join(tmpdir(), 'perfring-layout-'));
  try {
    const program = join(directory, 'main');
    const source = join(__dirname, '../../support/bpf/events-main.c');
    execFileSync('clang', ['-O1', source, '-o', program], { stdio: 'pipe' });
    return execFileSync(program);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function decoded(layout: SampleLayout, payload: Uint8Array): unknown {
  const made = new RingFixture({});
  made.publish(sampleBytes(payload));
  made.ring.startReadBatch();
  const decode = decoderFor(layout);
  let values: unknown;
  made.ring.visit((record) => {
    values = decode(record);
  });
  return values;
}

describeWithPrograms('FOR_TESTS', 'Btf.layout', () => {
  const btf = (): Btf => Btf.parse(compiledObject('events'));

  it('reads what a C program wrote into a struct with members of every sort', () => {
    expect(decoded(btf().layout('everything'), writtenByC())).toEqual({
      u8_: 200,
      i8_: -5,
      u16_: 60000,
      i16_: -300,
      u32_: 4000000000,
      i32_: -70000,
      u64_: 1n << 63n,
      i64_: -5000000000n,
      f32_: 1.5,
      f64_: -2.25,
      flag: true,
      letter: 'x',
      comm: 'node',
      raw: Uint8Array.of(1, 2, 3, 4, 5, 6),
      mac: '02:42:00:ac:11:00',
      kind: 'KIND_NONE',
      small: 'SMALL_B',
      wide: 0x1_0000_0000n,
      be16: 8080,
      be32: 0x01020304,
      be64: 0x0102030405060708n,
      when: 123456789n,
      qualified: 9,
      pointer: '0xffff888000000010',
      function: '0x0',
      words: Uint32Array.of(1, 2, 3),
      matrix: Uint32Array.of(10, 11, 12, 13, 14, 15),
      arguments: ['ls', '--color='],
      pointers: ['0x0', '0x1'],
      kinds: ['KIND_EXEC', 77],
      flags: [false, true],
      low: 5,
      middle: 100,
      negative: -7,
      large: 0x123456789an,
      peer: { ip: '10.0.0.1', port: 443 },
      hops: [
        { ip: '10.0.1.1', port: 0 },
        { ip: '10.0.1.1', port: 1 },
      ],
      word: 0x04030201,
      bytes: Uint8Array.of(1, 2, 3, 4),
      value: { number: 0x3f000000, real: 0.5 },
      inner_a: 1,
      inner_b: 2,
      source: '::1',
      huge: Uint8Array.of(1, ...new Array(15).fill(0)),
    });
  });

  it('finds the maps of an object, and the types of its events', () => {
    const types = btf();
    const id = (name: string): number => types.find(name, 'struct') as number;
    expect(types.maps()).toEqual([
      { name: 'events', type: 27, maxEntries: 4096, keyType: undefined, valueType: id('event') },
      { name: 'execs', type: 4, maxEntries: undefined, keyType: undefined, valueType: undefined },
      { name: 'counts', type: 1, maxEntries: 16, keyType: id('key'), valueType: types.find('__u64') },
    ]);
    expect(types.eventTypes()).toEqual([
      { type: id('event'), name: 'event', map: 'events' },
      { type: id('event'), name: 'event', map: undefined },
      { type: id('exec_event'), name: 'exec_event', map: 'execs' },
      { type: id('everything'), name: 'everything', map: undefined },
    ]);
  });

  it('cuts a last field to the length that another has', () => {
    const payload = Buffer.from('\x07\0\0\0\x06\0\0\0ls -la--------');
    expect(decoded(btf().layout('exec_event'), payload)).toEqual({ pid: 7, args_size: 6, args: 'ls -la' });
  });

  it('takes hints in place of the types', () => {
    const layout = btf().layout('event', { time: 'ktime', pid: 'ipv4', comm: 'bytes[16]' });
    expect(layout.fields.map(({ name, kind }) => [name, kind])).toEqual([
      ['time', 'ktime'],
      ['pid', 'ipv4'],
      ['kind', 'u32'],
      ['comm', 'bytes[16]'],
      ['peer', 'struct'],
    ]);
  });

  it.each<[string, string, Record<string, string>, string, RegExp]>([
    ['a type that is not there', 'nothing', {}, 'ERR_PERF_TYPE_UNKNOWN', /no struct "nothing"/],
    ['a type that is no struct', '__u32', {}, 'ERR_PERF_TYPE_UNKNOWN', /is no struct, but of kind int/],
    ['a hint for no field', 'event', { pit: 'u32' }, 'ERR_PERF_INVALID_ARGUMENT', /a hint for pit/],
    [
      'a hint of other bytes',
      'event',
      { pid: 'u64' },
      'ERR_PERF_INVALID_ARGUMENT',
      /pid has 4 bytes.*takes 8/,
    ],
    ['a hint that is no kind', 'event', { pid: 'u33' }, 'ERR_PERF_INVALID_ARGUMENT', /unknown kind "u33"/],
  ])('refuses %s', (_what, type, hints, code, message) => {
    expect(() => btf().layout(type, hints as never)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  it('lays out large structs of the kernel', () => {
    const layout = Btf.ofKernel().layout('task_struct');
    expect(layout.fields.find(({ name }) => name === 'comm')).toMatchObject({ kind: 'char[16]', size: 16 });
  });
});
