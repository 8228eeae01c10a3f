import { errnoNumber } from '../../../lib/abi/errno';
import { loadError, objectError } from '../../../lib/bpf/object-error';
import type { ProgramRejectedError } from '../../../lib/bpf/program-rejected-error';

const errno = (name: string): number => -errnoNumber(name);

/** A log in the format of libbpf 1.1. */
const REJECTED = `libbpf: prog 'first': BPF program load failed: Permission denied
libbpf: prog 'first': -- BEGIN PROG LOAD LOG --
0: (85) call bpf_map_lookup_elem#1
R1 type=ctx expected=map_ptr
processed 2 insns (limit 1000000) max_states_per_insn 0
-- END PROG LOAD LOG --
libbpf: prog 'first': failed to load: -13
libbpf: failed to load object 'many'
`;

describe('loadError', () => {
  it('has the log of the verifier', () => {
    const error = loadError(errno('EACCES'), REJECTED, 'a.bpf.o') as ProgramRejectedError;
    expect(error).toMatchObject({
      code: 'ERR_PERF_PROGRAM_REJECTED',
      message:
        'the verifier rejected program "first" of a.bpf.o: 0: (85) call bpf_map_lookup_elem#1 | R1 type=ctx expected=map_ptr',
      cause: expect.objectContaining({ code: 'EACCES' }),
    });
    expect(error.log).toMatch(/^0: \(85\)[\s\S]*processed 2 insns.*\n$/);
  });

  it('has the end of the log where its beginning was cut off', () => {
    const error = loadError(errno('EACCES'), REJECTED.slice(REJECTED.indexOf('R1')), 'a.bpf.o');
    expect(error.message).toBe(
      'the verifier rejected program "first" of a.bpf.o: R1 type=ctx expected=map_ptr',
    );
  });

  it('names what CO-RE did not find', () => {
    const log = REJECTED.replace(
      'R1 type=ctx',
      'failed to resolve CO-RE relocation <byte_off> [7] struct task_struct.nope\nR1 type=ctx',
    );
    expect(loadError(errno('EINVAL'), log, 'a.bpf.o')).toMatchObject({
      code: 'ERR_PERF_RELOCATION',
      message:
        'program "first" of a.bpf.o uses what this kernel does not have: <byte_off> [7] struct task_struct.nope',
    });
  });

  it('has the advice of the errno, and what libbpf says but for its own advice', () => {
    const log =
      "libbpf: Error in bpf_object__probe_loading():Operation not permitted(1). Couldn't load trivial BPF program.\n" +
      "libbpf: permission error while running as root; try raising 'ulimit -l'? current value: 8.0 MiB\n" +
      "libbpf: failed to load object 'many'\n";
    const { message } = loadError(errno('EPERM'), log, 'a.bpf.o');
    expect(message).toMatch(
      /^bpf_object__load EPERM: loading a\.bpf\.o: .*CAP_BPF.*; libbpf: Error in bpf_object/,
    );
    expect(message).not.toContain("ulimit -l'?");
  });

  it('says what the kernel lacks for programs of fentry and LSM', () => {
    const log = "libbpf: prog 'p': BPF program load failed: Operation not permitted\n";
    const message = (section: string): string =>
      loadError(errno('EPERM'), log, 'a.bpf.o', undefined, () => section).message;
    expect(message('fentry/do_nanosleep')).toContain('no BPF trampolines');
    expect(message('lsm.s/bprm_check_security')).toContain('no BPF LSM');
    expect(message('raw_tp/sys_enter')).not.toContain('trampolines');
  });

  it('says where there is no BTF', () => {
    const log = 'libbpf: failed to parse target BTF: -2\n';
    expect(loadError(errno('ENOENT'), log, 'a.bpf.o', '/no/such').message).toContain(
      'there is no BTF at /no/such',
    );
  });
});

describe('objectError', () => {
  it('is of the library where that is missing, with what to install', () => {
    expect(
      objectError(errno('ELIBACC'), 'libbpf.so.1: cannot open', 'bpf_object__open', 'opening'),
    ).toMatchObject({
      code: 'ERR_PERF_LIBBPF_MISSING',
      message: expect.stringMatching(/libbpf\.so\.1: cannot open.*libbpf/),
    });
  });

  it("is of the object for libbpf's own codes", () => {
    expect(objectError(-4001, 'libbpf: elf: bad', 'bpf_object__open', 'opening a.bpf.o')).toMatchObject({
      code: 'ERR_PERF_OBJECT_DAMAGED',
      message: 'opening a.bpf.o: not a BPF object that libbpf can read; libbpf: elf: bad',
    });
  });
});
