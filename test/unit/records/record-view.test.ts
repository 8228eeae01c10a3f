import * as abi from '../../../lib/abi/perf-event';
import { type RecordFormatAttributes, recordFormat } from '../../../lib/records/record-format';
import { RecordView } from '../../../lib/records/record-view';
import { ByteWriter, encodeRecord } from '../../support/record-encoder';

const DAMAGED = expect.objectContaining({ code: 'ERR_PERF_RECORD_DAMAGED' });

function viewOf(attr: RecordFormatAttributes, body: ByteWriter, type = abi.PERF_RECORD_SAMPLE): RecordView {
  const bytes = encodeRecord(type, 0, body.toBytes());
  return new RecordView(recordFormat(attr)).moveTo(new DataView(bytes.buffer), 0, bytes.length);
}

describe('RecordView', () => {
  it('finds what follows a branch stack that the hardware left out together with its index', () => {
    const attr = {
      sample_type: abi.PERF_SAMPLE_BRANCH_STACK | abi.PERF_SAMPLE_CGROUP,
      branch_sample_type: abi.PERF_SAMPLE_BRANCH_HW_INDEX,
    };
    const without = viewOf(attr, new ByteWriter().u64(0).u64(77));
    expect([without.branchStack(), without.cgroup]).toEqual([{ hwIndex: undefined, entries: [] }, 77n]);
    const withIndex = viewOf(attr, new ByteWriter().u64(0).u64(5).u64(77));
    expect([withIndex.branchStack(), withIndex.cgroup]).toEqual([{ hwIndex: 5n, entries: [] }, 77n]);
  });

  it('gives a register by its number, or undefined for one that was not sampled', () => {
    const body = new ByteWriter().u64(2).u64(100).u64(107).u64(163);
    const view = viewOf(
      { sample_type: abi.PERF_SAMPLE_REGS_USER, sample_regs_user: (1n << 63n) | (1n << 7n) | 1n },
      body,
    );
    const registers = view.userRegisters();
    expect([0, 1, 7, 8, 63, 64, -1, 0.5].map((register) => registers?.get(register))).toEqual([
      100n,
      undefined,
      107n,
      undefined,
      163n,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('gives no register of a thread that has none', () => {
    const view = viewOf(
      { sample_type: abi.PERF_SAMPLE_REGS_USER, sample_regs_user: 1n },
      new ByteWriter().u64(0),
    );
    expect(view.userRegisters()?.get(0)).toBeUndefined();
  });

  const huge = 0xffff_ffff_ffff_fff8n;
  /** Sizes that determine where the next field begins. */
  const SIZES: readonly [string, number, ByteWriter, (view: RecordView) => unknown][] = [
    ['READ of a group', abi.PERF_SAMPLE_READ, new ByteWriter().u64(2).u64(1), (view) => view.readValues()],
    ['READ of a huge group', abi.PERF_SAMPLE_READ, new ByteWriter().u64(huge), (view) => view.readValues()],
    ['CALLCHAIN', abi.PERF_SAMPLE_CALLCHAIN, new ByteWriter().u64(2).u64(1), (view) => view.callchain()],
    ['a huge CALLCHAIN', abi.PERF_SAMPLE_CALLCHAIN, new ByteWriter().u64(huge), (view) => view.callchain()],
    [
      'a CALLCHAIN whose length has its high word set',
      abi.PERF_SAMPLE_CALLCHAIN,
      new ByteWriter().u64(2n ** 32n + 1n).u64(1),
      (view) => view.callchain(),
    ],
    ['RAW', abi.PERF_SAMPLE_RAW, new ByteWriter().u32(5).u32(0), (view) => view.raw()],
    ['a huge RAW', abi.PERF_SAMPLE_RAW, new ByteWriter().u32(0xffff_fffc).u32(0), (view) => view.raw()],
    [
      'BRANCH_STACK',
      abi.PERF_SAMPLE_BRANCH_STACK,
      new ByteWriter().u64(1).u64(1),
      (view) => view.branchStack(),
    ],
    ['REGS_USER', abi.PERF_SAMPLE_REGS_USER, new ByteWriter().u64(1).u64(1), (view) => view.userRegisters()],
    ['STACK_USER', abi.PERF_SAMPLE_STACK_USER, new ByteWriter().u64(16).u64(1), (view) => view.userStack()],
    ['REGS_INTR', abi.PERF_SAMPLE_REGS_INTR, new ByteWriter().u64(2), (view) => view.interruptRegisters()],
  ];
  const attributesOf = (sample_type: number): RecordFormatAttributes => ({
    sample_type,
    read_format: abi.PERF_FORMAT_GROUP,
    sample_regs_user: 3n,
    sample_regs_intr: 1n,
  });

  it.each<[string, number, ByteWriter, (view: RecordView) => unknown]>([
    ...SIZES,
    [
      'STACK_USER whose dyn_size exceeds its size',
      abi.PERF_SAMPLE_STACK_USER,
      new ByteWriter().u64(8).u64(1).u64(16),
      (view) => view.userStack(),
    ],
    ['AUX', abi.PERF_SAMPLE_AUX, new ByteWriter().u64(16).u64(1), (view) => view.aux()],
    ['a fixed field', abi.PERF_SAMPLE_IP, new ByteWriter().u32(1), (view) => view.ip],
  ])('refuses %s that leads past the record', (_what, sampleType, body, read) => {
    expect(() => read(viewOf(attributesOf(sampleType), body))).toThrow(DAMAGED);
  });

  it.each(SIZES)('refuses a field behind %s that leads past the record', (_what, sampleType, body) => {
    const view = viewOf(attributesOf(sampleType | abi.PERF_SAMPLE_CODE_PAGE_SIZE), body);
    expect(() => view.codePageSize).toThrow(DAMAGED);
  });

  it('refuses a sample id in a record that is too short for it, and never reads the header as one', () => {
    const attr = { sample_type: abi.PERF_SAMPLE_TID | abi.PERF_SAMPLE_TIME, sample_id_all: true };
    const view = viewOf(attr, new ByteWriter().u64(7), abi.PERF_RECORD_SWITCH);
    expect(view.time).toBe(7n);
    expect(() => view.pid).toThrow(DAMAGED);
  });

  it('sees no sample id in records that user space made', () => {
    const attr = { sample_type: abi.PERF_SAMPLE_TIME, sample_id_all: true };
    expect(viewOf(attr, new ByteWriter().u64(7), 63).time).toBe(7n);
    expect(viewOf(attr, new ByteWriter().u64(7), 64).time).toBeUndefined();
  });
});
