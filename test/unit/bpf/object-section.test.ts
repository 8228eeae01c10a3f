import { sectionOf, symbolOf } from '../../../lib/bpf/object-section';
import { codeOf } from '../../support/ring-errors';

describe('sectionOf', () => {
  it.each([
    ['raw_tp/sched_switch', 'raw_tracepoint', 'sched_switch'],
    ['raw_tracepoint.w/x', 'raw_tracepoint', 'x'],
    ['tp/sched/sched_switch', 'tracepoint', 'sched/sched_switch'],
    ['?kprobe/do_nanosleep', 'kprobe', 'do_nanosleep'],
    ['uprobe', 'uprobe', ''],
    ['uprobe.s//usr/bin/node:main', 'uprobe', '/usr/bin/node:main'],
    ['usdt/libc.so.6:libc:setjmp', 'usdt', 'libc.so.6:libc:setjmp'],
    ['cgroup/connect4', 'cgroup', 'connect4'],
    ['cgroup_skb/egress', 'cgroup', 'egress'],
    ['sockops', 'cgroup', ''],
    ['xdp.frags', 'xdp', ''],
    ['classifier', 'tc', ''],
    ['iter/task', 'iterator', 'task'],
    ['fexit/do_unlinkat', 'automatic', 'do_unlinkat'],
    ['lsm.s/bprm_committed_creds', 'automatic', 'bprm_committed_creds'],
    ['kprobe.multi/tcp_*', 'automatic', 'tcp_*'],
  ])('knows %s', (section, kind, rest) => {
    expect(sectionOf('name', section)).toMatchObject({ kind, rest });
  });

  it.each([
    ['kprobe/x', false],
    ['kretprobe/x', true],
    ['uretprobe.s/x', true],
    ['raw_tp/return', false],
  ])('knows whether %s runs at the return', (section, isReturn) => {
    expect(sectionOf('name', section).isReturn).toBe(isReturn);
  });

  it.each(['sk_lookup', 'xdp/devmap', 'struct_ops/x', 'freplace/x', 'socket', 'syscall', ''])(
    'refuses %s',
    (section) => {
      expect(codeOf(() => sectionOf('name', section))).toBe('ERR_PERF_NOT_SUPPORTED');
    },
  );
});

describe('symbolOf', () => {
  it.each([
    ['main', 'main', 0],
    ['main+0x10', 'main', 16],
    ['main+8', 'main', 8],
  ])('reads %s', (text, symbol, offset) => {
    expect(symbolOf(text)).toEqual({ symbol, offset });
  });
});
