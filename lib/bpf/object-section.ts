import { PerfRingError } from '../errors';

/** How a program of an object is attached. `automatic`: libbpf does it, by the section alone. */
export type AttachKind =
  | 'raw_tracepoint'
  | 'tracepoint'
  | 'kprobe'
  | 'uprobe'
  | 'usdt'
  | 'perf_event'
  | 'cgroup'
  | 'xdp'
  | 'tc'
  | 'iterator'
  | 'automatic';

/** What a section says of how its program is attached: `uretprobe/libc.so.6:getppid`. */
export interface Section {
  readonly kind: AttachKind;
  /** Whether the program runs as the function returns. */
  readonly isReturn: boolean;
  /** What follows the kind: `libc.so.6:getppid`; empty where there is nothing. */
  readonly rest: string;
}

const KINDS: ReadonlyMap<string, AttachKind> = new Map(
  Object.entries({
    raw_tracepoint: ['raw_tp', 'raw_tracepoint', 'raw_tp.w', 'raw_tracepoint.w'],
    tracepoint: ['tp', 'tracepoint'],
    kprobe: ['kprobe', 'kretprobe'],
    uprobe: ['uprobe', 'uretprobe', 'uprobe.s', 'uretprobe.s'],
    usdt: ['usdt', 'usdt.s'],
    perf_event: ['perf_event'],
    cgroup: ['cgroup', 'cgroup_skb', 'lsm_cgroup', 'sockops'],
    xdp: ['xdp', 'xdp.frags'],
    tc: ['tc', 'classifier'],
    iterator: ['iter', 'iter.s'],
    automatic: [
      ...['tp_btf', 'fentry', 'fentry.s', 'fexit', 'fexit.s', 'fmod_ret', 'fmod_ret.s', 'lsm', 'lsm.s'],
      ...['ksyscall', 'kretsyscall', 'kprobe.multi', 'kretprobe.multi'],
    ],
  }).flatMap(([kind, prefixes]) => prefixes.map((prefix) => [prefix, kind as AttachKind] as const)),
);

/**
 * @param section as it is in the object
 * @returns `undefined` for one whose programs this library does not attach
 * @see https://docs.kernel.org/bpf/libbpf/program_types.html
 */
function parseSection(section: string): Section | undefined {
  const [, prefix = '', rest = ''] = /^\??([^/]*)\/?(.*)$/.exec(section) ?? [];
  const kind = KINDS.get(prefix);
  // Programs of maps of devices and CPUs run by redirection: `xdp/devmap`.
  if (kind === undefined || (kind === 'xdp' && rest !== '')) return undefined;
  return { kind, isReturn: prefix.includes('ret'), rest };
}

/** The function and offset of `do_nanosleep+0x10`. */
export function symbolOf(text: string): { readonly symbol: string; readonly offset: number } {
  const [symbol = '', offset = '0'] = text.split('+');
  return { symbol, offset: Number(offset) };
}

/** The parts of `PATH:SYMBOL` or `PATH:PROVIDER:NAME`; `undefined` for those that are not there. */
export function partsOf(rest: string): (string | undefined)[] {
  return rest === '' ? [] : rest.split(':');
}

/** @throws PerfRingError ERR_PERF_NOT_SUPPORTED */
export function sectionOf(program: string, section: string): Section {
  const parsed = parseSection(section);
  if (parsed !== undefined) return parsed;
  throw new PerfRingError(
    'ERR_PERF_NOT_SUPPORTED',
    `program ${program} is in section ${section}, whose programs perfring does not attach; pin it, or attach the descriptor of object.program(${JSON.stringify(program)})`,
  );
}
