import { targetFromText } from '../../../lib/bpf/attach-target';
import type { AttachKind } from '../../../lib/bpf/object-section';
import { messageOf } from '../../support/ring-errors';

describe('targetFromText', () => {
  it.each<[AttachKind, string, object]>([
    ['raw_tracepoint', 'sched_switch', { tracepoint: 'sched_switch' }],
    ['tracepoint', 'sched/sched_switch', { tracepoint: 'sched/sched_switch' }],
    ['kprobe', 'do_nanosleep+0x10', { symbol: 'do_nanosleep', offset: 16 }],
    ['uprobe', 'libc.so.6:getppid', { path: 'libc.so.6', symbol: 'getppid', offset: 0 }],
    ['uprobe', '/bin/x:main+4', { path: '/bin/x', symbol: 'main', offset: 4 }],
    ['uprobe', '/bin/x:0x1130', { path: '/bin/x', offset: 0x1130 }],
    ['usdt', '/bin/x:node:gc', { path: '/bin/x', provider: 'node', probe: 'gc' }],
    ['cgroup', '/sys/fs/cgroup/a', { cgroup: '/sys/fs/cgroup/a' }],
    ['xdp', 'eth0', { networkInterface: 'eth0' }],
    ['tc', 'eth0:egress', { networkInterface: 'eth0', direction: 'egress' }],
  ])('%s: %s', (kind, text, target) => {
    expect(targetFromText(kind, text, 'on_it', 'section')).toEqual(target);
  });

  it.each<[AttachKind, string, RegExp]>([
    ['tracepoint', 'sched_switch', /the target of program on_it, of section s, is sched\/sched_switch; got/],
    ['kprobe', 'f+x', /SYMBOL or SYMBOL\+OFFSET/],
    ['uprobe', 'getppid', /PATH:SYMBOL/],
    ['uprobe', 'a:b:c', /PATH:SYMBOL/],
    ['usdt', 'a:b', /PATH:PROVIDER:NAME/],
    ['tc', 'eth0', /INTERFACE:ingress/],
    ['raw_tracepoint', '', /sched_switch/],
    ['perf_event', 'cycles', /takes no target as text/],
    ['automatic', 'x', /takes no target as text/],
  ])('refuses for %s the text %j', (kind, text, message) => {
    expect(messageOf(() => targetFromText(kind, text, 'on_it', 's'))).toMatch(message);
  });
});
