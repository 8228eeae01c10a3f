import { join } from 'node:path';
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

function run(capabilities: readonly Granted[]): Record<string, unknown> {
  return jsonOf(asOrdinaryUser(capabilities, NODE));
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
      handles: [0, expect.any(Number), 0, 0, 0, 0],
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
});
