/**
 * Names of the types of maps and programs, by their numbers: those of the kernel in lower case, as bpftool prints them.
 *
 * @see https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/bpf.h
 */

/** enum bpf_map_type */
export const MAP_TYPE_NAMES: readonly string[] = [
  'unspec',
  'hash',
  'array',
  'prog_array',
  'perf_event_array',
  'percpu_hash',
  'percpu_array',
  'stack_trace',
  'cgroup_array',
  'lru_hash',
  'lru_percpu_hash',
  'lpm_trie',
  'array_of_maps',
  'hash_of_maps',
  'devmap',
  'sockmap',
  'cpumap',
  'xskmap',
  'sockhash',
  'cgroup_storage',
  'reuseport_sockarray',
  'percpu_cgroup_storage',
  'queue',
  'stack',
  'sk_storage',
  'devmap_hash',
  'struct_ops',
  'ringbuf',
  'inode_storage',
  'task_storage',
  'bloom_filter',
  'user_ringbuf',
  'cgrp_storage',
  'arena',
];

/** enum bpf_prog_type */
export const PROGRAM_TYPE_NAMES: readonly string[] = [
  'unspec',
  'socket_filter',
  'kprobe',
  'sched_cls',
  'sched_act',
  'tracepoint',
  'xdp',
  'perf_event',
  'cgroup_skb',
  'cgroup_sock',
  'lwt_in',
  'lwt_out',
  'lwt_xmit',
  'sock_ops',
  'sk_skb',
  'cgroup_device',
  'sk_msg',
  'raw_tracepoint',
  'cgroup_sock_addr',
  'lwt_seg6local',
  'lirc_mode2',
  'sk_reuseport',
  'flow_dissector',
  'cgroup_sysctl',
  'raw_tracepoint_writable',
  'cgroup_sockopt',
  'tracing',
  'struct_ops',
  'ext',
  'lsm',
  'sk_lookup',
  'syscall',
  'netfilter',
];

/**
 * The name of a map's type: `ringbuf`, `perf_event_array`; `type 99` for one that this version does not know.
 *
 * ```ts
 * console.log(mapTypeName(map.info.type), describeMap(map).programs.map(({ type }) => programTypeName(type)));
 * ```
 */
export function mapTypeName(type: number): string {
  return nameOf(type, MAP_TYPE_NAMES);
}

/** The name of a program's type: `raw_tracepoint`; `type 99` for one that this version does not know. */
export function programTypeName(type: number): string {
  return nameOf(type, PROGRAM_TYPE_NAMES);
}

function nameOf(type: number, names: readonly string[]): string {
  return typeof type === 'number' ? (names[type] ?? `type ${type}`) : 'unknown type';
}
