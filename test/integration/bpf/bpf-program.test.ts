import {
  BPF_PROG_TYPE_RAW_TRACEPOINT,
  BPF_PROG_TYPE_SCHED_CLS,
  BPF_PROG_TYPE_TRACEPOINT,
} from '../../../lib/abi/bpf';
import { BpfProgram } from '../../../lib/bpf/bpf-program';
import { assemble, exit, load, type Line, mov } from '../../../lib/bpf/instructions';
import { onlineCpus } from '../../../lib/host/cpu-list';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith, READER_CAPABILITIES } from '../../support/privilege';

const raw = (lines: Line[], name = 'test'): BpfProgram =>
  BpfProgram.load({ type: BPF_PROG_TYPE_RAW_TRACEPOINT, instructions: assemble(lines), name });

const RETURN_0 = [mov('r0', 0), exit()];

afterAll(expectNothingLeft);

describeWith(READER_CAPABILITIES, 'BpfProgram', () => {
  it('is refused with the reason in the message and the whole log beside it', () => {
    expect(() => raw([mov('r0', 'r5'), exit()], 'bad')).toThrow(
      expect.objectContaining({
        code: 'ERR_PERF_PROGRAM_REJECTED',
        message: expect.stringMatching(/^the verifier rejected program "bad": .*R5 !read_ok$/),
        log: expect.stringContaining('r0 = r5'),
        cause: expect.objectContaining({ code: 'EACCES', syscall: 'bpf(BPF_PROG_LOAD)' }),
      }),
    );
  });

  it('is refused with a log however long it is', () => {
    const lines = Array.from({ length: 20_000 }, (_, index) => mov('r1', index));
    expect(() => raw([...lines, mov('r0', 'r9'), exit()])).toThrow(
      expect.objectContaining({
        code: 'ERR_PERF_PROGRAM_REJECTED',
        message: expect.stringContaining('R9 !read_ok'),
        log: expect.stringMatching(/^0: [\s\S]*\n10000: [\s\S]*R9 !read_ok/),
      }),
    );
  });

  it('is refused without a log by a system error', () => {
    expect(() => BpfProgram.load({ type: 9999, instructions: assemble(RETURN_0) })).toThrow(
      expect.objectContaining({
        code: 'EINVAL',
        message: expect.stringContaining('does not know this program type'),
      }),
    );
  });

  it.each([0, 7, 12])('is not made of %s bytes', (length) => {
    expect(() =>
      BpfProgram.load({ type: BPF_PROG_TYPE_RAW_TRACEPOINT, instructions: new Uint8Array(length) }),
    ).toThrow(expect.objectContaining({ code: 'ERR_PERF_PROGRAM_INVALID' }));
  });

  describeWith(['CAP_NET_ADMIN'], 'of tc', () => {
    it('runs as often as asked for and returns its result', () => {
      using program = BpfProgram.load({
        type: BPF_PROG_TYPE_SCHED_CLS,
        instructions: assemble([mov('r0', 7), exit()]),
      });
      expect(program.testRun({ dataIn: new Uint8Array(14), repeat: 10 })).toEqual({
        returnValue: 7,
        durationNanoseconds: expect.any(Number),
      });
    });
  });

  it('runs a raw tracepoint program on the CPU named, with the arguments given', () => {
    using program = raw([load('u64', 'r0', 'r1', 8), exit()]);
    const contextIn = new Uint8Array(BigUint64Array.of(11n, 22n).buffer);
    const [cpu = 0] = onlineCpus();
    expect(program.testRun({ contextIn, cpu }).returnValue).toBe(22);
  });

  it('says why it cannot open the file open the file open the file open the file open the file open the file run', () => {
    using program = raw(RETURN_0);
    expect(() => program.testRun({ cpu: 60_000 })).toThrow(
      expect.objectContaining({ code: 'ENXIO', message: expect.stringContaining('CPU 60000 is offline') }),
    );
    expect(() => program.testRun({ repeat: 3 })).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });

  it('attaches to a raw tracepoint until the link is closed', () => {
    using program = raw(RETURN_0);
    const link = program.attachRawTracepoint('sched_switch');
    expect(link.closed).toBe(false);
    link.close();
    link.close();
    expect(link.closed).toBe(true);
  });

  it('says that a tracepoint is unknown', () => {
    using program = raw(RETURN_0);
    expect(() => program.attachRawTracepoint('no_such_thing')).toThrow(
      expect.objectContaining({ code: 'ERR_PERF_TRACEPOINT_UNKNOWN' }),
    );
  });

  it('attaches to a raw tracepoint only as a program for one', () => {
    using program = BpfProgram.load({ type: BPF_PROG_TYPE_TRACEPOINT, instructions: assemble(RETURN_0) });
    expect(() => program.attachRawTracepoint('sched_switch')).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    );
  });

  it('cannot be used after close, and closes twice', () => {
    const program = raw(RETURN_0);
    program.close();
    program.close();
    expect(program.closed).toBe(true);
    expect(() => program.fd).toThrow(expect.objectContaining({ code: 'ERR_PERF_CLOSED' }));
    expect(() => program.testRun()).toThrow(expect.objectContaining({ code: 'ERR_PERF_CLOSED' }));
    expect(() => program.attachRawTracepoint('sched_switch')).toThrow(
      expect.objectContaining({ code: 'ERR_PERF_CLOSED' }),
    );
  });

  // Reading the id of the tracepoint from tracefs needs root.
  describeWith(['CAP_SYS_ADMIN'], 'on a tracepoint', () => {
    const tracepoint = (lines: Line[]): BpfProgram =>
      BpfProgram.load({ type: BPF_PROG_TYPE_TRACEPOINT, instructions: assemble(lines) });

    it('attaches until the link is closed', () => {
      using program = tracepoint(RETURN_0);
      const link = program.attachTracepoint('sched', 'sched_switch');
      link.close();
      link.close();
      expect(link.closed).toBe(true);
    });

    it.each([
      ['sched', 'no_such_thing'],
      ['no_such_thing', 'sched_switch'],
      ['../..', 'etc'],
      ['', ''],
    ])('says that %s/%s is unknown', (category, name) => {
      using program = tracepoint(RETURN_0);
      expect(() => program.attachTracepoint(category, name)).toThrow(
        expect.objectContaining({ code: 'ERR_PERF_TRACEPOINT_UNKNOWN' }),
      );
    });

    it('leaves no event behind when the program is of another type, or reads past the fields', () => {
      using program = raw(RETURN_0);
      expect(() => program.attachTracepoint('sched', 'sched_switch')).toThrow(
        expect.objectContaining({
          code: 'EINVAL',
          message: expect.stringContaining('BPF_PROG_TYPE_TRACEPOINT'),
        }),
      );
      using deep = tracepoint([load('u64', 'r0', 'r1', 2000), ...RETURN_0]);
      expect(() => deep.attachTracepoint('sched', 'sched_switch')).toThrow(
        expect.objectContaining({ code: 'EACCES' }),
      );
    });
  });
});
