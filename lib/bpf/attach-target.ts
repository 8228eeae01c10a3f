import { PerfRingError } from '../errors';
import type { PerfEvent } from '../events/perf-event';
import { plainOptions } from '../input/plain-data';
import { shown } from '../input/shown';
import { checkString } from '../input/plain-data';
import { type AttachKind, partsOf, symbolOf } from './object-section';

/**
 * What to attach a program to, when its section does not say it, or in place of what it says. The section decides which
 * fields are allowed.
 */
export interface AttachTarget {
  /** `sched_switch` for `raw_tp`, `sched/sched_switch` for `tp`. */
  readonly tracepoint?: string;
  /** A function: of the kernel for `kprobe`, of the file for `uprobe`. */
  readonly symbol?: string;
  /** Bytes from the beginning of the function; without a symbol, of the file. 0 by default. */
  readonly offset?: number;
  /** `uprobe`, `usdt`: a file, or the name of a library or program, such as `libc.so.6`. */
  readonly path?: string;
  /** `uprobe`, `usdt`: the id of one process; every process by default. */
  readonly pid?: number;
  /** `usdt` */
  readonly provider?: string;
  /** `usdt` */
  readonly probe?: string;
  /** `perf_event`: an open event. */
  readonly event?: PerfEvent;
  /** `cgroup…`: the path of a control group of version 2. */
  readonly cgroup?: string;
  /** `xdp`, `tc`: the name of an interface, such as `eth0`. */
  readonly networkInterface?: string;
  /** `tc` */
  readonly direction?: 'ingress' | 'egress';
}

const TARGETS: Readonly<Record<AttachKind, readonly (keyof AttachTarget)[]>> = {
  raw_tracepoint: ['tracepoint'],
  tracepoint: ['tracepoint'],
  kprobe: ['symbol', 'offset'],
  uprobe: ['path', 'symbol', 'offset', 'pid'],
  usdt: ['path', 'provider', 'probe', 'pid'],
  perf_event: ['event'],
  cgroup: ['cgroup'],
  xdp: ['networkInterface'],
  tc: ['networkInterface', 'direction'],
  iterator: [],
  automatic: [],
};

/**
 * Checks the target of a program.
 * @param name and section: of the program, for messages
 * @throws PerfRingError ERR_PERF_INVALID_OPTION
 */
export function checkTarget(
  kind: AttachKind,
  given: AttachTarget,
  name: string,
  section: string,
): AttachTarget {
  const keys = TARGETS[kind];
  if (keys.length === 0) {
    const [surplus] = Object.keys(plainObject(given));
    if (surplus === undefined) return {};
    throw new PerfRingError(
      'ERR_PERF_INVALID_OPTION',
      `program ${name} takes no target.${surplus}: its section, ${section}, says what it is attached to`,
    );
  }
  const target = plainOptions(given, keys, 'ERR_PERF_INVALID_OPTION', 'target');
  for (const key of [
    'tracepoint',
    'symbol',
    'path',
    'provider',
    'probe',
    'cgroup',
    'networkInterface',
  ] as const) {
    if (target[key] !== undefined) checkString(target[key], `target.${key}`);
  }
  return target;
}

function plainObject(target: AttachTarget): object {
  if (typeof target === 'object' && target !== null) return target;
  throw new PerfRingError('ERR_PERF_INVALID_OPTION', `target must be an object, got ${shown(target)}`);
}

/** Targets as text, by kind. */
const FORMS: Readonly<Record<AttachKind, string | undefined>> = {
  raw_tracepoint: 'sched_switch',
  tracepoint: 'sched/sched_switch',
  kprobe: 'SYMBOL or SYMBOL+OFFSET',
  uprobe: 'PATH:SYMBOL, PATH:SYMBOL+OFFSET or PATH:OFFSET',
  usdt: 'PATH:PROVIDER:NAME',
  perf_event: undefined,
  cgroup: 'the path of a control group',
  xdp: 'the name of a network interface',
  tc: 'INTERFACE:ingress or INTERFACE:egress',
  iterator: undefined,
  automatic: undefined,
};

/**
 * A target from text, in the form of a section's name: `libc.so.6:getppid`.
 * @throws PerfRingError ERR_PERF_INVALID_OPTION
 */
export function targetFromText(kind: AttachKind, text: string, name: string, section: string): AttachTarget {
  const target = text === '' ? undefined : PARSE[kind]?.(text);
  if (target !== undefined) return target;
  const form = FORMS[kind];
  throw new PerfRingError(
    'ERR_PERF_INVALID_OPTION',
    form === undefined
      ? `program ${name}, of section ${section}, takes no target as text, got ${shown(text)}`
      : `the target of program ${name}, of section ${section}, is ${form}; got ${shown(text)}`,
  );
}

/** Returns `undefined` for text of another form. */
type Parse = (text: string) => AttachTarget | undefined;

const OFFSET = /^(?:0x[0-9a-f]+|\d+)$/i;

const PARSE: Readonly<Partial<Record<AttachKind, Parse>>> = {
  raw_tracepoint: (tracepoint) => ({ tracepoint }),
  tracepoint: (tracepoint) => (/^[^/:]+[/:][^/:]+$/.test(tracepoint) ? { tracepoint } : undefined),
  kprobe: (text) => functionIn(text),
  uprobe: (text) => {
    const [path = '', place = '', ...more] = partsOf(text);
    if (path === '' || place === '' || more.length > 0) return undefined;
    if (OFFSET.test(place)) return { path, offset: Number(place) };
    const target = functionIn(place);
    return target === undefined ? undefined : { path, ...target };
  },
  usdt: (text) => {
    const [path = '', provider = '', probe = '', ...more] = partsOf(text);
    return path === '' || provider === '' || probe === '' || more.length > 0
      ? undefined
      : { path, provider, probe };
  },
  cgroup: (cgroup) => ({ cgroup }),
  xdp: (networkInterface) => ({ networkInterface }),
  tc: (text) => {
    const [networkInterface = '', direction, ...more] = partsOf(text);
    if (networkInterface === '' || more.length > 0) return undefined;
    return direction === 'ingress' || direction === 'egress' ? { networkInterface, direction } : undefined;
  },
};

function functionIn(text: string): AttachTarget | undefined {
  const { symbol, offset } = symbolOf(text);
  return symbol === '' || !Number.isSafeInteger(offset) || offset < 0 ? undefined : { symbol, offset };
}
