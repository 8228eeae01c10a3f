import * as abi from '../../../lib/abi/perf-event';
import { decodeRecord, type PerfRecord } from '../../../lib/records/perf-record';
import { type RecordFormatAttributes, recordFormat } from '../../../lib/records/record-format';
import { ByteWriter, encodeRead, encodeRecord, encodeSampleId } from '../../support/record-encoder';

const SAMPLE_ID = { pid: 11, tid: 12, time: 13n, id: 14n, streamId: 15n, cpu: 16 };

/** All fields of struct sample_id. */
const WITH_ID: RecordFormatAttributes = {
  sample_type:
    abi.PERF_SAMPLE_TID |
    abi.PERF_SAMPLE_TIME |
    abi.PERF_SAMPLE_ID |
    abi.PERF_SAMPLE_STREAM_ID |
    abi.PERF_SAMPLE_CPU |
    abi.PERF_SAMPLE_IDENTIFIER,
  sample_id_all: true,
};
const WITHOUT_ID: RecordFormatAttributes = { ...WITH_ID, sample_id_all: false };

interface Case {
  readonly name: PerfRecord['type'];
  readonly type: number;
  readonly misc?: number;
  readonly attr?: RecordFormatAttributes;
  readonly body: ByteWriter;
  readonly fields: object;
  /** Bytes at the end of the body that may be missing: those of a string, which then ends earlier. */
  readonly optional?: number;
}

const mmapStart = (): ByteWriter => new ByteWriter().u32(1).u32(2).u64(0x5000n).u64(0x1000n).u64(0x200n);
const mapped = { pid: 1, tid: 2, addr: 0x5000n, len: 0x1000n, pgoff: 0x200n, isTruncated: false };
const task = (): ByteWriter => new ByteWriter().u32(1).u32(2).u32(3).u32(4).u64(5n);
const ended = { pid: 1, ppid: 2, tid: 3, ptid: 4, time: 5n };
const throttled = (): ByteWriter => new ByteWriter().u64(1n).u64(2n).u64(3n);

const CASES: readonly Case[] = [
  {
    name: 'MMAP',
    type: abi.PERF_RECORD_MMAP,
    misc: abi.PERF_RECORD_MISC_MMAP_DATA | abi.PERF_RECORD_MISC_USER,
    body: mmapStart().string('/usr/lib/é.so'),
    fields: { ...mapped, filename: '/usr/lib/é.so', isData: true, cpuMode: 'user' },
    optional: 16,
  },
  {
    name: 'LOST',
    type: abi.PERF_RECORD_LOST,
    body: new ByteWriter().u64(7n).u64(0x1_0000_0001n),
    fields: { id: 7n, lost: 0x1_0000_0001n },
  },
  {
    name: 'COMM',
    type: abi.PERF_RECORD_COMM,
    misc: abi.PERF_RECORD_MISC_COMM_EXEC,
    body: new ByteWriter().u32(1).u32(2).string('node'),
    fields: { pid: 1, tid: 2, comm: 'node', isExec: true },
    optional: 8,
  },
  { name: 'EXIT', type: abi.PERF_RECORD_EXIT, body: task(), fields: ended },
  {
    name: 'THROTTLE',
    type: abi.PERF_RECORD_THROTTLE,
    body: throttled(),
    fields: { time: 1n, id: 2n, streamId: 3n },
  },
  {
    name: 'UNTHROTTLE',
    type: abi.PERF_RECORD_UNTHROTTLE,
    body: throttled(),
    fields: { time: 1n, id: 2n, streamId: 3n },
  },
  { name: 'FORK', type: abi.PERF_RECORD_FORK, body: task(), fields: { ...ended, isExec: false } },
  {
    name: 'READ',
    type: abi.PERF_RECORD_READ,
    attr: { read_format: 0x17 },
    body: encodeRead(new ByteWriter().u32(1).u32(2), 0x17, {
      timeEnabled: 3n,
      timeRunning: 4n,
      counters: [{ value: 5n, id: 6n, lost: 7n }],
    }),
    fields: {
      pid: 1,
      tid: 2,
      values: { timeEnabled: 3n, timeRunning: 4n, values: [{ value: 5n, id: 6n, lost: 7n }] },
    },
  },
  {
    name: 'READ',
    type: abi.PERF_RECORD_READ,
    attr: { read_format: 8 },
    body: encodeRead(new ByteWriter().u32(1).u32(2), 8, {
      timeEnabled: 3n,
      timeRunning: 4n,
      counters: [
        { value: 5n, id: 6n, lost: 7n },
        { value: 8n, id: 9n, lost: 10n },
      ],
    }),
    fields: {
      pid: 1,
      tid: 2,
      values: {
        timeEnabled: undefined,
        timeRunning: undefined,
        values: [
          { value: 5n, id: undefined, lost: undefined },
          { value: 8n, id: undefined, lost: undefined },
        ],
      },
    },
  },
  {
    name: 'MMAP2',
    type: abi.PERF_RECORD_MMAP2,
    body: mmapStart().u32(8).u32(1).u64(99n).u64(100n).u32(5).u32(2).string('/usr/bin/node'),
    fields: {
      ...mapped,
      filename: '/usr/bin/node',
      isData: false,
      inode: { maj: 8, min: 1, ino: 99n, inoGeneration: 100n },
      buildId: undefined,
      prot: 5,
      flags: 2,
    },
    optional: 16,
  },
  {
    name: 'MMAP2',
    type: abi.PERF_RECORD_MMAP2,
    misc: abi.PERF_RECORD_MISC_MMAP_BUILD_ID,
    body: mmapStart()
      .u8(4)
      .u8(0)
      .u16(0)
      .bytes([0xde, 0xad, 0xbe, 0xef, ...new Uint8Array(16)])
      .u32(5)
      .u32(2)
      .string('/usr/bin/node'),
    fields: {
      ...mapped,
      filename: '/usr/bin/node',
      isData: false,
      inode: undefined,
      buildId: 'deadbeef',
      prot: 5,
      flags: 2,
    },
    optional: 16,
  },
  {
    name: 'AUX',
    type: abi.PERF_RECORD_AUX,
    body: new ByteWriter().u64(1n).u64(2n).u64(0x8000_0000_0000_000an),
    fields: {
      auxOffset: 1n,
      auxSize: 2n,
      flags: 0x8000_0000_0000_000an,
      isTruncated: false,
      isOverwrite: true,
      isPartial: false,
      hasCollision: true,
    },
  },
  {
    name: 'ITRACE_START',
    type: abi.PERF_RECORD_ITRACE_START,
    body: new ByteWriter().u32(1).u32(2),
    fields: { pid: 1, tid: 2 },
  },
  {
    name: 'LOST_SAMPLES',
    type: abi.PERF_RECORD_LOST_SAMPLES,
    body: new ByteWriter().u64(9n),
    fields: { lost: 9n },
  },
  {
    name: 'SWITCH',
    type: abi.PERF_RECORD_SWITCH,
    misc: abi.PERF_RECORD_MISC_SWITCH_OUT | abi.PERF_RECORD_MISC_SWITCH_OUT_PREEMPT,
    body: new ByteWriter(),
    fields: { isOut: true, isPreempted: true },
  },
  {
    name: 'SWITCH_CPU_WIDE',
    type: abi.PERF_RECORD_SWITCH_CPU_WIDE,
    body: new ByteWriter().u32(1).u32(2),
    fields: { isOut: false, isPreempted: false, nextPrevPid: 1, nextPrevTid: 2 },
  },
  {
    name: 'NAMESPACES',
    type: abi.PERF_RECORD_NAMESPACES,
    body: new ByteWriter().u32(1).u32(2).u64(2).u64(3).u64(4).u64(5).u64(6),
    fields: {
      pid: 1,
      tid: 2,
      namespaces: [
        { dev: 3n, inode: 4n },
        { dev: 5n, inode: 6n },
      ],
    },
  },
  {
    name: 'KSYMBOL',
    type: abi.PERF_RECORD_KSYMBOL,
    body: new ByteWriter().u64(0xffff_ffff_c000_0000n).u32(64).u16(1).u16(1).string('bpf_prog_1'),
    fields: {
      addr: 0xffff_ffff_c000_0000n,
      len: 64,
      ksymType: abi.PERF_RECORD_KSYMBOL_TYPE_BPF,
      flags: 1,
      isUnregistered: true,
      name: 'bpf_prog_1',
    },
    optional: 16,
  },
  {
    name: 'BPF_EVENT',
    type: abi.PERF_RECORD_BPF_EVENT,
    body: new ByteWriter().u16(1).u16(0).u32(77).bytes([0, 1, 2, 3, 4, 5, 6, 0xff]),
    fields: { bpfEventType: abi.PERF_BPF_EVENT_PROG_LOAD, flags: 0, id: 77, tag: '00010203040506ff' },
  },
  {
    name: 'CGROUP',
    type: abi.PERF_RECORD_CGROUP,
    body: new ByteWriter().u64(5n).string('/a/b'),
    fields: { id: 5n, path: '/a/b' },
    optional: 8,
  },
  {
    name: 'TEXT_POKE',
    type: abi.PERF_RECORD_TEXT_POKE,
    misc: abi.PERF_RECORD_MISC_KERNEL,
    body: new ByteWriter().u64(1n).u16(2).u16(2).bytes([1, 2, 3, 4]),
    fields: {
      addr: 1n,
      oldBytes: Uint8Array.of(1, 2),
      newBytes: Uint8Array.of(3, 4),
      cpuMode: 'kernel',
    },
  },
  {
    name: 'AUX_OUTPUT_HW_ID',
    type: abi.PERF_RECORD_AUX_OUTPUT_HW_ID,
    body: new ByteWriter().u64(3n),
    fields: { hwId: 3n },
  },
];

function encode({ type, misc = 0, body }: Case, attr: RecordFormatAttributes): Uint8Array {
  const whole = encodeSampleId(new ByteWriter().bytes(body.toBytes()), attr, SAMPLE_ID);
  return encodeRecord(type, misc, whole.toBytes());
}

describe('decodeRecord', () => {
  it.each(CASES)('reads $name, its struct and the sample id after it', (one) => {
    const attr = { ...WITH_ID, ...one.attr };
    expect(decodeRecord(encode(one, attr), recordFormat(attr))).toEqual({
      type: one.name,
      misc: one.misc ?? 0,
      cpuMode: 'unknown',
      sampleId: SAMPLE_ID,
      ...one.fields,
    });
  });

  it.each(CASES)('reads $name without sample_id_all', (one) => {
    const attr = { ...WITHOUT_ID, ...one.attr };
    expect(decodeRecord(encode(one, attr), recordFormat(attr))).toEqual({
      type: one.name,
      misc: one.misc ?? 0,
      cpuMode: 'unknown',
      sampleId: undefined,
      ...one.fields,
    });
  });

  it.each(CASES)('refuses $name that is shorter than its struct, with and without a sample id', (one) => {
    for (const ids of [WITH_ID, WITHOUT_ID]) {
      const attr = { ...ids, ...one.attr };
      const whole = encode(one, attr);
      const bodyBytes = one.body.length - (one.optional ?? 0);
      for (let missing = one.body.length - bodyBytes + 1; missing <= one.body.length; missing++) {
        const bytes = whole.slice(0, whole.length - missing);
        new DataView(bytes.buffer).setUint16(6, bytes.length, true);
        expect(() => decodeRecord(bytes, recordFormat(attr))).toThrow(
          expect.objectContaining({ code: 'ERR_PERF_RECORD_DAMAGED' }),
        );
      }
    }
  });

  it('decodes all types of Linux 6.12; samples have tests of their own', () => {
    const types = Array.from({ length: 21 }, (_, index) => index + 1);
    const known = new Set(CASES.map(({ type }) => type));
    expect(types.filter((type) => !known.has(type))).toEqual([abi.PERF_RECORD_SAMPLE]);
  });

  it('leaves a string without its NUL inside its record', () => {
    const body = new ByteWriter().u64(5n).bytes(Buffer.from('/abcdefg'));
    const attr = { ...WITH_ID };
    const bytes = encodeRecord(abi.PERF_RECORD_CGROUP, 0, encodeSampleId(body, attr, SAMPLE_ID).toBytes());
    expect(decodeRecord(bytes, recordFormat(attr))).toMatchObject({ path: '/abcdefg', sampleId: SAMPLE_ID });
  });

  it.each([
    ['NAMESPACES', abi.PERF_RECORD_NAMESPACES, 0, new ByteWriter().u32(1).u32(2).u64(3).u64(3).u64(4)],
    [
      'NAMESPACES',
      abi.PERF_RECORD_NAMESPACES,
      0,
      new ByteWriter().u32(1).u32(2).u64(0xffff_ffff_ffff_ffffn).u64(3).u64(4),
    ],
    ['TEXT_POKE', abi.PERF_RECORD_TEXT_POKE, 0, new ByteWriter().u64(1n).u16(3).u16(2).bytes([1, 2, 3, 4])],
    [
      'MMAP2',
      abi.PERF_RECORD_MMAP2,
      abi.PERF_RECORD_MISC_MMAP_BUILD_ID,
      mmapStart().u8(21).bytes(new Uint8Array(39)),
    ],
  ] as const)('refuses %s whose size leads into the sample id', (_name, type, misc, body) => {
    const whole = encodeSampleId(new ByteWriter().bytes(body.toBytes()), WITH_ID, SAMPLE_ID);
    const bytes = encodeRecord(type, misc, whole.toBytes());
    expect(() => decodeRecord(bytes, recordFormat(WITH_ID))).toThrow(
      expect.objectContaining({ code: 'ERR_PERF_RECORD_DAMAGED' }),
    );
  });

  it.each([0, 16])('refuses a sample whose fields of %d bytes do not end where it does', (length) => {
    const bytes = encodeRecord(abi.PERF_RECORD_SAMPLE, 0, new Uint8Array(length));
    expect(() => decodeRecord(bytes, recordFormat({ sample_type: abi.PERF_SAMPLE_TIME }))).toThrow(
      expect.objectContaining({ code: 'ERR_PERF_RECORD_DAMAGED' }),
    );
  });

  it('returns an unknown type unchanged', () => {
    const bytes = encodeRecord(22, 5, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    expect(decodeRecord(bytes, recordFormat({ sample_type: 0 }))).toEqual({
      type: 'UNKNOWN',
      misc: 5,
      cpuMode: 'guest-user',
      recordType: 22,
      bytes: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
    });
  });

  it.each([
    ['no header', new Uint8Array(7)],
    ['a size below the header', encodeRecord(3, 0, new Uint8Array(8)).fill(0, 6)],
    ['fewer bytes than header.size', encodeRecord(3, 0, new Uint8Array(16)).slice(0, 16)],
  ])('refuses %s', (_what, bytes) => {
    expect(() => decodeRecord(bytes, recordFormat())).toThrow(
      expect.objectContaining({ code: 'ERR_PERF_RECORD_DAMAGED' }),
    );
  });

  it('takes bytes and a format of its own only', () => {
    const bytes = encodeRecord(3, 0, new Uint8Array(16));
    const wrong = expect.objectContaining({ code: 'ERR_PERF_INVALID_ARGUMENT' });
    expect(() => decodeRecord([] as unknown as Uint8Array, recordFormat())).toThrow(wrong);
    expect(() => decodeRecord(bytes, { ...recordFormat() })).toThrow(wrong);
  });
});
