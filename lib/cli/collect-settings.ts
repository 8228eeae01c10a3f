import {
  BUILTIN_PROGRAMS,
  type BuiltinOptions,
  type BuiltinName,
  type BuiltinNamed,
  type BuiltinProgram,
  DEFAULT_BUILTIN,
  type FlightRecorderOptions,
  kernel,
  parseCpuList,
  type PerfMapReaderOptions,
  possibleCpus,
  type RingBufferReaderOptions,
  type Wakeup,
} from '../index';
import { builtinLayout, commonLayout } from './builtin-layout';
import type { LayoutChoice } from './event-layout';
import { type CommandError, usageError } from './failure';
import { filterOf } from './filter/filter';
import { FORMAT_NAMES, type FormatName } from './formats/formats';
import type { ObjectSettings } from './object-source';
import { formatSize, parseDuration, parseSize, parseWhole } from './quantities';

/** The options of `collect` as the user typed them, under commander's names. */
export interface CollectArguments {
  readonly builtin?: readonly string[];
  readonly mapPin?: string;
  readonly mapId?: string;
  readonly map?: string;
  readonly attach?: readonly string[];
  readonly set?: readonly string[];
  readonly type?: string;
  readonly layout?: string;
  readonly pid?: string;
  readonly syscall?: string;
  readonly comm?: string;
  readonly uid?: string;
  readonly cgroup?: string;
  readonly includeSelf?: true;
  readonly filter?: string;
  readonly cpus?: string;
  readonly bufferBytes?: string;
  readonly memory?: string;
  readonly order?: string;
  readonly wakeup?: string;
  readonly latency?: string;
  readonly overwrite?: true;
  readonly format?: string;
  readonly output?: string;
  readonly force?: true;
  readonly duration?: string;
  readonly count?: string;
  readonly quiet?: true;
}

/** A built-in program, and its options. */
export interface BuiltinRun {
  readonly program: BuiltinNamed<BuiltinName>;
  readonly options: BuiltinOptions;
}

/** The source of the samples: a built-in program, the user's own, or an existing map by its pin or its id. */
export type Source =
  | {
      readonly kind: 'builtin';
      readonly programs: readonly BuiltinRun[];
    }
  | { readonly kind: 'object'; readonly object: ObjectSettings; readonly layout: LayoutChoice }
  | { readonly kind: 'pin'; readonly path: string; readonly layout: LayoutChoice }
  | { readonly kind: 'id'; readonly id: number; readonly layout: LayoutChoice };

/** How samples are delivered: as a stream, or as snapshots of rings where new samples overwrite old ones. */
export type Delivery =
  | { readonly kind: 'stream'; readonly options: PerfMapReaderOptions }
  | { readonly kind: 'flight'; readonly options: FlightRecorderOptions };

/** The checked options of `collect`. */
export interface CollectSettings {
  readonly source: Source;
  readonly delivery: Delivery;
  /** The options of a ring buffer map; an error if options were given that it does not have. */
  readonly ringBuffer: RingBufferReaderOptions | CommandError;
  readonly format: FormatName;
  /** A condition in CEL: only samples that meet it are written. */
  readonly filter: string | undefined;
  /** The output file; undefined for stdout. */
  readonly output: { readonly path: string; readonly force: boolean } | undefined;
  readonly durationMilliseconds: number | undefined;
  /** Stop after exactly this number of samples. */
  readonly count: number | undefined;
  readonly quiet: boolean;
}

/** The longest timeout of a timer in Node. */
const LONGEST_DURATION_MICROSECONDS = (2 ** 31 - 1) * 1000;

/**
 * Checks the options before anything is opened.
 * @param object the path of a BPF object, if one was given
 * @throws CommandError (usage); ERR_PERF_INVALID_ARGUMENT for a CPU list
 */
export function collectSettings(given: CollectArguments, object?: string): CollectSettings {
  checkExclusions(given, object);
  const source = sourceOf(given, object);
  const delivery = deliveryOf(given, source);
  // The fields of other sources are known when they are open.
  const layout = source.kind === 'builtin' ? commonLayout(builtinLayout(source.programs)) : undefined;
  if (given.filter !== undefined && layout !== undefined) filterOf(given.filter, layout);
  return {
    source,
    delivery,
    ringBuffer: ringBufferOf(given, source, delivery),
    format: oneOf(given.format ?? 'table', '--format', FORMAT_NAMES),
    filter: given.filter,
    output: outputOf(given),
    durationMilliseconds: durationOf(given.duration),
    count: given.count === undefined ? undefined : parseWhole(given.count, '--count', 1),
    quiet: given.quiet === true,
  };
}

/** Options of the samples of built-in programs, of an object, and of objects and maps. */
const BUILTIN_OPTIONS = ['pid', 'comm', 'uid', 'cgroup', 'syscall', 'includeSelf'] as const;
const OBJECT_OPTIONS = ['map', 'attach', 'set'] as const;
const LAYOUT_OPTIONS = ['type', 'layout'] as const;

/** Pairs of options that can't be given together, with the reason. */
const EXCLUSIONS: readonly (readonly [keyof CollectArguments, keyof CollectArguments, string?])[] = [
  ['builtin', 'mapPin'],
  ['builtin', 'mapId'],
  ['mapPin', 'mapId'],
  ...BUILTIN_OPTIONS.flatMap((filter) => [
    ['mapPin', filter, 'only built-in programs filter'] as const,
    ['mapId', filter, 'only built-in programs filter'] as const,
  ]),
  ['bufferBytes', 'memory', 'the first is the size of each ring, the second of all rings together'],
  ['overwrite', 'order', 'snapshots are in time order'],
  ['overwrite', 'wakeup', 'nothing is read until SIGUSR2'],
  ['overwrite', 'latency', 'nothing is read until SIGUSR2'],
  ['overwrite', 'count', 'a snapshot is always written completely'],
];

function checkExclusions(given: CollectArguments, object: string | undefined): void {
  for (const [one, other, why] of EXCLUSIONS) {
    if (given[one] === undefined || given[other] === undefined) continue;
    throw usageError(
      `give ${flagOf(one)} or ${flagOf(other)}, not both${why === undefined ? '' : `: ${why}`}`,
    );
  }
  if (object === undefined) {
    const option = OBJECT_OPTIONS.find((name) => given[name] !== undefined);
    if (option !== undefined) {
      throw usageError(
        `${flagOf(option)} is for a BPF object: perfring collect PROGRAM.bpf.o ${flagOf(option)} …`,
      );
    }
    const isMap = given.mapPin !== undefined || given.mapId !== undefined;
    const layout = isMap ? undefined : LAYOUT_OPTIONS.find((name) => given[name] !== undefined);
    if (layout !== undefined) throw usageError(`${flagOf(layout)} is for an object or a map`);
    return;
  }
  const source = (['builtin', 'mapPin', 'mapId'] as const).find((name) => given[name] !== undefined);
  if (source !== undefined) throw usageError(`give a BPF object or ${flagOf(source)}, not both`);
  const filter = BUILTIN_OPTIONS.find((name) => given[name] !== undefined);
  if (filter !== undefined) {
    throw usageError(
      `${flagOf(filter)} is for built-in programs; to filter in your own, set one of its variables: --set NAME=VALUE`,
    );
  }
}

function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function sourceOf(given: CollectArguments, path: string | undefined): Source {
  const layout = { type: given.type, file: given.layout };
  if (path !== undefined) {
    if (path === '') throw usageError('collect takes the path of a BPF object, like exec.bpf.o');
    return { kind: 'object', object: objectOf(given, path), layout };
  }
  if (given.mapPin !== undefined) {
    if (given.mapPin === '') throw usageError('--map-pin takes a path, like /sys/fs/bpf/events');
    return { kind: 'pin', path: given.mapPin, layout };
  }
  if (given.mapId !== undefined) {
    return { kind: 'id', id: parseWhole(given.mapId, '--map-id', 1, 0xffff_ffff), layout };
  }
  const programs = (given.builtin ?? [DEFAULT_BUILTIN.name]).map(builtinOf);
  const twice = programs.find((program, index) => programs.indexOf(program) !== index);
  if (twice !== undefined) throw usageError(`--builtin ${twice.name} is given twice; give it once`);
  if (given.syscall !== undefined && !programs.some(takesSyscall)) {
    throw usageError('--syscall is for --builtin sys_enter and sys_exit');
  }
  return {
    kind: 'builtin',
    programs: programs.map((program) => ({ program, options: filtersOf(given, program) })),
  };
}

function builtinOf(name: string): BuiltinNamed<BuiltinName> {
  const program = BUILTIN_PROGRAMS.find((one) => one.name === name);
  if (program !== undefined) return program;
  const names = BUILTIN_PROGRAMS.map((one) => one.name).join(', ');
  throw usageError(`--builtin takes one of ${names}, got "${name}"`);
}

function takesSyscall({ options }: BuiltinProgram): boolean {
  return options.includes('syscall');
}

function objectOf(given: CollectArguments, path: string): ObjectSettings {
  const attach = (given.attach ?? []).map((text) => {
    const [program = '', target] = splitAt('=', text);
    if (program === '') throw usageError(`--attach takes PROGRAM or PROGRAM=TARGET, got "${text}"`);
    return { program, target };
  });
  const set = (given.set ?? []).map((text) => {
    const [name = '', value] = splitAt('=', text);
    if (name === '' || value === undefined) throw usageError(`--set takes NAME=VALUE, got "${text}"`);
    return { name, value };
  });
  const twice = set.find(({ name }, index) => set.findIndex((other) => other.name === name) !== index);
  if (twice !== undefined) throw usageError(`--set ${twice.name} is given twice; give it once`);
  const ringBytes = given.bufferBytes === undefined ? undefined : bufferBytesOf(given.bufferBytes);
  return { path, map: given.map, attach, set, ringBytes };
}

/** The text before and after the first separator; the second is undefined without one. */
function splitAt(separator: string, text: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/** The highest possible process id and system call number. */
const HIGHEST_NUMBER = 0x7fff_ffff;
/** The highest user id. */
const HIGHEST_UID = 0xffff_fffe;

function filtersOf(given: CollectArguments, program: BuiltinProgram): BuiltinOptions {
  const filters: { -readonly [Name in keyof BuiltinOptions]: BuiltinOptions[Name] } = {};
  if (given.pid !== undefined) filters.tgid = parseWhole(given.pid, '--pid', 0, HIGHEST_NUMBER);
  else if (given.includeSelf === undefined) filters.excludeTgid = process.pid;
  if (given.comm !== undefined) filters.comm = commOf(given.comm);
  if (given.uid !== undefined) filters.uid = parseWhole(given.uid, '--uid', 0, HIGHEST_UID);
  if (given.cgroup !== undefined) {
    if (given.cgroup === '') throw usageError('--cgroup takes the path of a directory');
    filters.cgroup = given.cgroup;
  }
  if (given.syscall !== undefined && takesSyscall(program)) {
    filters.syscall = syscallOf(given.syscall, program);
  }
  return filters;
}

/** Most bytes of a thread's name in the kernel. */
const LONGEST_COMM = 15;

/** The kernel cuts names, so a longer one is cut alike: then a command's full name finds it. */
function commOf(text: string): string {
  if (text === '') throw usageError('--comm takes the name of a command');
  const bytes = Buffer.from(text);
  if (bytes.length <= LONGEST_COMM) return text;
  const cut = bytes.subarray(0, LONGEST_COMM).toString();
  if (Buffer.byteLength(cut) === LONGEST_COMM) return cut;
  throw usageError(
    `--comm takes at most ${LONGEST_COMM} bytes here: the kernel cuts the name within a character`,
  );
}

function syscallOf(text: string, { layout }: BuiltinProgram): string | number {
  if (/^\d+$/.test(text)) return parseWhole(text, '--syscall', 0, HIGHEST_NUMBER);
  const names = layout.fields.find(({ name }) => name === 'syscall')?.values ?? {};
  if (Object.hasOwn(names, text)) return text;
  throw usageError(`--syscall takes the name of a system call, like openat, or its number, got "${text}"`);
}

function deliveryOf(given: CollectArguments, source: Source): Delivery {
  const common = {
    ...(given.cpus === undefined ? {} : { cpus: cpusOf(given.cpus) }),
    ...(given.bufferBytes === undefined ? {} : { bufferBytes: bufferBytesOf(given.bufferBytes) }),
    ...(given.memory === undefined ? {} : { memoryBytes: parseSize(given.memory, '--memory') }),
    // The layout of another program's samples is unknown, so the kernel is asked to add process and thread.
    ...(source.kind === 'builtin' ? {} : { attributes: { sample_type: kernel.PERF_SAMPLE_TID } }),
  };
  if (given.overwrite !== undefined) return { kind: 'flight', options: { ...common, ...marginOf(source) } };
  const wakeup = wakeupOf(given.wakeup ?? 'moderated');
  if (given.latency !== undefined && wakeup !== 'moderated') {
    throw usageError(
      '--latency needs --wakeup moderated: with events:N and bytes:N the kernel decides when to wake',
    );
  }
  return {
    kind: 'stream',
    options: {
      ...common,
      ...orderOf(given.order, source),
      wakeup,
      ...(given.latency === undefined ? {} : { latencyMicroseconds: latencyOf(given.latency) }),
    },
  };
}

/** Options that a ring buffer map does not have: it has one ring, for all CPUs, in the order of reservation. */
const PERF_ARRAY_OPTIONS = ['cpus', 'memory', 'order', 'overwrite'] as const;

function ringBufferOf(
  given: CollectArguments,
  source: Source,
  delivery: Delivery,
): RingBufferReaderOptions | CommandError {
  const refused = PERF_ARRAY_OPTIONS.find((name) => given[name] !== undefined);
  if (refused !== undefined || delivery.kind !== 'stream') {
    return usageError(
      `${flagOf(refused ?? 'overwrite')} is for perf event arrays; a ring buffer map has one ring for all CPUs, in one order`,
    );
  }
  if (given.bufferBytes !== undefined && source.kind !== 'object') {
    return usageError(
      '--buffer-bytes is for perf event arrays; the size of an existing ring buffer map is fixed',
    );
  }
  const { wakeup = 'moderated', latencyMicroseconds } = delivery.options;
  if (typeof wakeup === 'object' && !('everyEvents' in wakeup && wakeup.everyEvents === 1)) {
    return usageError('--wakeup of a ring buffer map is moderated or events:1');
  }
  return {
    wakeup: typeof wakeup === 'object' ? { everyEvents: 1 } : wakeup,
    ...(latencyMicroseconds === undefined ? {} : { latencyMicroseconds }),
  };
}

/** Samples of built-in programs contain their time, so the kernel does not have to add it. */
function orderOf(
  order: string | undefined,
  source: Source,
): Pick<PerfMapReaderOptions, 'order' | 'timeInPayload'> {
  if (oneOf(order ?? 'time', '--order', ['time', 'cpu'] as const) === 'cpu') return { order: 'cpu' };
  return source.kind === 'builtin' ? { order: 'time', timeInPayload: TIME_OFFSET } : { order: 'time' };
}

/** Offset of the field `time` in the samples of every built-in program. */
const TIME_OFFSET = 0;

/** An upper limit for the bytes of a record in addition to its payload. */
const RECORD_OVERHEAD_BYTES = 64;

/**
 * A snapshot leaves out as many bytes at its oldest end as the largest record has. For built-in programs the largest
 * sample is known, so fewer bytes are left out.
 */
function marginOf(source: Source): Pick<FlightRecorderOptions, 'largestRecordBytes'> {
  if (source.kind !== 'builtin') return {};
  const layouts = source.programs.map(({ program }) => program.layout);
  // With a last field of variable length the size is unknown.
  if (layouts.some(({ fields }) => fields.at(-1)?.size === 0)) return {};
  return { largestRecordBytes: Math.max(...layouts.map(({ size }) => size)) + RECORD_OVERHEAD_BYTES };
}

function cpusOf(text: string): number[] {
  let cpus: number[];
  try {
    cpus = parseCpuList(text);
  } catch (error) {
    throw usageError(`--cpus: ${(error as Error).message}`);
  }
  if (cpus.length === 0) throw usageError('--cpus takes a list of CPU numbers, like 0-3,5');
  const possible = possibleCpus();
  const absent = cpus.find((cpu) => !possible.includes(cpu));
  if (absent !== undefined) {
    throw usageError(`--cpus: there is no CPU ${absent}; the highest is ${Math.max(...possible)}`);
  }
  return cpus;
}

/** The largest ring that the library accepts. */
const LARGEST_RING_BYTES = 2 ** 30;

function bufferBytesOf(text: string): number {
  const bytes = parseSize(text, '--buffer-bytes');
  const below = 2 ** Math.floor(Math.log2(bytes));
  if (below !== bytes) {
    throw usageError(
      `--buffer-bytes takes a power of two, got ${text}; the nearest are ${formatSize(below)} and ${formatSize(below * 2)}`,
    );
  }
  if (bytes > LARGEST_RING_BYTES) throw usageError(`--buffer-bytes takes at most 1G, got ${text}`);
  return bytes;
}

function wakeupOf(text: string): Wakeup {
  if (text === 'moderated') return 'moderated';
  const [, unit, number = ''] = /^(events|bytes):(.*)$/.exec(text) ?? [];
  if (unit === 'events') return { everyEvents: parseWhole(number, '--wakeup events:N', 1, 0x7fff_ffff) };
  if (unit === 'bytes') return { everyBytes: parseSize(number, '--wakeup bytes:N') };
  throw usageError(`--wakeup takes moderated, events:N or bytes:N, got "${text}"`);
}

function latencyOf(text: string): number {
  const microseconds = parseDuration(text, '--latency');
  if (microseconds < 50 || microseconds > 1e6) {
    throw usageError(`--latency takes 50us to 1s, got ${text}`);
  }
  return microseconds;
}

/** Names of stdout. /dev/stdout is a symbolic link, and symbolic links are not followed. */
const STDOUT_NAMES: readonly string[] = ['-', '/dev/stdout'];

function outputOf(given: CollectArguments): CollectSettings['output'] {
  if (given.output === undefined || STDOUT_NAMES.includes(given.output)) {
    if (given.force !== undefined) throw usageError('--force is for --output FILE');
    return undefined;
  }
  if (given.output === '') throw usageError('--output takes a file name');
  return { path: given.output, force: given.force === true };
}

function durationOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const microseconds = parseDuration(text, '--duration');
  if (microseconds > LONGEST_DURATION_MICROSECONDS) throw usageError('--duration takes at most 596h');
  return Math.max(1, Math.round(microseconds / 1000));
}

function oneOf<Name extends string>(text: string, option: string, names: readonly Name[]): Name {
  const name = names.find((one) => one === text);
  if (name !== undefined) return name;
  throw usageError(`${option} takes ${names.join(' or ')}, got "${text}"`);
}
