import type { RecordFormatAttributes } from '../../lib/records/record-format';
import type { SampleId } from '../../lib/records/sample-id';
import type { BranchEntry } from '../../lib/records/variable-fields';

/**
 * Makes the bytes of records as the kernel does, from the structs of linux/perf_event.h. It shares no code and no
 * numbers with lib/records, because tests compare the two.
 */

/** Appends little-endian values. */
export class ByteWriter {
  readonly #bytes: number[] = [];

  get length(): number {
    return this.#bytes.length;
  }

  number(value: bigint | number, bytes: number): this {
    const word = BigInt.asUintN(64, BigInt(value));
    for (let index = 0; index < bytes; index++) {
      this.#bytes.push(Number((word >> BigInt(8 * index)) & 0xffn));
    }
    return this;
  }

  u8(value: number): this {
    return this.number(value, 1);
  }

  u16(value: number): this {
    return this.number(value, 2);
  }

  u32(value: number): this {
    return this.number(value, 4);
  }

  u64(value: bigint | number): this {
    return this.number(value, 8);
  }

  bytes(bytes: Iterable<number>): this {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  /** Appends a string, NUL-terminated and padded to a multiple of 8 bytes. */
  string(text: string): this {
    this.bytes(Buffer.from(`${text}\0`));
    while (this.#bytes.length % 8 !== 0) this.u8(0);
    return this;
  }

  toBytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

/** A whole record: struct perf_event_header, then the body. */
export function encodeRecord(type: number, misc: number, body: Uint8Array): Uint8Array {
  return new ByteWriter()
    .u32(type)
    .u16(misc)
    .u16(8 + body.length)
    .bytes(body)
    .toBytes();
}

const has = (attr: RecordFormatAttributes, bit: number): boolean =>
  (Number(attr.sample_type ?? 0) & (1 << bit)) !== 0;

/** struct sample_id. */
export function encodeSampleId(writer: ByteWriter, attr: RecordFormatAttributes, id: SampleId): ByteWriter {
  if (attr.sample_id_all !== true) return writer;
  if (has(attr, 1)) writer.u32(id.pid as number).u32(id.tid as number);
  if (has(attr, 2)) writer.u64(id.time as bigint);
  if (has(attr, 6)) writer.u64(id.id as bigint);
  if (has(attr, 9)) writer.u64(id.streamId as bigint);
  if (has(attr, 7)) writer.u32(id.cpu as number).u32(0);
  if (has(attr, 16)) writer.u64(id.id as bigint);
  return writer;
}

/** One counter of PERF_SAMPLE_READ. */
export interface CounterModel {
  readonly value: bigint;
  readonly id: bigint;
  readonly lost: bigint;
}

export interface ReadModel {
  readonly timeEnabled: bigint;
  readonly timeRunning: bigint;
  /** One counter; any number with PERF_FORMAT_GROUP. */
  readonly counters: readonly CounterModel[];
}

/** struct read_format. */
export function encodeRead(writer: ByteWriter, readFormat: number, read: ReadModel): ByteWriter {
  const isGroup = (readFormat & 8) !== 0;
  const times = (): void => {
    if ((readFormat & 1) !== 0) writer.u64(read.timeEnabled);
    if ((readFormat & 2) !== 0) writer.u64(read.timeRunning);
  };
  const rest = ({ id, lost }: CounterModel): void => {
    if ((readFormat & 4) !== 0) writer.u64(id);
    if ((readFormat & 16) !== 0) writer.u64(lost);
  };
  if (isGroup) {
    writer.u64(read.counters.length);
    times();
    for (const counter of read.counters) {
      writer.u64(counter.value);
      rest(counter);
    }
  } else {
    const [counter] = read.counters as readonly [CounterModel];
    writer.u64(counter.value);
    times();
    rest(counter);
  }
  return writer;
}

/** All fields of a sample. Those that the attributes leave out are not written. */
export interface SampleModel {
  readonly identifier: bigint;
  readonly ip: bigint;
  readonly pid: number;
  readonly tid: number;
  readonly time: bigint;
  readonly addr: bigint;
  readonly id: bigint;
  readonly streamId: bigint;
  readonly cpu: number;
  readonly period: bigint;
  readonly read: ReadModel;
  readonly callchain: readonly bigint[];
  /** Its length is 4 more than a multiple of 8 bytes, as the kernel pads it. */
  readonly raw: Uint8Array;
  /** Null when the hardware gave no branches: then only `nr` is written. */
  readonly branchStack: { readonly hwIndex: bigint; readonly entries: readonly BranchEntry[] } | null;
  /** Registers of the mask, lowest bit first; null for a kernel thread. */
  readonly userRegisters: { readonly abi: number; readonly values: readonly bigint[] } | null;
  /** `room`: a multiple of 8, at least the length of `bytes`. Null for a kernel thread. */
  readonly userStack: { readonly room: number; readonly bytes: Uint8Array } | null;
  readonly weight: bigint;
  readonly dataSource: bigint;
  readonly transaction: bigint;
  readonly interruptRegisters: { readonly abi: number; readonly values: readonly bigint[] } | null;
  readonly physicalAddress: bigint;
  readonly cgroup: bigint;
  readonly dataPageSize: bigint;
  readonly codePageSize: bigint;
  /** Its length is a multiple of 8 bytes. */
  readonly aux: Uint8Array;
}

/** The body of a PERF_RECORD_SAMPLE, in the order of perf_output_sample(). */
export function encodeSampleBody(attr: RecordFormatAttributes, sample: SampleModel): Uint8Array {
  const writer = new ByteWriter();
  if (has(attr, 16)) writer.u64(sample.identifier);
  if (has(attr, 0)) writer.u64(sample.ip);
  if (has(attr, 1)) writer.u32(sample.pid).u32(sample.tid);
  if (has(attr, 2)) writer.u64(sample.time);
  if (has(attr, 3)) writer.u64(sample.addr);
  if (has(attr, 6)) writer.u64(sample.id);
  if (has(attr, 9)) writer.u64(sample.streamId);
  if (has(attr, 7)) writer.u32(sample.cpu).u32(0);
  if (has(attr, 8)) writer.u64(sample.period);
  if (has(attr, 4)) encodeRead(writer, Number(attr.read_format ?? 0), sample.read);
  if (has(attr, 5)) {
    writer.u64(sample.callchain.length);
    for (const ip of sample.callchain) writer.u64(ip);
  }
  if (has(attr, 10)) writer.u32(sample.raw.length).bytes(sample.raw);
  if (has(attr, 11)) encodeBranchStack(writer, Number(attr.branch_sample_type ?? 0), sample.branchStack);
  if (has(attr, 12)) encodeRegisters(writer, sample.userRegisters);
  if (has(attr, 13)) encodeUserStack(writer, sample.userStack);
  if (has(attr, 14) || has(attr, 24)) writer.u64(sample.weight);
  if (has(attr, 15)) writer.u64(sample.dataSource);
  if (has(attr, 17)) writer.u64(sample.transaction);
  if (has(attr, 18)) encodeRegisters(writer, sample.interruptRegisters);
  if (has(attr, 19)) writer.u64(sample.physicalAddress);
  if (has(attr, 21)) writer.u64(sample.cgroup);
  if (has(attr, 22)) writer.u64(sample.dataPageSize);
  if (has(attr, 23)) writer.u64(sample.codePageSize);
  if (has(attr, 20)) writer.u64(sample.aux.length).bytes(sample.aux);
  return writer.toBytes();
}

function encodeBranchStack(
  writer: ByteWriter,
  branchSampleType: number,
  stack: SampleModel['branchStack'],
): void {
  writer.u64(stack?.entries.length ?? 0);
  if (stack === null) return;
  if ((branchSampleType & (1 << 17)) !== 0) writer.u64(stack.hwIndex);
  for (const entry of stack.entries) {
    const flag = (set: boolean, bit: bigint): bigint => (set ? 1n << bit : 0n);
    writer.u64(entry.from);
    writer.u64(entry.to);
    writer.u64(
      flag(entry.mispredicted, 0n) |
        flag(entry.predicted, 1n) |
        flag(entry.inTransaction, 2n) |
        flag(entry.abort, 3n) |
        (BigInt(entry.cycles) << 4n) |
        (BigInt(entry.type) << 20n) |
        (BigInt(entry.spec) << 24n) |
        (BigInt(entry.newType) << 26n) |
        (BigInt(entry.priv) << 30n),
    );
  }
  if ((branchSampleType & (1 << 19)) !== 0) {
    for (const { counters } of stack.entries) writer.u64(counters as bigint);
  }
}

function encodeRegisters(writer: ByteWriter, registers: SampleModel['userRegisters']): void {
  writer.u64(registers?.abi ?? 0);
  for (const value of registers?.values ?? []) writer.u64(value);
}

function encodeUserStack(writer: ByteWriter, stack: SampleModel['userStack']): void {
  if (stack === null || stack.room === 0) {
    writer.u64(0);
    return;
  }
  writer.u64(stack.room).bytes(stack.bytes);
  writer.bytes(new Uint8Array(stack.room - stack.bytes.length).fill(0xee));
  writer.u64(stack.bytes.length);
}
