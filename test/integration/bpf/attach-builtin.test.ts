import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { getuid } from 'node:process';
import { addon, withAddon } from '../../../lib/addon/load';
import { attachBuiltin } from '../../../lib/bpf/attach-builtin';
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

const TASK_INTERRUPTIBLE = 1;

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
    const state = (event: Event): number => event.prev_state;
    // @ts-expect-error a sched_switch has no file name
    const filename = (event: Event): unknown => event.filename;
    const event = { prev_state: 1 } as Event;
    expect([state(event), filename(event)]).toEqual([1, undefined]);
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
    const slept = own.filter(
      ({ preempt, prev_state }) => preempt === 0 && Number(prev_state) & TASK_INTERRUPTIBLE,
    );
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
