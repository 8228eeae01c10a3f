import * as fc from 'fast-check';
import type { RecordFormatAttributes } from '../../lib/records/record-format';
import type { BranchEntry } from '../../lib/records/variable-fields';
import type { CounterModel, SampleModel } from './record-encoder';

export const u64 = fc.oneof(
  fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
  fc.constantFrom(0n, 1n, 0xffff_ffffn, 0xffff_ffff_ffff_ffffn),
);
export const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const u16 = fc.integer({ min: 0, max: 0xffff });

const BOTH_WEIGHTS = (1 << 14) | (1 << 24);

/** Attributes that the kernel accepts: any fields, but not both WEIGHT and WEIGHT_STRUCT. */
export const attributes: fc.Arbitrary<RecordFormatAttributes> = fc.record({
  // Formats with many fields and formats with few.
  sample_type: fc
    .oneof(
      fc.integer({ min: 0, max: (1 << 25) - 1 }),
      fc.integer({ min: 0, max: 24 }).map((bit) => 1 << bit),
      fc
        .uniqueArray(fc.integer({ min: 0, max: 24 }), { minLength: 2, maxLength: 4 })
        .map((bits) => bits.reduce((all, bit) => all | (1 << bit), 0)),
    )
    .map((bits) => ((bits & BOTH_WEIGHTS) === BOTH_WEIGHTS ? bits & ~(1 << 14) : bits)),
  read_format: fc.integer({ min: 0, max: 31 }),
  branch_sample_type: fc.integer({ min: 0, max: (1 << 20) - 1 }),
  sample_regs_user: u64,
  sample_regs_intr: u64,
  sample_id_all: fc.boolean(),
});

const counter: fc.Arbitrary<CounterModel> = fc.record({ value: u64, id: u64, lost: u64 });

const branchEntry: fc.Arbitrary<BranchEntry> = fc.record({
  from: u64,
  to: u64,
  mispredicted: fc.boolean(),
  predicted: fc.boolean(),
  inTransaction: fc.boolean(),
  abort: fc.boolean(),
  cycles: u16,
  type: fc.integer({ min: 0, max: 15 }),
  spec: fc.integer({ min: 0, max: 3 }),
  newType: fc.integer({ min: 0, max: 15 }),
  priv: fc.integer({ min: 0, max: 7 }),
  counters: u64,
});

function registers(mask: bigint): fc.Arbitrary<SampleModel['userRegisters']> {
  const count = [...mask.toString(2)].filter((digit) => digit === '1').length;
  return fc.option(
    fc.record({
      abi: fc.constantFrom(1, 2),
      values: fc.array(u64, { minLength: count, maxLength: count }),
    }),
  );
}

const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });

/** Samples of an event with these attributes. Fields that it does not write have values, too. */
export function sampleOf(attr: RecordFormatAttributes): fc.Arbitrary<SampleModel> {
  const isGroup = (Number(attr.read_format) & 8) !== 0;
  return fc.record({
    identifier: u64,
    ip: u64,
    pid: u32,
    tid: u32,
    time: u64,
    addr: u64,
    id: u64,
    streamId: u64,
    cpu: u32,
    period: u64,
    read: fc.record({
      timeEnabled: u64,
      timeRunning: u64,
      counters: fc.array(counter, isGroup ? { maxLength: 5 } : { minLength: 1, maxLength: 1 }),
    }),
    callchain: fc.array(u64, { maxLength: 20 }),
    raw: fc
      .nat({ max: 5 })
      .chain((words) => fc.uint8Array({ minLength: words * 8 + 4, maxLength: words * 8 + 4 })),
    // Null together with an index has a separate test: with some fields behind it, it is ambiguous.
    branchStack: fc.option(fc.record({ hwIndex: u64, entries: fc.array(branchEntry, { maxLength: 6 }) }), {
      freq: (Number(attr.branch_sample_type) & (1 << 17)) === 0 ? 5 : Number.MAX_SAFE_INTEGER,
    }),
    userRegisters: registers(BigInt(attr.sample_regs_user ?? 0)),
    userStack: fc.option(
      fc.tuple(bytes(64), fc.nat({ max: 3 })).map(([stack, spare]) => ({
        room: (Math.ceil(stack.length / 8) + spare) * 8,
        bytes: stack,
      })),
    ),
    weight: u64,
    dataSource: u64,
    transaction: u64,
    interruptRegisters: registers(BigInt(attr.sample_regs_intr ?? 0)),
    physicalAddress: u64,
    cgroup: u64,
    dataPageSize: u64,
    codePageSize: u64,
    aux: bytes(40).map((aux) => aux.slice(0, aux.length - (aux.length % 8))),
  });
}
