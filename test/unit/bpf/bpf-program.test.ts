import { withAddon } from '../../../lib/addon/load';
import { errnoNumber } from '../../../lib/abi/errno';
import type { BpfProgramHandle, NativeAddon } from '../../../lib/addon/contract';
import { BpfProgram } from '../../../lib/bpf/bpf-program';
import { fakeNative } from '../../support/fake-native';

describe('BpfProgram', () => {
  const instructions = new Uint8Array(8);
  const program = {} as BpfProgramHandle;

  /** A native loader that returns these results in turn and writes `text` into the log. */
  function loader(results: readonly unknown[], text = ''): { logs: number[]; native: NativeAddon } {
    let call = 0;
    const logs: number[] = [];
    const bpfProgramLoad = (_t: number, _i: Uint8Array, _l: string, _n: string, log: Uint8Array): unknown => {
      logs.push(log.length);
      log.set(Buffer.from(`${text}\0`).subarray(0, log.length));
      return results[call++];
    };
    return { logs, native: fakeNative({ bpfProgramLoad }) };
  }

  it('uses no log when the program is accepted', () => {
    const { logs, native } = loader([program]);
    withAddon(native, () => BpfProgram.load({ type: 17, instructions }));
    expect(logs).toEqual([0]);
  });

  it('loads again with a log, and with a longer one while it is too short', () => {
    const { logs, native } = loader([-22, -28, -28, -22], 'R1 is bad\nprocessed 1 insns');
    expect(() => withAddon(native, () => BpfProgram.load({ type: 17, instructions, name: 'p' }))).toThrow(
      expect.objectContaining({
        code: 'ERR_PERF_PROGRAM_REJECTED',
        message: 'the verifier rejected program "p": R1 is bad',
        log: 'R1 is bad\nprocessed 1 insns',
      }),
    );
    expect(logs).toEqual([0, 65_536, 262_144, 1_048_576]);
  });

  it('uses the partial log when no log is long enough', () => {
    const { logs, native } = loader([-22, ...Array(10).fill(-28)], 'x');
    expect(() => withAddon(native, () => BpfProgram.load({ type: 17, instructions }))).toThrow(
      expect.objectContaining({
        code: 'ERR_PERF_PROGRAM_REJECTED',
        cause: expect.objectContaining({ code: 'EINVAL' }),
      }),
    );
    expect(logs.at(-1)).toBe(16_777_216);
  });

  it('takes a second try that succeeds', () => {
    const { native } = loader([-22, program]);
    expect(withAddon(native, () => BpfProgram.load({ type: 17, instructions })).closed).toBe(false);
  });

  it.each(['EAGAIN', 'EINTR', 'ENOMEM', 'EMFILE', 'ENFILE', 'ENOSYS'])(
    'tells %s as it is: it says nothing of the program',
    (code) => {
      const { logs, native } = loader([-errnoNumber(code)], 'R1 is bad');
      expect(() => withAddon(native, () => BpfProgram.load({ type: 17, instructions }))).toThrow(
        expect.objectContaining({ code, message: expect.stringContaining(`bpf(BPF_PROG_LOAD) ${code}: `) }),
      );
      expect(logs).toEqual([0]);
    },
  );

  it('does not use the log of another failure for the first one', () => {
    const { native } = loader([-22, -12], 'half a log');
    expect(() => withAddon(native, () => BpfProgram.load({ type: 17, instructions }))).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    );
  });

  it('uses no log when permission is missing', () => {
    const { logs, native } = loader([-1]);
    expect(() => withAddon(native, () => BpfProgram.load({ type: 17, instructions }))).toThrow(
      expect.objectContaining({ code: 'EPERM', message: expect.stringMatching(/CAP_BPF|CAP_PERFMON/) }),
    );
    expect(logs).toEqual([0]);
  });
});
