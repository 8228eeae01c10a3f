import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as abi from '../../../lib/abi/perf-event';
import { BPF_PROG_TYPE_RAW_TRACEPOINT } from '../../../lib/abi/bpf';
import { BpfProgram } from '../../../lib/bpf/bpf-program';
import { assemble, exit, mov } from '../../../lib/bpf/instructions';
import { onlineCpus } from '../../../lib/host/cpu-list';
import type { PerfRecord } from '../../../lib/records/perf-record';
import { buildIdOf } from '../../support/build-id';
import { EventRing, recordsOf } from '../../support/event-ring';

const ID_FIELDS =
  abi.PERF_SAMPLE_TID |
  abi.PERF_SAMPLE_TIME |
  abi.PERF_SAMPLE_CPU |
  abi.PERF_SAMPLE_ID |
  abi.PERF_SAMPLE_STREAM_ID |
  abi.PERF_SAMPLE_IDENTIFIER;

const sideBand: abi.PerfEventAttr = {
  type: abi.PERF_TYPE_SOFTWARE,
  config: abi.PERF_COUNT_SW_DUMMY,
  sample_type: ID_FIELDS,
  sample_id_all: true,
  use_clockid: true,
  clockid: abi.CLOCK_MONOTONIC,
};

/** The records of all CPUs while `action` runs, in the order of the times in their sample ids. */
function recordsDuring(attributes: Partial<abi.PerfEventAttr>, action: () => void): PerfRecord[] {
  const rings = onlineCpus().map((cpu) => EventRing.open({ ...sideBand, ...attributes }, { cpu }));
  try {
    action();
    const records = rings.flatMap((ring) => ring.drain());
    return records.sort((one, other) => (timeOf(one) < timeOf(other) ? -1 : 1));
  } finally {
    for (const ring of rings) ring.close();
  }
}

function timeOf(record: PerfRecord): bigint {
  if (!('sampleId' in record)) throw new Error(`${record.type} has no sample id`);
  return record.sampleId?.time as bigint;
}

/** Runs a program in a child process, which prints its pid. @returns the pid */
function runChild(): number {
  return Number(execFileSync('/bin/sh', ['-c', 'echo $$; exec /bin/true'], { encoding: 'utf8' }));
}

describe('records that the kernel wrote', () => {
  it('describe the life of a process: FORK, COMM, NAMESPACES, EXIT', () => {
    let pid = 0;
    const before = process.hrtime.bigint();
    const records = recordsDuring({ task: true, comm: true, comm_exec: true, namespaces: true }, () => {
      pid = runChild();
    });
    const after = process.hrtime.bigint();
    const own = records.filter((record) => 'pid' in record && record.pid === pid);
    expect(own.map(({ type }) => type)).toEqual(['FORK', 'NAMESPACES', 'COMM', 'COMM', 'EXIT']);
    const parent = { ppid: process.pid, ptid: process.pid };
    const [fork] = recordsOf(own, 'FORK');
    expect(fork).toMatchObject({ ...parent, tid: pid, isExec: false });
    // The parent's thread wrote it.
    expect(fork?.sampleId).toMatchObject({ pid: process.pid, tid: process.pid });
    expect((fork?.time as bigint) - (fork?.sampleId?.time as bigint)).toBeGreaterThanOrEqual(0n);
    expect(onlineCpus()).toContain(fork?.sampleId?.cpu);
    expect(fork?.sampleId?.id).toBe(fork?.sampleId?.streamId);
    expect(recordsOf(own, 'COMM')).toMatchObject([
      { tid: pid, comm: 'sh', isExec: true },
      { tid: pid, comm: 'true', isExec: true, sampleId: { pid, tid: pid } },
    ]);
    const [exitRecord] = recordsOf(own, 'EXIT');
    expect(exitRecord).toMatchObject({ ...parent, tid: pid });
    for (const record of own) expect(timeOf(record) > before && timeOf(record) < after).toBe(true);
  });

  it('name the namespaces by the inodes of /proc/PID/ns', () => {
    let pid = 0;
    const records = recordsDuring({ task: true, namespaces: true }, () => {
      pid = runChild();
    });
    const record = recordsOf(records, 'NAMESPACES').find((one) => one.pid === pid);
    const files = ['net', 'uts', 'ipc', 'pid', 'user', 'mnt', 'cgroup'];
    expect(record?.namespaces).toEqual(
      files.map((name) => {
        const { ino, dev } = statSync(`/proc/self/ns/${name}`, { bigint: true });
        return { inode: ino, dev };
      }),
    );
  });

  const program = realpathSync('/bin/true');

  it('name a mapped file by its inode', () => {
    let pid = 0;
    const records = recordsDuring({ mmap: true, mmap2: true }, () => {
      pid = runChild();
    });
    const own = recordsOf(records, 'MMAP2').filter((record) => record.pid === pid);
    const text = own.find(({ filename }) => filename === program);
    const { ino, dev } = statSync(program, { bigint: true });
    const device = ((text?.inode?.maj ?? 0) << 8) | (text?.inode?.min ?? 0);
    expect(text).toMatchObject({
      tid: pid,
      isData: false,
      buildId: undefined,
      cpuMode: 'user',
      inode: { ino },
    });
    expect(BigInt(device)).toBe(dev);
    // PROT_READ | PROT_EXEC of MAP_PRIVATE.
    expect([(text?.prot ?? 0) & 5, (text?.flags ?? 0) & 3]).toEqual([5, 2]);
    expect(text?.addr).toBeGreaterThan(0n);
    expect((text?.len as bigint) % 4096n).toBe(0n);
    expect(own.some(({ filename }) => filename === '[vdso]')).toBe(true);
  });

  it('name a mapped file by its build id', () => {
    let pid = 0;
    const records = recordsDuring({ mmap: true, mmap2: true, build_id: true }, () => {
      pid = runChild();
    });
    const own = recordsOf(records, 'MMAP2').filter((record) => record.pid === pid);
    expect(own.find(({ filename }) => filename === program)).toMatchObject({
      buildId: buildIdOf(program),
      inode: undefined,
    });
  });

  it('describe mappings without an inode, and of data: MMAP', () => {
    let pid = 0;
    const records = recordsDuring({ mmap: true, mmap_data: true }, () => {
      pid = runChild();
    });
    const own = recordsOf(records, 'MMAP').filter((record) => record.pid === pid);
    const ofProgram = own.filter(({ filename }) => filename === program);
    expect(ofProgram.some(({ isData }) => isData)).toBe(true);
    const [text] = ofProgram.filter(({ isData }) => !isData);
    expect(text).toMatchObject({ tid: pid, sampleId: { pid, tid: pid } });
    expect((text?.addr as bigint) % 4096n).toBe(0n);
    expect((text?.pgoff as bigint) % 4096n).toBe(0n);
  });

  it('show when a thread runs: SWITCH', () => {
    using ring = EventRing.open(
      { ...sideBand, context_switch: true, exclude_kernel: true },
      { pid: 0, cpu: -1 },
    );
    for (let turn = 0; turn < 5; turn++) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
    const switches = recordsOf(ring.drain(), 'SWITCH');
    expect(switches.length).toBeGreaterThanOrEqual(10);
    // Switches out and in take turns. A wait is not a preemption.
    expect(switches.map(({ isOut }) => isOut)).toEqual(switches.map((_, index) => index % 2 === 0));
    expect(switches.filter(({ isOut, isPreempted }) => isOut && !isPreempted).length).toBeGreaterThanOrEqual(
      5,
    );
    for (const { sampleId } of switches)
      expect(sampleId).toMatchObject({ pid: process.pid, tid: process.pid });
  });

  it('show which threads take turns on a CPU: SWITCH_CPU_WIDE', async () => {
    // Not every kernel writes records of the idle thread, so another thread runs on each CPU while this one waits.
    const busy = onlineCpus().map((cpu) =>
      spawn('taskset', ['-c', String(cpu), '/bin/sh', '-c', 'echo; while :; do :; done']),
    );
    try {
      await Promise.all(busy.map(({ stdout }) => once(stdout, 'data')));
      const records = recordsDuring({ context_switch: true }, () => {
        for (let turn = 0; turn < 5; turn++) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
      });
      const switches = recordsOf(records, 'SWITCH_CPU_WIDE');
      const out = switches.find(
        ({ sampleId, isOut, isPreempted, nextPrevTid }) =>
          isOut && !isPreempted && sampleId?.tid === process.pid && nextPrevTid !== 0,
      );
      expect(out).toMatchObject({ sampleId: { pid: process.pid } });
      // The next record of that CPU is for the thread that was switched to.
      const later = switches.slice(switches.indexOf(out as (typeof switches)[0]) + 1);
      const into = later.find(({ sampleId }) => sampleId?.cpu === out?.sampleId?.cpu);
      expect(into).toMatchObject({
        isOut: false,
        nextPrevPid: process.pid,
        nextPrevTid: process.pid,
        sampleId: { tid: out?.nextPrevTid },
      });
    } finally {
      for (const child of busy) child.kill();
    }
  });

  it('show which BPF programs are loaded and unloaded: KSYMBOL, BPF_EVENT', () => {
    const records = recordsDuring({ ksymbol: true, bpf_event: true }, () => {
      const instructions = assemble([mov('r0', 0), exit()]);
      BpfProgram.load({ type: BPF_PROG_TYPE_RAW_TRACEPOINT, instructions, name: 'records_test' }).close();
    });
    const symbols = recordsOf(records, 'KSYMBOL').filter(({ name }) => name.endsWith('_records_test'));
    expect(symbols).toMatchObject([
      { ksymType: abi.PERF_RECORD_KSYMBOL_TYPE_BPF, isUnregistered: false, sampleId: { pid: process.pid } },
      { ksymType: abi.PERF_RECORD_KSYMBOL_TYPE_BPF, isUnregistered: true, addr: symbols[0]?.addr },
    ]);
    expect(symbols[0]?.len).toBeGreaterThan(0);
    // bpf_prog_TAG_NAME
    const tag = symbols[0]?.name.split('_')[2] as string;
    const events = recordsOf(records, 'BPF_EVENT').filter((record) => record.tag === tag);
    const [loaded] = events;
    expect(events).toMatchObject([
      { bpfEventType: abi.PERF_BPF_EVENT_PROG_LOAD },
      { bpfEventType: abi.PERF_BPF_EVENT_PROG_UNLOAD, id: loaded?.id },
    ]);
  });

  it('name a cgroup when it is made: CGROUP', () => {
    const root = mkdtempSync(join(tmpdir(), 'perfring-cgroup-'));
    execFileSync('mount', ['-t', 'cgroup2', 'none', root]);
    const name = `perfring-${process.pid}`;
    try {
      let inode = 0n;
      // The kernel does not write side-band records for an event that has `cgroup` and no other side-band attribute.
      const records = recordsDuring({ cgroup: true, task: true }, () => {
        mkdirSync(join(root, name));
        inode = statSync(join(root, name), { bigint: true }).ino;
      });
      const own = recordsOf(records, 'CGROUP').filter(({ path }) => path.endsWith(`/${name}`));
      expect(own).toMatchObject([{ id: inode, path: `/${name}`, sampleId: { pid: process.pid } }]);
    } finally {
      rmdirSync(join(root, name));
      execFileSync('umount', [root]);
      rmdirSync(root);
    }
  });

  it('contain the counters of a thread that ended: READ', () => {
    const read_format =
      abi.PERF_FORMAT_TOTAL_TIME_ENABLED | abi.PERF_FORMAT_TOTAL_TIME_RUNNING | abi.PERF_FORMAT_ID;
    const attr = {
      ...sideBand,
      read_format,
      inherit: true,
      inherit_stat: true,
      sample_period: 1_000_000_000,
    };
    const rings = onlineCpus().map((cpu) =>
      EventRing.open({ ...attr, config: abi.PERF_COUNT_SW_TASK_CLOCK }, { pid: 0, cpu }),
    );
    try {
      // Processes on one CPU can swap their events, and then the EXIT record of one may be missing. So several are run.
      const script = 'for i in 1 2 3 4 5; do /bin/true & echo $!; wait; done';
      const pids = execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' }).split('\n').map(Number);
      const reads = rings.flatMap((ring) => recordsOf(ring.drain(), 'READ'));
      const own = reads.filter(({ pid }) => pids.includes(pid));
      expect(own.length).toBeGreaterThan(0);
      for (const { pid, tid, values, sampleId } of own) {
        expect([tid, values.values[0]?.id]).toEqual([pid, sampleId?.id]);
        expect((values.timeEnabled as bigint) >= (values.timeRunning as bigint)).toBe(true);
      }
      expect(own.some(({ values }) => (values.values[0]?.value as bigint) > 0n)).toBe(true);
    } finally {
      for (const ring of rings) ring.close();
    }
  });

  it('count the records that a full ring lost: LOST', () => {
    const attr: abi.PerfEventAttr = {
      ...sideBand,
      config: abi.PERF_COUNT_SW_CONTEXT_SWITCHES,
      sample_period: 1,
      sample_type: ID_FIELDS | abi.PERF_SAMPLE_STACK_USER,
      sample_stack_user: 2048,
    };
    using ring = EventRing.open(attr, { pid: 0, cpu: -1, dataPageCount: 1 });
    const wait = (): void => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    };
    for (let turn = 0; turn < 6; turn++) wait();
    const first = ring.drain();
    wait();
    const [lost] = recordsOf(ring.drain(), 'LOST');
    expect(recordsOf(first, 'SAMPLE').length).toBeGreaterThan(0);
    expect(lost?.lost).toBeGreaterThanOrEqual(BigInt(6 - first.length));
    expect(lost?.id).toBe(recordsOf(first, 'SAMPLE')[0]?.id);
    expect(lost?.sampleId).toMatchObject({ pid: process.pid, tid: process.pid, id: lost?.id });
  });
});
