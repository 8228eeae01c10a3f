import { type CollectArguments, collectSettings } from '../../../lib/cli/collect-settings';
import { exitCodeOf } from '../../../lib/cli/failure';
import { BUILTIN_PROGRAMS, possibleCpus } from '../../../lib/index';

const OTHER_CPU = Math.max(...possibleCpus()) + 1;

describe('collectSettings', () => {
  it('samples sched_switch without this process, in time order, as a table, until it is stopped', () => {
    const program = BUILTIN_PROGRAMS.find(({ name }) => name === 'sched_switch');
    expect(collectSettings({})).toEqual({
      source: { kind: 'builtin', programs: [{ program, options: { excludeTgid: process.pid } }] },
      delivery: { kind: 'stream', options: { order: 'time', timeInPayload: 0, wakeup: 'moderated' } },
      ringBuffer: { wakeup: 'moderated' },
      format: 'table',
      filter: undefined,
      output: undefined,
      durationMilliseconds: undefined,
      count: undefined,
      quiet: false,
    });
  });

  it('takes a list of CPUs whose ranges overlap as the set of them, as taskset does', () => {
    const { delivery } = collectSettings({ builtin: ['sys_enter'], cpus: '0,0-0,0' });
    expect(delivery.options.cpus).toEqual([0]);
  });

  it('runs several programs, each with the options that it takes', () => {
    const { source } = collectSettings({ builtin: ['exec', 'sys_exit'], pid: '17', syscall: 'openat' });
    const programs = source.kind === 'builtin' ? source.programs : [];
    expect(programs.map(({ program, options }) => [program.name, options])).toEqual([
      ['exec', { tgid: 17 }],
      ['sys_exit', { tgid: 17, syscall: 'openat' }],
    ]);
  });

  it('leaves room in a snapshot for the largest sample, if that is known', () => {
    const optionsOf = (builtin: string[]) => collectSettings({ builtin, overwrite: true }).delivery.options;
    const sizeOf = (one: string): number =>
      BUILTIN_PROGRAMS.find(({ name }) => name === one)?.layout.size ?? 0;
    expect(optionsOf(['exit', 'open'])).toEqual({ largestRecordBytes: sizeOf('open') + 64 });
    expect(optionsOf(['exit', 'exec'])).toEqual({});
  });

  it('accepts every option', () => {
    const settings = collectSettings({
      builtin: ['sys_enter'],
      pid: '17',
      comm: 'a-name-that-the-kernel-cuts',
      uid: '1000',
      cgroup: '/sys/fs/cgroup/x',
      syscall: '59',
      cpus: '0',
      bufferBytes: '1M',
      order: 'cpu',
      wakeup: 'moderated',
      latency: '2ms',
      format: 'raw',
      output: 'file',
      force: true,
      duration: '1.5s',
      count: '9',
      quiet: true,
    });
    expect(settings).toMatchObject({
      source: {
        kind: 'builtin',
        programs: [
          {
            options: {
              tgid: 17,
              comm: 'a-name-that-the',
              uid: 1000,
              cgroup: '/sys/fs/cgroup/x',
              syscall: 59,
            },
          },
        ],
      },
      delivery: {
        kind: 'stream',
        options: {
          cpus: [0],
          bufferBytes: 2 ** 20,
          order: 'cpu',
          wakeup: 'moderated',
          latencyMicroseconds: 2000,
        },
      },
      format: 'raw',
      output: { path: 'file', force: true },
      durationMilliseconds: 1500,
      count: 9,
      quiet: true,
    });
  });

  it('filters nothing with --include-self', () => {
    expect(collectSettings({ includeSelf: true }).source).toMatchObject({ programs: [{ options: {} }] });
  });

  it('asks the kernel for time and thread where the payload is unknown', () => {
    expect(collectSettings({ mapPin: '/sys/fs/bpf/events' })).toMatchObject({
      source: { kind: 'pin', path: '/sys/fs/bpf/events' },
      delivery: { options: { order: 'time', attributes: { sample_type: 2 } } },
    });
    expect(collectSettings({ mapId: '7' }).source).toEqual({
      kind: 'id',
      id: 7,
      layout: { type: undefined, file: undefined },
    });
  });

  it.each(['-', '/dev/stdout'])('takes --output %s for stdout', (output) => {
    expect(collectSettings({ output }).output).toBeUndefined();
    expect(() => collectSettings({ output, force: true })).toThrow('--force is for --output FILE');
  });

  it.each([
    ['events:16', { everyEvents: 16 }],
    ['bytes:64K', { everyBytes: 65_536 }],
  ])('takes --wakeup %s', (wakeup, expected) => {
    expect(collectSettings({ wakeup }).delivery.options).toMatchObject({ wakeup: expected });
  });

  it('records into rings that overwrite themselves, of one budget', () => {
    const { delivery } = collectSettings({ overwrite: true, memory: '64M' });
    expect(delivery).toMatchObject({ kind: 'flight', options: { memoryBytes: 2 ** 26 } });
  });

  it.each<[CollectArguments, string]>([
    [
      { builtin: ['nope'] },
      '--builtin takes one of sched_switch, exec, exit, sys_enter, sys_exit, open, connect, accept, block_io, sched_process_exec, got "nope"',
    ],
    [{ builtin: ['exec', 'exit', 'exec'] }, '--builtin exec is given twice; give it once'],
    [{ comm: '' }, '--comm takes the name of a command'],
    [
      { comm: 'fourteen bytesü' },
      '--comm takes at most 15 bytes here: the kernel cuts the name within a character',
    ],
    [{ uid: '4294967295' }, '--uid takes a whole number, from 0 to 4294967294, got "4294967295"'],
    [{ cgroup: '' }, '--cgroup takes the path of a directory'],
    [{ mapId: '1', cgroup: 'x' }, 'give --map-id or --cgroup, not both: only built-in programs filter'],
    [{ builtin: ['sys_enter'], mapPin: 'x' }, 'give --builtin or --map-pin, not both'],
    [{ builtin: ['sys_enter'], mapId: '1' }, 'give --builtin or --map-id, not both'],
    [{ mapPin: 'x', mapId: '1' }, 'give --map-pin or --map-id, not both'],
    [{ mapPin: '' }, '--map-pin takes a path, like /sys/fs/bpf/events'],
    [{ mapId: '0' }, '--map-id takes a whole number, from 1 to 4294967295, got "0"'],
    [{ mapId: 'x' }, '--map-id takes a whole number, from 1 to 4294967295, got "x"'],
    [{ mapId: '1', pid: '1' }, 'give --map-id or --pid, not both: only built-in programs filter'],
    [
      { mapPin: 'x', includeSelf: true },
      'give --map-pin or --include-self, not both: only built-in programs filter',
    ],
    [{ pid: '-1' }, '--pid takes a whole number, from 0 to 2147483647, got "-1"'],
    [{ syscall: '1' }, '--syscall is for --builtin sys_enter and sys_exit'],
    [
      { builtin: ['sys_enter'], syscall: 'raed' },
      '--syscall takes the name of a system call, like openat, or its number, got "raed"',
    ],
    [{ cpus: '' }, '--cpus takes a list of CPU numbers, like 0-3,5'],
    [{ cpus: 'a' }, '--cpus: CPU list "a": "a" is neither a CPU number nor a range; write for example 0-3,5'],
    [{ cpus: `${OTHER_CPU}` }, `--cpus: there is no CPU ${OTHER_CPU}; the highest is ${OTHER_CPU - 1}`],
    [{ bufferBytes: '300K' }, '--buffer-bytes takes a power of two, got 300K; the nearest are 256K and 512K'],
    [{ bufferBytes: '2G' }, '--buffer-bytes takes at most 1G, got 2G'],
    [
      { bufferBytes: '1M', memory: '1M' },
      'give --buffer-bytes or --memory, not both: the first is the size of each ring, the second of all rings together',
    ],
    [{ order: 'size' }, '--order takes time or cpu, got "size"'],
    [{ wakeup: 'manual' }, '--wakeup takes moderated, events:N or bytes:N, got "manual"'],
    [{ wakeup: 'events:0' }, '--wakeup events:N takes a whole number, from 1 to 2147483647, got "0"'],
    [
      { wakeup: 'events:2147483648' },
      '--wakeup events:N takes a whole number, from 1 to 2147483647, got "2147483648"',
    ],
    [
      { wakeup: 'bytes:x' },
      '--wakeup bytes:N takes a number of bytes above 0, like 65536, 256K or 1M, got "x"',
    ],
    [{ latency: '49us' }, '--latency takes 50us to 1s, got 49us'],
    [{ latency: '2s' }, '--latency takes 50us to 1s, got 2s'],
    [
      { latency: '1ms', wakeup: 'events:1' },
      '--latency needs --wakeup moderated: with events:N and bytes:N the kernel decides when to wake',
    ],
    [
      { overwrite: true, count: '1' },
      'give --overwrite or --count, not both: a snapshot is always written completely',
    ],
    [
      { overwrite: true, order: 'time' },
      'give --overwrite or --order, not both: snapshots are in time order',
    ],
    [{ format: 'json' }, '--format takes table or ndjson or raw, got "json"'],
    [{ output: '' }, '--output takes a file name'],
    [{ force: true }, '--force is for --output FILE'],
    [{ duration: '1000h' }, '--duration takes at most 596h'],
    [{ count: '0' }, '--count takes a whole number, 1 or more, got "0"'],
  ])('refuses %j in one line', (given, message) => {
    let thrown: unknown;
    try {
      collectSettings(given);
    } catch (error) {
      thrown = error;
    }
    expect((thrown as Error).message).toBe(message);
    expect(exitCodeOf(thrown)).toBe(2);
  });
});
