import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { getuid } from 'node:process';
import { addon, withAddon } from '../../../lib/addon/load';
import { attachBuiltin } from '../../../lib/bpf/attach-builtin';
import { builtinUnion } from '../../../lib/bpf/builtin-union';
import { PerfEventArray } from '../../../lib/bpf/perf-event-array';
import type { BuiltinName } from '../../../lib/bpf/programs';
import type { BuiltinOptions } from '../../../lib/bpf/programs/builtin-program';
import type { LayoutValues } from '../../../lib/layout/sample-layout';
import { decode } from '../../support/decode';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith, READER_CAPABILITIES } from '../../support/privilege';
import { RawRings } from '../../support/raw-rings';

/** The number of sched_getaffinity(2), which node calls only when it starts. */
const SCHED_GETAFFINITY = process.arch === 'arm64' ? 123 : 204;

/** prev_state S, as a number. */
const SLEEPING = 1;

/** Where cgroup2 is mounted. */
const CGROUPS = /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/mounts', 'utf8'))?.[1];

afterAll(expectNothingLeft);

describeWith(READER_CAPABILITIES, 'attachBuiltin', () => {
  let array: PerfEventArray;
  let rings: RawRings;

  beforeEach(() => {
    array = PerfEventArray.create();
    rings = new RawRings(array);
  });

  afterEach(() => {
    rings.close();
    array.close();
  });

  /** The decoded samples of a built-in program while `run` ran. */
  function samplesOf(name: BuiltinName, options: BuiltinOptions, run: () => void) {
    using attached = attachBuiltin(name, array, options);
    run();
    attached.close();
    const records = rings.drain();
    // raw_size includes the padding up to the next record.
    expect(new Set(records.map((record) => record.payload.length))).toEqual(
      new Set(records.length === 0 ? [] : [Math.ceil((attached.builtin.layout.size + 4) / 8) * 8 - 4]),
    );
    return records.map((record) => decode(attached.builtin.layout, record.payload));
  }

  /** Makes this thread leave its CPU. */
  function sleep(): void {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
  }

  it('takes the names of the built-in programs, and has the types of their samples', () => {
    using attached = attachBuiltin('sched_switch', array);
    type Event = LayoutValues<typeof attached.builtin.layout>;
    const state = (event: Event): number | string => event.prev_state;
    // @ts-expect-error a sched_switch has no file name
    const filename = (event: Event): unknown => event.filename;
    const event = { prev_state: 'S' } as Event;
    expect([state(event), filename(event)]).toEqual(['S', undefined]);
    // @ts-expect-error there is no such program
    expect(() => attachBuiltin('sched_swich', array)).toThrow(
      expect.objectContaining({
        code: 'ERR_PERF_INVALID_ARGUMENT',
        message: expect.stringContaining('sched_switch'),
      }),
    );
  });

  it('sched_switch samples a thread that leaves its CPU', () => {
    const begin = process.hrtime.bigint();
    const samples = samplesOf('sched_switch', { tgid: process.pid }, sleep);
    const own = samples.filter(({ tid }) => tid === process.pid);
    expect(own.length).toBeGreaterThan(0);
    // The thread slept, so it was not preempted.
    const slept = own.filter(({ preempt, prev_state }) => preempt === 0 && prev_state === SLEEPING);
    expect(slept.length).toBeGreaterThan(0);
    for (const { time, comm } of slept) {
      expect(time).toBeGreaterThan(begin);
      expect(time).toBeLessThan(process.hrtime.bigint());
      expect(comm).toBe(readFileSync('/proc/thread-self/comm', 'utf8').trim());
    }
  });

  it('sched_switch samples every process but the one left out', () => {
    const samples = samplesOf('sched_switch', { excludeTgid: process.pid }, () => execFileSync('true'));
    expect(samples.length).toBeGreaterThan(0);
    expect(samples.map(({ pid }) => pid)).not.toContain(process.pid);
  });

  it('sys_enter samples each call of a number by a process, and no other', () => {
    const samples = samplesOf('sys_enter', { tgid: process.pid, syscall: SCHED_GETAFFINITY }, () => {
      for (let call = 0; call < 5; call++) addon().getThreadAffinity();
    });
    expect(samples).toHaveLength(5);
    for (const sample of samples) {
      expect(sample).toMatchObject({
        tid: process.pid,
        pid: process.pid,
        syscall: SCHED_GETAFFINITY,
        uid: getuid?.(),
      });
    }
  });

  it('samples only threads of a name', () => {
    const samples = samplesOf('sys_enter', { comm: 'true' }, () => {
      execFileSync('true');
      execFileSync('/bin/echo');
    });
    expect(samples.length).toBeGreaterThan(0);
    expect(new Set(samples.map(({ comm }) => comm))).toEqual(new Set(['true']));
  });

  it('samples only processes of a user', () => {
    const samples = samplesOf('sys_enter', { uid: 65_533 }, () => {
      execFileSync('true', { uid: 65_533 });
      execFileSync('true');
    });
    expect(samples.length).toBeGreaterThan(0);
    expect(new Set(samples.map(({ uid }) => uid))).toEqual(new Set([65_533]));
  });

  it('refuses what is no cgroup, and leaves nothing behind', () => {
    for (const cgroup of ['/tmp', '/no/such/cgroup', '/proc/self/status']) {
      expect(() => attachBuiltin('sys_enter', array, { cgroup })).toThrow(
        expect.objectContaining({
          code: 'ERR_PERF_INVALID_OPTION',
          message: expect.stringContaining(cgroup),
        }),
      );
    }
    expect(addon().openHandles()).toMatchObject({ bpfMaps: 1, bpfPrograms: 0, bpfLinks: 0 });
  });

  (CGROUPS === undefined ? it.skip : it)(
    'samples only processes in a cgroup and below (needs cgroup2)',
    () => {
      const cgroup = join(CGROUPS as string, `perfring-${process.pid}`);
      const below = join(cgroup, 'below');
      mkdirSync(below, { recursive: true });
      try {
        const samples = samplesOf('sys_enter', { cgroup }, () => {
          const enter = (path: string, command: string): unknown =>
            execFileSync('sh', ['-c', `echo 0 > ${path}/cgroup.procs && exec ${command}`]);
          enter(cgroup, 'true');
          enter(below, 'cat /dev/null');
          execFileSync('/bin/echo');
        });
        expect(new Set(samples.map(({ comm }) => comm))).toEqual(new Set(['sh', 'true', 'cat']));
      } finally {
        rmdirSync(below);
        rmdirSync(cgroup);
      }
    },
  );

  it('closes the maps and both parts of a program', () => {
    const attached = attachBuiltin('sys_exit', array);
    expect(addon().openHandles()).toMatchObject({ bpfMaps: 1, bpfPrograms: 0, bpfLinks: 2 });
    attached.close();
    expect(addon().openHandles()).toMatchObject({ bpfMaps: 1, bpfPrograms: 0, bpfLinks: 0 });
  });

  it('writes the samples of several programs to one array, told apart by a union', () => {
    const names = ['sys_enter', 'sys_exit'] as const;
    const attachments = names.map((name) =>
      attachBuiltin(name, array, { tgid: process.pid, syscall: SCHED_GETAFFINITY }),
    );
    addon().getThreadAffinity();
    for (const attached of attachments) attached.close();
    const union = builtinUnion(names);
    const events = rings.drain().map(({ payload }) => {
      const tag = new DataView(payload.buffer, payload.byteOffset).getUint32(union.tag.offset, true);
      return union.cases.find(({ value }) => value === tag)?.name;
    });
    expect(events).toEqual(['sys_enter', 'sys_exit']);
  });

  it('closes the program and what it was attached to, and samples nothing more', () => {
    const attached = attachBuiltin('sys_enter', array, { tgid: process.pid, syscall: SCHED_GETAFFINITY });
    expect(addon().openHandles()).toMatchObject({ bpfPrograms: 0, bpfLinks: 1 });
    expect(attached.closed).toBe(false);
    attached.close();
    attached.close();
    expect(attached.closed).toBe(true);
    addon().getThreadAffinity();
    expect(rings.drain()).toEqual([]);
    expect(addon().openHandles()).toMatchObject({ bpfPrograms: 0, bpfLinks: 0 });
  });

  it('leaves nothing behind when the program does not attach', () => {
    const native = new Proxy(addon(), {
      get: (target, name) => (name === 'bpfRawTracepointOpen' ? () => -2 : Reflect.get(target, name)),
    });
    expect(() => withAddon(native, () => attachBuiltin('sched_switch', array))).toThrow(
      expect.objectContaining({ code: 'ERR_PERF_TRACEPOINT_UNKNOWN' }),
    );
    expect(addon().openHandles()).toMatchObject({ bpfPrograms: 0, bpfLinks: 0 });
  });

  // Reading the id of the tracepoint from tracefs needs root.
  describeWith(['CAP_SYS_ADMIN'], 'on a tracepoint', () => {
    it('sched_process_exec samples a new program with its whole file name', () => {
      const samples = samplesOf('sched_process_exec', {}, () => execFileSync('/bin/true'));
      const [sample] = samples.filter(({ filename }) => filename === '/bin/true');
      expect(sample).toMatchObject({ comm: 'true', uid: getuid?.() });
      const { tid, pid, old_pid } = sample ?? {};
      expect([tid, old_pid]).toEqual([pid, pid]);
    });

    it('sched_process_exec sends nothing of the stack behind the name', () => {
      using attached = attachBuiltin('sched_process_exec', array);
      execFileSync('/bin/true');
      attached.close();
      const [field] = attached.builtin.layout.fields.filter((one) => one.name === 'filename');
      const { offset = 0, size = 0 } = field ?? {};
      for (const { payload } of rings.drain()) {
        const name = Buffer.from(payload.subarray(offset, offset + size));
        expect(name.subarray(name.indexOf(0)).every((byte) => byte === 0)).toBe(true);
      }
    });

    it('sched_process_exec leaves a process out', () => {
      const samples = samplesOf('sched_process_exec', { tgid: process.pid }, () => execFileSync('/bin/true'));
      expect(samples).toEqual([]);
    });
  });
});
