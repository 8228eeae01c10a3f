import { PerfRingError } from '../errors';
import { checkString } from '../input/plain-data';

/** How a program of an object is attached. `automatic`: libbpf attaches it, by the section alone. */
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

/** What a section, such as `uretprobe/libc.so.6:getppid`, says about attaching its program. */
export interface Section {
  readonly kind: AttachKind;
  /** Whether the program runs when the function returns. */
  readonly isReturn: boolean;
  /** What follows the kind: `libc.so.6:getppid`; empty when nothing follows. */
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
 * @param section as written in the object
 * @returns `undefined` for a section whose programs this library does not attach
 * @see https://docs.kernel.org/bpf/libbpf/program_types.html
 */
function parseSection(section: string): Section | undefined {
  const [, prefix = '', rest = ''] = /^\??([^/]*)\/?(.*)$/.exec(section) ?? [];
  const kind = KINDS.get(prefix);
  // `xdp/devmap` and `xdp/cpumap` are for entries of maps, and run when a packet is redirected: they are not attached.
  if (kind === undefined || (kind === 'xdp' && rest !== '')) return undefined;
  return { kind, isReturn: prefix.includes('ret'), rest };
}

/** The function and offset of `do_nanosleep+0x10`. */
export function symbolOf(text: string): { readonly symbol: string; readonly offset: number } {
  const [symbol = '', offset = '0'] = text.split('+');
  return { symbol, offset: Number(offset) };
}

/** The parts of `PATH:SYMBOL` or `PATH:PROVIDER:NAME`; the array is shorter when parts are missing. */
export function partsOf(rest: string): (string | undefined)[] {
  return rest === '' ? [] : rest.split(':');
}

/**
 * What is needed to attach a program of this section: `'section'`, nothing, because the section says to what; `'target'`,
 * a target, which can be given as text; `undefined`: it is not attached, or to an open perf event.
 *
 * ```ts
 * const programs = describeObject(bytes).programs.filter(({ section }) => attachmentBy(section) === 'section');
 * ```
 * @param section as written in the object: `tp/sched/sched_switch`
 */
export function attachmentBy(section: string): 'section' | 'target' | undefined {
  checkString(section, 'section');
  const parsed = parseSection(section);
  switch (parsed?.kind) {
    case 'automatic':
      return 'section';
    case 'raw_tracepoint':
    case 'tracepoint':
    case 'kprobe':
    case 'uprobe':
    case 'usdt':
      return parsed.rest === '' ? 'target' : 'section';
    case 'cgroup':
    case 'xdp':
    case 'tc':
      return 'target';
    default:
      return undefined;
  }
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
