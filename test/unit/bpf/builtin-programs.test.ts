import { builtinNamed } from '../../../lib/bpf/attach-builtin';
import { BUILTIN_PROGRAMS, DEFAULT_BUILTIN } from '../../../lib/bpf/programs';
import { type BuiltinOptions, checkBuiltinOptions } from '../../../lib/bpf/programs/builtin-program';

const MAP = { fd: 77 };

describe('the built-in programs', () => {
  it('have a default that needs no tracefs', () => {
    expect(DEFAULT_BUILTIN.attach).toEqual({ kind: 'raw_tracepoint', name: 'sched_switch' });
  });

  it('are found by name, and the error has the names', () => {
    for (const program of BUILTIN_PROGRAMS) expect(builtinNamed(program.name)).toBe(program);
    expect(() => builtinNamed('nope')).toThrow(
      expect.objectContaining({
        code: 'ERR_PERF_INVALID_ARGUMENT',
        message: 'there is no built-in program nope; there are sched_switch, sched_process_exec, sys_enter',
      }),
    );
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
        const plain = program.build(MAP, {});
        expect(Buffer.from(plain).includes(Buffer.from('181200004d000000', 'hex'))).toBe(true);
        let length = plain.length;
        let options: BuiltinOptions = {};
        for (const name of program.options) {
          options = { ...options, [name]: 4242 };
          const filtered = program.build(MAP, options);
          expect(filtered.length).toBeGreaterThan(length);
          length = filtered.length;
        }
      });

      it('takes a process to watch and one to leave out', () => {
        expect(program.options).toEqual(expect.arrayContaining(['tgid', 'excludeTgid']));
      });
    },
  );
});

describe('checkBuiltinOptions', () => {
  it('takes what the program takes, and undefined for not given', () => {
    const options = { tgid: 0, excludeTgid: 2 ** 31 - 1, syscall: undefined } as unknown as BuiltinOptions;
    expect(() => checkBuiltinOptions(DEFAULT_BUILTIN, options)).not.toThrow();
  });

  it.each<[unknown, RegExp]>([
    [{ syscall: 1 }, /sched_switch takes no option syscall; it takes tgid, excludeTgid/],
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
