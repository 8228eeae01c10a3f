import { join } from 'node:path';
import { PerfEventArray } from '../../../lib/index';
import { expectNothingLeft } from '../../support/ledger';
import { asOrdinaryUser, type Granted, jsonOf } from '../../support/ordinary-user';
import { describeWith } from '../../support/privilege';
import { SCENE_CAPABILITIES } from '../../support/reader-scene';

const NODE = [
  process.execPath,
  '--expose-gc',
  '-r',
  join(__dirname, '../../support/register-typescript.cjs'),
  join(__dirname, 'privilege-main.ts'),
];
const CALLS = 5000;

afterAll(expectNothingLeft);

function run(capabilities: readonly Granted[], ...args: string[]): Record<string, unknown> {
  return jsonOf(asOrdinaryUser(capabilities, [...NODE, ...args]));
}

describeWith([...SCENE_CAPABILITIES, 'CAP_SETUID', 'CAP_SETGID', 'CAP_SETPCAP'], 'an ordinary user', () => {
  it.each<[string, Granted[]]>([
    ['CAP_BPF, CAP_PERFMON and CAP_IPC_LOCK', ['bpf', 'perfmon', 'ipc_lock']],
    ['CAP_BPF and CAP_PERFMON, within what a user may lock', ['bpf', 'perfmon']],
  ])('with %s collects, and accounts for every sample', (_, capabilities) => {
    expect(run(capabilities)).toMatchObject({
      user: 65_534,
      collected: { sum: CALLS },
      switches: true,
      flight: true,
      handles: [0, expect.any(Number), 0, 0, 0, 0, 0],
    });
  });

  it.each<[string, Granted[], RegExp]>([
    [
      'CAP_BPF',
      ['perfmon', 'ipc_lock'],
      /^bpf\(BPF_MAP_CREATE\) EPERM: .* needs CAP_BPF, which this process does not have/,
    ],
    [
      'CAP_PERFMON',
      ['bpf', 'ipc_lock'],
      /^perf_event_open EACCES: .* needs CAP_PERFMON, which this process does not have/,
    ],
    ['any', [], /^bpf\(BPF_MAP_CREATE\) EPERM: .* needs CAP_BPF/],
  ])('without %s is told which one is missing', (_, capabilities, message) => {
    expect(run(capabilities)).toEqual({
      code: expect.stringMatching(/^(EPERM|EACCES)$/),
      message: expect.stringMatching(message),
    });
  });

  it('can rotate a flight recorder of the default size', () => {
    expect(run(['bpf', 'perfmon'], 'rotate')).toEqual({ rotated: [true, true, true] });
  });

  it('gets an error that opening a map by its id needs CAP_SYS_ADMIN', () => {
    using array = PerfEventArray.create();
    expect(run(['bpf', 'perfmon', 'ipc_lock'], `${array.info.id}`)).toEqual({
      code: 'EPERM',
      message: expect.stringMatching(
        /^bpf\(BPF_MAP_GET_FD_BY_ID\) EPERM: .* needs CAP_SYS_ADMIN, which this process does not have/,
      ),
    });
  });
});
