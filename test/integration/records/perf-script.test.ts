import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PerfDataReader } from '../../../lib/perf-data';
import type { PerfRecord } from '../../../lib/records/perf-record';
import type { RingRecord } from '../../../lib/records/record';
import type { SampleRecord } from '../../../lib/records/sample-record';
import type { Registers } from '../../../lib/records/variable-fields';

/** The output of `perf script -D` for one record. */
interface Dump {
  readonly cpu: number | undefined;
  readonly time: bigint;
  readonly size: number;
  /** PERF_RECORD_… and the rest of its line. */
  readonly title: string;
  /** The lines below, up to those that perf adds from other sources. */
  readonly lines: readonly string[];
}

const hex = (value: bigint | number | undefined): string => (value === undefined ? '' : value.toString(16));
/** As C's `%#x`: 0 without a prefix. */
const hexOf = (value: bigint | number | undefined): string => (value ? `0x${hex(value)}` : '0');
const hex16 = (value: bigint): string => hex(value).padStart(16, '0');
const spaced = (text: string): string => text.trim().replace(/\s+/g, ' ');

/** perf's names of registers, by PERF_REG_X86_*. */
const X86_REGISTERS =
  'AX BX CX DX SI DI BP SP IP FLAGS CS SS DS ES FS GS R8 R9 R10 R11 R12 R13 R14 R15'.split(' ');

function registerName(register: number): string {
  if (process.arch === 'x64') return X86_REGISTERS[register] as string;
  return register === 30 ? 'lr' : register === 31 ? 'sp' : register === 32 ? 'pc' : `x${register}`;
}

/** Parses the output. @returns it by the offset of the record in the file */
function dumpsOf(file: string): Map<number, Dump> {
  const text = execFileSync('perf', ['script', '-D', '-i', file], {
    encoding: 'latin1',
    maxBuffer: 1 << 30,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const dumps = new Map<number, Dump>();
  let lines: string[] = [];
  for (const line of text.split('\n')) {
    const title = /^(?:(\d+) )?(\d+) (0x[0-9a-f]+) \[(0x[0-9a-f]+)\]: (PERF_RECORD_.*)/.exec(line);
    if (title !== null) {
      lines = [];
      const [, cpu, time, offset, size, rest] = title;
      dumps.set(Number(offset), {
        cpu: cpu === undefined ? undefined : Number(cpu),
        time: BigInt(time as string),
        size: Number(size),
        title: spaced(rest as string),
        lines,
      });
    } else if (/^\s*\.\.\. thread:/.test(line) || line === '') {
      // The lines from here on come from perf's table of threads.
      lines = [];
    } else {
      lines.push(spaced(line));
    }
  }
  return dumps;
}

const PROTECTIONS: readonly (readonly [number, string])[] = [
  [1, 'r'],
  [2, 'w'],
  [4, 'x'],
];

/** The decoded record in the format of perf. */
function titleOf(record: PerfRecord): string {
  const name = `PERF_RECORD_${record.type}`;
  switch (record.type) {
    case 'SAMPLE':
      return `${name}(IP, 0x${hex(record.misc)}): ${record.pid}/${record.tid}: ${hexOf(record.ip)} period: ${record.period} addr: ${hexOf(record.addr ?? 0n)}`;
    case 'MMAP':
      return `${name} ${record.pid}/${record.tid}: [${hexOf(record.addr)}(${hexOf(record.len)}) @ ${hexOf(record.pgoff)}]: ${record.isData ? 'r' : 'x'} ${record.filename}`;
    case 'MMAP2': {
      const { inode, buildId, prot } = record;
      const file =
        inode === undefined
          ? `<${buildId}>`
          : `${hex(inode.maj).padStart(2, '0')}:${hex(inode.min).padStart(2, '0')} ${inode.ino} ${inode.inoGeneration}`;
      const access = PROTECTIONS.map(([bit, letter]) => ((prot & bit) === 0 ? '-' : letter)).join('');
      const sharing = (record.flags & 1) === 0 ? 'p' : 's';
      return `${name} ${record.pid}/${record.tid}: [${hexOf(record.addr)}(${hexOf(record.len)}) @ ${hexOf(record.pgoff)} ${file}]: ${access}${sharing} ${record.filename}`;
    }
    case 'COMM':
      return `${name}${record.isExec ? ' exec' : ''}: ${record.comm}:${record.pid}/${record.tid}`;
    case 'FORK':
    case 'EXIT':
      return `${name}(${record.pid}:${record.tid}):(${record.ppid}:${record.ptid})`;
    case 'SWITCH':
      return spaced(`${name} ${switchOf(record)}`);
    case 'SWITCH_CPU_WIDE':
      return spaced(
        `${name} ${switchOf(record)} ${record.isOut ? 'next' : 'prev'} pid/tid: ${record.nextPrevPid}/${record.nextPrevTid}`,
      );
    case 'NAMESPACES':
      return `${name} ${record.pid}/${record.tid} - nr_namespaces: ${record.namespaces.length}`;
    case 'KSYMBOL':
      return `${name} addr ${hex(record.addr)} len ${record.len} type ${record.ksymType} flags 0x${hex(record.flags)} name ${record.name}`;
    case 'BPF_EVENT':
      return `${name} type ${record.bpfEventType}, flags ${record.flags}, id ${record.id}`;
    case 'CGROUP':
      return `${name} cgroup: ${record.id} ${record.path}`;
    case 'READ':
      return `${name}: ${record.pid} ${record.tid} task-clock ${record.values.values[0]?.value}`;
    default:
      throw new Error(`no words for ${record.type}`);
  }
}

function switchOf({ isOut, isPreempted }: { isOut: boolean; isPreempted: boolean }): string {
  return `${isOut ? 'OUT' : 'IN'}${isPreempted ? ' preempt' : ''}`;
}

function linesOf(record: PerfRecord): string[] {
  if (record.type === 'SAMPLE') return sampleLines(record);
  if (record.type === 'NAMESPACES') return namespaceLines(record.namespaces);
  if (record.type === 'READ') return readLines(record);
  return [];
}

function namespaceLines(namespaces: readonly { dev: bigint; inode: bigint }[]): string[] {
  const names = ['net', 'uts', 'ipc', 'pid', 'user', 'mnt', 'cgroup'];
  const words = namespaces.map(({ dev, inode }, index) => `${index}/${names[index]}: ${dev}/0x${hex(inode)}`);
  // The first line has four words.
  return [`[${words.slice(0, 4).join(', ')},`, `${words.slice(4).join(', ')}]`];
}

function readLines({
  values: { timeEnabled, timeRunning, values },
}: Extract<PerfRecord, { type: 'READ' }>): string[] {
  return [
    ...(timeEnabled === undefined ? [] : [`... time enabled : ${timeEnabled}`]),
    ...(timeRunning === undefined ? [] : [`... time running : ${timeRunning}`]),
    ...values.flatMap(({ id, lost }) => [
      ...(id === undefined ? [] : [`... id : ${id}`]),
      ...(lost === undefined ? [] : [`... lost : ${lost}`]),
    ]),
  ];
}

function sampleLines(sample: SampleRecord): string[] {
  const lines: string[] = [];
  const { callchain, userRegisters, interruptRegisters, userStack, weightStruct, dataSource, read } = sample;
  if (callchain !== undefined) {
    lines.push(`... FP chain: nr:${callchain.length}`);
    callchain.forEach((ip, index) => {
      lines.push(`..... ${index}: ${hex16(ip)}`);
    });
  }
  if (userRegisters !== undefined) lines.push(...registerLines('user', userRegisters));
  if (interruptRegisters !== undefined) lines.push(...registerLines('intr', interruptRegisters));
  if (userStack !== undefined) lines.push(`... ustack: size ${userStack.bytes.length}`);
  if (weightStruct !== undefined) {
    const { var1, var2, var3 } = weightStruct;
    lines.push(`... weight: ${var1},0x${hex(var2)},0x${hex(var3)}`);
  }
  if (dataSource !== undefined) lines.push(`. data_src: 0x${hex(dataSource.value)}`);
  if (sample.physicalAddress !== undefined) lines.push(`.. phys_addr: 0x${hex(sample.physicalAddress)}`);
  if (sample.dataPageSize !== undefined) lines.push(`.. data page size: ${pageSize(sample.dataPageSize)}`);
  if (sample.codePageSize !== undefined) lines.push(`.. code page size: ${pageSize(sample.codePageSize)}`);
  if (sample.transaction !== undefined) lines.push(`... transaction: ${hex(sample.transaction)}`);
  if (read !== undefined) {
    lines.push('... sample_read:');
    if (read.timeEnabled !== undefined) lines.push(`...... time enabled ${hex16(read.timeEnabled)}`);
    if (read.timeRunning !== undefined) lines.push(`...... time running ${hex16(read.timeRunning)}`);
    lines.push(`.... group nr ${read.values.length}`);
    for (const { id, value, lost } of read.values) {
      lines.push(`..... id ${hex16(id as bigint)}, value ${hex16(value)}, lost ${lost}`);
    }
  }
  return lines;
}

function registerLines(kind: string, registers: Registers): string[] {
  // perf shows no registers when the ABI is 0.
  if (registers.abi === 0) return [];
  const lines = [
    `... ${kind} regs: mask 0x${hex(registers.mask)} ABI ${registers.abi === 2 ? '64' : '32'}-bit`,
  ];
  for (let register = 0; register < 64; register++) {
    const value = registers.get(register);
    if (value !== undefined) lines.push(`.... ${registerName(register)} 0x${hex16(value)}`);
  }
  return lines;
}

function pageSize(bytes: bigint): string {
  if (bytes === 0n) return 'N/A';
  const power = Math.floor(Math.log2(Number(bytes)) / 10);
  return `${bytes >> BigInt(power * 10)}${['B', 'K', 'M', 'G'][power]}`;
}

/** The line without parts that perf derives itself. Undefined for lines that show bytes. */
function comparable(line: string): string | undefined {
  // The hex dump of the record.
  if (/^\. [0-9a-f]{4}: /.test(line) || line === '.' || line.startsWith('. ...')) return undefined;
  if (/^0x[0-9a-f]+@/.test(line) || line === ': unhandled!') return undefined;
  return line.replace(/^(\.\.\. ustack: size \d+), offset .*/, '$1');
}

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'perfring-perf-'));
});

afterAll(() => {
  rmSync(directory, { recursive: true });
});

/** Records a few processes with perf, and compares every record of the file with perf's output for it. */
function compare(name: string, options: readonly string[]): PerfRecord[] {
  const file = join(directory, `${name}.data`);
  const script = 'for i in 1 2 3; do /bin/true; done; i=0; while [ $i -lt 5000 ]; do i=$((i+1)); done';
  execFileSync('perf', ['record', '-q', '-o', file, ...options, '--', 'sh', '-c', script], { stdio: 'pipe' });
  const dumps = dumpsOf(file);
  const records: PerfRecord[] = [];
  // perf shows the offset of each record. The first one is where the header says.
  let offset = Number(readFileSync(file).readBigUint64LE(40));
  using reader = PerfDataReader.open(file, { order: 'file' });
  reader.visit((record) => {
    if (record.type < FIRST_PERF_TYPE) records.push(compareRecord(record, dumps.get(offset)));
    offset += record.recordSize;
  });
  return records;
}

/** Records of this type and above are written by perf and not by the kernel. */
const FIRST_PERF_TYPE = 64;

function compareRecord(lent: RingRecord, dump: Dump | undefined): PerfRecord {
  const record = lent.decode();
  const when = record.type === 'SAMPLE' ? record : 'sampleId' in record ? record.sampleId : undefined;
  expect({
    size: lent.recordSize,
    title: titleOf(record),
    lines: linesOf(record).join('\n'),
    time: when?.time,
    cpu: dump?.cpu === undefined ? undefined : when?.cpu,
  }).toEqual({
    size: dump?.size,
    title: dump?.title,
    lines: dump?.lines
      .map(comparable)
      .filter((line) => line !== undefined)
      .join('\n'),
    time: dump?.time,
    cpu: dump?.cpu,
  });
  return record;
}

const typesOf = (records: readonly PerfRecord[]): string[] =>
  [...new Set(records.map(({ type }) => type))].sort();

describe('the output of perf script for the same records', () => {
  it('equals what perfring decodes of samples with stacks, registers and memory fields, and of side-band records', () => {
    const records = compare('fields', [
      ...['-e', 'cpu-clock,page-faults', '-F', '2000', '--call-graph', 'dwarf,256', '--intr-regs=ax,ip'],
      ...[
        '-d',
        '--phys-data',
        '--data-page-size',
        '--code-page-size',
        '-W',
        '--transaction',
        '--sample-cpu',
        '-P',
      ],
      ...['--all-cgroups', '--namespaces', '--switch-events', '--buildid-mmap'],
    ]);
    expect(typesOf(records)).toEqual(
      expect.arrayContaining(['CGROUP', 'COMM', 'EXIT', 'FORK', 'MMAP2', 'NAMESPACES', 'SAMPLE', 'SWITCH']),
    );
  });

  it('equals what perfring decodes of the counters of a group', () => {
    const records = compare('group', [
      '-P',
      '-e',
      '{cpu-clock,task-clock,page-faults}:S',
      '-c',
      '1000000',
      '-g',
    ]);
    expect(records.some((record) => record.type === 'SAMPLE' && record.read?.values.length === 3)).toBe(true);
  });

  it('equals what perfring decodes of the counters of threads that ended', () => {
    expect(typesOf(compare('stat', ['-P', '-s', '-e', 'task-clock', '-c', '1000000']))).toContain('READ');
  });

  it('equals what perfring decodes of all CPUs', () => {
    const records = compare('all', ['-P', '-a', '--switch-events', '-e', 'cpu-clock', '-c', '5000000']);
    expect(typesOf(records)).toEqual(expect.arrayContaining(['SAMPLE', 'SWITCH_CPU_WIDE']));
  });
});
