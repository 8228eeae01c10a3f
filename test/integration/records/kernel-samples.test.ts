import * as fc from 'fast-check';
import * as abi from '../../../lib/abi/perf-event';
import { addon } from '../../../lib/addon/load';
import type { SampleRecord } from '../../../lib/records/sample-record';
import type { Registers } from '../../../lib/records/variable-fields';
import { EventRing, recordsOf } from '../../support/event-ring';
import { propertyRuns } from '../../support/property-runs';

/** From asm/perf_regs.h of x86 and arm64: the stack and instruction pointers, and all registers. */
const REGISTERS =
  process.arch === 'arm64' ? { sp: 31, ip: 32, mask: (1n << 33n) - 1n } : { sp: 7, ip: 8, mask: 0xff_0fffn };

const STACK_BYTES = 1024;

/** The fields that software events can fill: all except branches and AUX data, which need hardware. */
const FIELDS = [
  abi.PERF_SAMPLE_IDENTIFIER,
  abi.PERF_SAMPLE_IP,
  abi.PERF_SAMPLE_TID,
  abi.PERF_SAMPLE_TIME,
  abi.PERF_SAMPLE_ADDR,
  abi.PERF_SAMPLE_ID,
  abi.PERF_SAMPLE_STREAM_ID,
  abi.PERF_SAMPLE_CPU,
  abi.PERF_SAMPLE_PERIOD,
  abi.PERF_SAMPLE_READ,
  abi.PERF_SAMPLE_CALLCHAIN,
  abi.PERF_SAMPLE_RAW,
  abi.PERF_SAMPLE_REGS_USER,
  abi.PERF_SAMPLE_STACK_USER,
  abi.PERF_SAMPLE_WEIGHT,
  abi.PERF_SAMPLE_WEIGHT_STRUCT,
  abi.PERF_SAMPLE_DATA_SRC,
  abi.PERF_SAMPLE_TRANSACTION,
  abi.PERF_SAMPLE_REGS_INTR,
  abi.PERF_SAMPLE_PHYS_ADDR,
  abi.PERF_SAMPLE_CGROUP,
  abi.PERF_SAMPLE_DATA_PAGE_SIZE,
  abi.PERF_SAMPLE_CODE_PAGE_SIZE,
];
const BOTH_WEIGHTS = abi.PERF_SAMPLE_WEIGHT | abi.PERF_SAMPLE_WEIGHT_STRUCT;
const ALL = FIELDS.reduce((bits, bit) => bits | bit, 0) & ~abi.PERF_SAMPLE_WEIGHT;

const cpuClock: abi.PerfEventAttr = {
  type: abi.PERF_TYPE_SOFTWARE,
  config: abi.PERF_COUNT_SW_CPU_CLOCK,
  sample_period: 100_000,
  use_clockid: true,
  clockid: abi.CLOCK_MONOTONIC,
  exclude_kernel: true,
  disabled: true,
  sample_regs_user: REGISTERS.mask,
  sample_regs_intr: REGISTERS.mask,
  sample_stack_user: STACK_BYTES,
};

/** Samples this thread while it only polls the ring, until there are samples. */
function sampleSelf(ring: EventRing, leader = ring): SampleRecord[] {
  leader.enable(true);
  const samples: SampleRecord[] = [];
  while (samples.length < 3) samples.push(...recordsOf(ring.drain(), 'SAMPLE'));
  leader.enable(false);
  return samples;
}

describe('samples that the kernel wrote', () => {
  it('contain the known values of this thread in every field that a software event fills', () => {
    using ring = EventRing.open(
      { ...cpuClock, sample_type: ALL, read_format: abi.PERF_FORMAT_ID | abi.PERF_FORMAT_LOST },
      { pid: 0, cpu: -1 },
    );
    const before = process.hrtime.bigint();
    const samples = sampleSelf(ring);
    const after = process.hrtime.bigint();
    let [last, value] = [before, 0n];
    for (const sample of samples) {
      expect(sample).toMatchObject({ cpuMode: 'user', pid: process.pid, tid: process.pid, period: 100_000n });
      expect(sample.id).toBe(sample.identifier);
      expect(sample.streamId).toBe(sample.identifier);
      expect(sample.read?.values).toEqual([{ value: expect.any(BigInt), id: sample.id, lost: 0n }]);
      const time = sample.time as bigint;
      expect(time > last && time < after).toBe(true);
      expect((sample.read?.values[0]?.value as bigint) > value).toBe(true);
      [last, value] = [time, sample.read?.values[0]?.value as bigint];
      // Kernel code is excluded, so the chain begins at the thread's instruction pointer.
      expect([...(sample.callchain as BigUint64Array)].slice(0, 2)).toEqual([
        abi.PERF_CONTEXT_USER,
        sample.ip,
      ]);
      const registers = sample.userRegisters as Registers;
      expect(registers.abi).toBe(abi.PERF_SAMPLE_REGS_ABI_64);
      expect(registers.get(REGISTERS.ip)).toBe(sample.ip);
      expect(sample.interruptRegisters).toEqual(registers);
      expect(sample.userStack).toMatchObject({ size: STACK_BYTES });
      expect(sample.userStack?.bytes.length).toBe(STACK_BYTES);
      expect(sample.raw).toEqual(new Uint8Array(4));
      expect(sample.weightStruct).toEqual({ var1: 0, var2: 0, var3: 0 });
      expect(sample.dataSource).toMatchObject({
        op: abi.PERF_MEM_OP_NA,
        lvl: abi.PERF_MEM_LVL_NA,
        snoop: abi.PERF_MEM_SNOOP_NA,
        lock: abi.PERF_MEM_LOCK_NA,
        dtlb: abi.PERF_MEM_TLB_NA,
        lvlNum: abi.PERF_MEM_LVLNUM_NA,
      });
      expect(sample.transaction).toBe(0n);
      expect(sample.cgroup).toBeGreaterThan(0n);
      expect([4096n, 16_384n, 65_536n, 2_097_152n]).toContain(sample.codePageSize);
    }
    // The copy of the stack has an address of the chain: the return address of the innermost frame.
    expect(samples.some(({ callchain, userStack }) => hasReturnAddress(callchain, userStack?.bytes))).toBe(
      true,
    );
  });

  it('end after their last field, for every choice of fields', () => {
    const formats = fc.record({
      sample_type: fc
        .subarray(FIELDS)
        .map((bits) => bits.reduce((all, bit) => all | bit, 0))
        .map((bits) => ((bits & BOTH_WEIGHTS) === BOTH_WEIGHTS ? bits & ~abi.PERF_SAMPLE_WEIGHT : bits)),
      read_format: fc.integer({ min: 0, max: 31 }),
      sample_regs_user: fc.subarray([...Array(12).keys()], { minLength: 1 }).map(maskOf),
      sample_regs_intr: fc.subarray([...Array(12).keys()], { minLength: 1 }).map(maskOf),
      sample_stack_user: fc.constantFrom(8, 64, 4096),
    });
    fc.assert(
      fc.property(formats, (format) => {
        using ring = EventRing.open({ ...cpuClock, ...format, exclude_kernel: false }, { pid: 0, cpu: -1 });
        // Decoding a sample compares the end of its fields with the end of the record.
        for (const sample of sampleSelf(ring)) {
          if ((format.sample_type & abi.PERF_SAMPLE_TID) !== 0) expect(sample.tid).toBe(process.pid);
          if ((format.sample_type & abi.PERF_SAMPLE_CODE_PAGE_SIZE) !== 0) {
            expect((sample.codePageSize as bigint) % 4096n).toBe(0n);
          }
        }
      }),
      propertyRuns(60),
    );
  });

  it.each([0, 0x1f & ~abi.PERF_FORMAT_GROUP])(
    'hold the counters of their whole group, with read_format 0x%s and GROUP',
    (bits) => {
      const read_format = bits | abi.PERF_FORMAT_GROUP;
      const sample_type = abi.PERF_SAMPLE_READ | abi.PERF_SAMPLE_ID | abi.PERF_SAMPLE_CGROUP;
      using leader = EventRing.open({ ...cpuClock, sample_type, read_format }, { pid: 0, cpu: -1 });
      const sibling = { ...cpuClock, sample_type, read_format, disabled: false, sample_period: 0 };
      using _taskClock = EventRing.open(
        { ...sibling, config: abi.PERF_COUNT_SW_TASK_CLOCK },
        { pid: 0, cpu: -1, leader },
      );
      using _pageFaults = EventRing.open(
        { ...sibling, config: abi.PERF_COUNT_SW_PAGE_FAULTS },
        { pid: 0, cpu: -1, leader },
      );
      for (const { read, id, cgroup } of sampleSelf(leader)) {
        const { values = [], timeEnabled, timeRunning } = read ?? {};
        expect(values.length).toBe(3);
        expect(cgroup).toBeGreaterThan(0n);
        // The leader and its first sibling count nanoseconds of CPU time.
        expect(values[0]?.value).toBeGreaterThan(0n);
        expect(values[1]?.value).toBeGreaterThan(0n);
        if (bits === 0) {
          expect([timeEnabled, timeRunning, values[0]?.id, values[0]?.lost]).toEqual(
            Array(4).fill(undefined),
          );
        } else {
          expect(values[0]?.id).toBe(id);
          expect(new Set(values.map((value) => value.id)).size).toBe(3);
          expect(values.map(({ lost }) => lost)).toEqual([0n, 0n, 0n]);
          expect(timeEnabled).toBe(timeRunning);
          expect(timeEnabled).toBeGreaterThan(0n);
        }
      }
    },
  );

  it('contain the address and the page of a page fault', () => {
    using ring = EventRing.open(
      {
        ...cpuClock,
        config: abi.PERF_COUNT_SW_PAGE_FAULTS,
        sample_period: 1,
        sample_type: abi.PERF_SAMPLE_ADDR | abi.PERF_SAMPLE_IP | abi.PERF_SAMPLE_DATA_PAGE_SIZE,
      },
      { pid: 0, cpu: -1 },
    );
    ring.enable(true);
    const memory = new Uint8Array(8 << 20).fill(1);
    ring.enable(false);
    const samples = recordsOf(ring.drain(), 'SAMPLE');
    expect(memory.length).toBe(8 << 20);
    expect(samples.length).toBeGreaterThan(0);
    for (const { addr } of samples) expect(addr).toBeGreaterThan(0n);
    // Memory is filled from its start on, so the addresses of page faults rise.
    const rising = samples.filter(
      ({ addr }, index) => index > 0 && (addr as bigint) > (samples[index - 1]?.addr ?? 0n),
    );
    expect(rising.length).toBeGreaterThan(samples.length / 2);
  });

  it('distinguish kernel and user by the markers in the chain', () => {
    using ring = EventRing.open(
      {
        ...cpuClock,
        config: abi.PERF_COUNT_SW_CONTEXT_SWITCHES,
        sample_period: 1,
        exclude_kernel: false,
        sample_type: abi.PERF_SAMPLE_CALLCHAIN | abi.PERF_SAMPLE_IP,
      },
      { pid: 0, cpu: -1 },
    );
    ring.enable(true);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    ring.enable(false);
    const [sample] = recordsOf(ring.drain(), 'SAMPLE');
    const chain = [...(sample?.callchain ?? [])];
    expect(sample?.cpuMode).toBe('kernel');
    expect(chain.slice(0, 2)).toEqual([abi.PERF_CONTEXT_KERNEL, sample?.ip]);
    const user = chain.indexOf(abi.PERF_CONTEXT_USER);
    expect(user).toBeGreaterThan(2);
    expect(chain.slice(1, user).every((ip) => ip >= 1n << 63n && ip < abi.PERF_CONTEXT_MAX)).toBe(true);
    expect(chain.slice(user + 1).every((ip) => ip < 1n << 63n)).toBe(true);
  });

  it('have the fields of a tracepoint in RAW, before the fields that follow it', () => {
    const id = addon().tracepointId('sched', 'sched_switch');
    using ring = EventRing.open(
      {
        ...cpuClock,
        type: abi.PERF_TYPE_TRACEPOINT,
        config: id,
        sample_period: 1,
        exclude_kernel: false,
        sample_type: abi.PERF_SAMPLE_RAW | abi.PERF_SAMPLE_REGS_USER | abi.PERF_SAMPLE_CGROUP,
      },
      { pid: 0, cpu: -1 },
    );
    ring.enable(true);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    ring.enable(false);
    const samples = recordsOf(ring.drain(), 'SAMPLE');
    expect(samples.length).toBeGreaterThan(0);
    for (const { raw, userRegisters, cgroup } of samples) {
      const view = new DataView((raw as Uint8Array).buffer);
      // struct trace_entry: u16 type, u8 flags, u8 preempt_count, int pid.
      expect([view.getUint16(0, true), view.getInt32(4, true)]).toEqual([id, process.pid]);
      expect(userRegisters?.get(REGISTERS.sp)).toBeGreaterThan(0n);
      expect(cgroup).toBeGreaterThan(0n);
    }
  });
});

function maskOf(registers: readonly number[]): bigint {
  return registers.reduce((mask, register) => mask | (1n << BigInt(register)), 0n);
}

function hasReturnAddress(chain: BigUint64Array | undefined, stack: Uint8Array | undefined): boolean {
  if (chain === undefined || stack === undefined || chain.length < 3) return false;
  const words = new BigUint64Array(stack.slice().buffer);
  // The kernel follows frame pointers. Functions without one are skipped, but other samples have the address.
  return words.includes(chain[2] as bigint) || words.includes(chain[3] as bigint);
}
