import { builtinNamed } from '../../../lib/bpf/attach-builtin';
import { builtinUnion } from '../../../lib/bpf/builtin-union';
import { BUILTIN_PROGRAMS, DEFAULT_BUILTIN } from '../../../lib/bpf/programs';
import { type BuiltinOptions, checkBuiltinOptions } from '../../../lib/bpf/programs/builtin-program';
import { decoderFor } from '../../../lib/layout/sample-decoder';

const MAP = { fd: 77 };

const VALUES = { tgid: 4242, excludeTgid: 4242, comm: 'node', uid: 0, cgroup: '/', syscall: 'read' } as const;

describe('the built-in programs', () => {
  it('have a default that needs no tracefs', () => {
    expect(DEFAULT_BUILTIN.attach).toEqual({ kind: 'raw_tracepoint', name: 'sched_switch' });
  });

  it('are found by name, and the error has the names', () => {
    for (const program of BUILTIN_PROGRAMS) expect(builtinNamed(program.name)).toBe(program);
    expect(() => builtinNamed('nope')).toThrow(
      expect.objectContaining({
        code: 'ERR_PERF_INVALID_ARGUMENT',
        message:
          'there is no built-in program nope; there are sched_switch, exec, exit, sys_enter, sys_exit, open, connect, accept, block_io, sched_process_exec',
      }),
    );
  });

  it('are told apart by the field program, each by a number of its own', () => {
    const numbers = BUILTIN_PROGRAMS.map(({ name, layout }) => {
      const { kind, offset, values } = layout.fields.find((field) => field.name === 'program') ?? {};
      expect([kind, offset, Object.keys(values ?? {})]).toEqual(['u32', 32, [name]]);
      return values?.[name];
    });
    expect(new Set(numbers).size).toBe(BUILTIN_PROGRAMS.length);
  });

  describe.each(BUILTIN_PROGRAMS.map((program) => [program.name, program] as const))(
    '%s',
    (_name, program) => {
      it('begins each sample with the fields all share', () => {
        expect(program.layout.fields.slice(0, 4)).toEqual([
          { name: 'time', kind: 'u64', offset: 0, size: 8 },
          { name: 'tid', kind: 'u32', offset: 8, size: 4 },
          { name: 'pid', kind: 'u32', offset: 12, size: 4 },
          { name: 'comm', kind: 'char[16]', offset: 16, size: 16 },
        ]);
      });

      it('is built for its map, and grows with each filter', () => {
        const maps = { own: { fd: 78 }, cgroup: { fd: 79 } };
        const bytesFor = (options: BuiltinOptions): Buffer =>
          Buffer.concat(
            program
              .build(MAP, options, options.cgroup === undefined ? { own: maps.own } : maps)
              .map(({ instructions }) => instructions),
          );
        const plain = bytesFor({});
        expect(plain.includes(Buffer.from('181200004d000000', 'hex'))).toBe(true);
        let length = plain.length;
        let options: BuiltinOptions = {};
        for (const name of program.options) {
          options = { ...options, [name]: VALUES[name] };
          const filtered = bytesFor(options);
          expect(filtered.length).toBeGreaterThan(length);
          length = filtered.length;
        }
      });

      it('takes the filters that all share', () => {
        expect(program.options).toEqual(
          expect.arrayContaining(['tgid', 'excludeTgid', 'comm', 'uid', 'cgroup']),
        );
      });
    },
  );
});

describe('builtinUnion', () => {
  it('combines the layouts of programs, with their names as types', () => {
    const union = builtinUnion(['exec', 'exit']);
    expect(union.tag).toEqual({ kind: 'u32', offset: 32 });
    expect(union.cases.map(({ name }) => name)).toEqual(['exec', 'exit']);
    const decode = decoderFor(union);
    const describe = (event: ReturnType<typeof decode>): unknown => {
      switch (event.type) {
        case 'exec':
          return event.args;
        case 'exit':
          return event.exit_code;
        default:
          return event.tag;
      }
    };
    expect(describe({ type: undefined, tag: 3, bytes: new Uint8Array(1) })).toBe(3);
  });

  it.each<[unknown, RegExp]>([
    [['exec', 'exek'], /there is no built-in program exek/],
    [['exec', 'exec'], /case exec has the same value as another case/],
    [[], /at least one case/],
    ['exec', /names must be an array/],
  ])('refuses %j', (names, message) => {
    expect(() => builtinUnion(names as ['exec'])).toThrow(
      expect.objectContaining({ code: 'ERR_PERF_INVALID_ARGUMENT', message: expect.stringMatching(message) }),
    );
  });
});

describe('checkBuiltinOptions', () => {
  it('takes what the program takes, and undefined for not given', () => {
    const options = { tgid: 0, uid: 2 ** 32 - 2, syscall: undefined } as unknown as BuiltinOptions;
    expect(() => checkBuiltinOptions(DEFAULT_BUILTIN, options)).not.toThrow();
  });

  it('takes system calls by name or number, and no others', () => {
    const program = builtinNamed('sys_exit');
    for (const syscall of ['openat', 0, 462]) {
      expect(checkBuiltinOptions(program, { syscall })).toEqual({ syscall });
    }
    for (const syscall of ['raed', 'toString', '', -1, 1.5]) {
      expect(() => checkBuiltinOptions(program, { syscall })).toThrow(
        expect.objectContaining({ code: 'ERR_PERF_INVALID_OPTION' }),
      );
    }
  });

  it.each<[unknown, RegExp]>([
    [{ syscall: 1 }, /sched_switch takes no option syscall; it takes tgid, excludeTgid, comm, uid, cgroup/],
    [{ comm: '' }, /comm must be the name of a thread, of 1 to 15 bytes as the kernel cuts it, got ""/],
    [{ comm: 'sixteen letters!' }, /comm must be/],
    [{ comm: 'a\0b' }, /comm must be/],
    [{ comm: 7 }, /comm must be/],
    [{ uid: -1 }, /uid must be a whole number from 0 to 4294967294, got -1/],
    [{ uid: 2 ** 32 - 1 }, /uid must be/],
    [{ cgroup: '' }, /cgroup must be the path of a directory, got ""/],
    [{ cgroup: 1 }, /cgroup must be/],
    [{ pid: 1 }, /takes no option pid/],
    [{ tgid: -1 }, /tgid must be a whole number from 0 to 2147483647, got -1/],
    [{ tgid: 1.5 }, /got 1.5/],
    [{ excludeTgid: '1' }, /excludeTgid must be a whole number from 0 to 2147483647, got "1"/],
    [{ excludeTgid: 2 ** 31 }, /got 2147483648/],
  ])('refuses %j', (options, message) => {
    expect(() => checkBuiltinOptions(DEFAULT_BUILTIN, options as BuiltinOptions)).toThrow(
      expect.objectContaining({ code: 'ERR_PERF_INVALID_OPTION', message: expect.stringMatching(message) }),
    );
  });
});
