import type { KnownLayout } from '../../../../lib/cli/formats/fitting-decoder';
import { TableFormat } from '../../../../lib/cli/formats/table-format';
import { styleFor } from '../../../../lib/cli/style';
import { BUILTIN_PROGRAMS, builtinUnion, defineLayout } from '../../../../lib/index';
import { lendRecords } from '../lent-records';

const LAYOUT = defineLayout([
  { name: 'time', kind: 'u64' },
  { name: 'tid', kind: 'u32' },
  { name: 'pid', kind: 'u32' },
  { name: 'comm', kind: 'char[16]' },
  { name: 'filename', kind: 'char[64]' },
]);
const ZERO = 1_000_000_000n;

function payload(time: bigint, comm: string, filename: string): Uint8Array {
  const bytes = new Uint8Array(LAYOUT.size);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, time, true);
  view.setUint32(8, 12, true);
  view.setUint32(12, 11, true);
  bytes.set(Buffer.from(comm), 16);
  bytes.set(Buffer.from(filename), 32);
  return bytes;
}

function rows(layout: KnownLayout, payloads: readonly Uint8Array[], terminalColumns?: number): string[] {
  const format = new TableFormat(layout, ZERO, styleFor({}), terminalColumns);
  format.begin();
  lendRecords(
    payloads.map((one) => ({ payload: one })),
    (record) => format.sample(record),
  );
  return format.take().split('\n').slice(0, -1);
}

describe('TableFormat', () => {
  it('has a row for each sample under its titles, times in seconds since the beginning', () => {
    expect(
      rows(LAYOUT, [payload(ZERO, 'node', '/bin/a'), payload(ZERO + 12_345_678_999n, 'bash', '/bin/b c')]),
    ).toEqual([
      '       time  cpu      pid      tid  comm             filename',
      '   0.000000    0       11       12  node             /bin/a',
      '  12.345678    0       11       12  bash             /bin/b c',
    ]);
  });

  it('shows a time before the beginning as one', () => {
    expect(rows(LAYOUT, [payload(ZERO - 1_500_000n, '', '')])[1]).toMatch(/^ {2}-0\.001500 /);
  });

  it('escapes control characters of a terminal', () => {
    const [, row] = rows(LAYOUT, [payload(ZERO, '\u001b[31mred', 'a\nb\u202e')]);
    expect(row).toBe('   0.000000    0       11       12  \\x1b[31mred      a\\nb\\u202e');
  });

  it.each([
    ['wide characters', '日本語プロ', '日本語プロ     '],
    ['emoji', '😀😀😀', '😀😀😀         '],
    ['combining marks', 'e\u0301e\u0301', 'e\u0301e\u0301             '],
    ['marks of other scripts', 'ก\u0e34', 'ก\u0e34              '],
    ['escapes that take more room than there is', '\u202e\u202e\u202e\u202e', '\\u202e\\u202e\\u…'],
    ['a wide character where the cut is', '\u001b\u001b日本語プ', '\\x1b\\x1b日本語…'],
  ])('keeps columns under their titles for %s', (_what, comm, cell) => {
    expect(rows(LAYOUT, [payload(ZERO, comm, '/bin/a')])[1]).toBe(
      `   0.000000    0       11       12  ${cell}  /bin/a`,
    );
  });

  describe('on a terminal', () => {
    const titles = (name: string, columns?: number): string => {
      const { layout } = BUILTIN_PROGRAMS.find((program) => program.name === name) ?? {};
      return rows(layout, [], columns)[0] as string;
    };

    it.each(BUILTIN_PROGRAMS.map(({ name }) => name))(
      'has rows of %s that fit, and all columns elsewhere',
      (name) => {
        for (let columns = 54; columns < 100; columns++) {
          expect(titles(name, columns).length).toBeLessThanOrEqual(columns);
          expect(titles(name, columns)).toMatch(/^ +time +cpu +pid .* comm/);
        }
        expect(titles(name, 200)).toBe(titles(name));
      },
    );

    it('leaves out columns of numbers, the last one first', () => {
      expect(titles('sched_switch', 109)).toMatch(
        /pid +tid +comm +preempt +prev_state +next_tid +next_pid +next_comm$/,
      );
      expect(titles('sched_switch', 108)).toMatch(
        /pid +comm +preempt +prev_state +next_tid +next_pid +next_comm$/,
      );
      expect(titles('sched_switch', 80)).toMatch(/pid +comm +preempt +prev_state +next_comm$/);
      expect(titles('sched_switch', 60)).toMatch(/pid +comm +prev_state$/);
      expect(titles('sched_process_exec', 86)).toMatch(/comm +uid +old_pid +filename$/);
      expect(titles('sched_process_exec', 74)).toMatch(/comm +uid +filename$/);
      expect(titles('sched_process_exec', 60)).toMatch(/cpu +pid +comm +filename$/);
    });

    it('shows as many bytes of an unknown sample as there is room for', () => {
      for (const columns of [60, 80, 200]) {
        const [, row = ''] = rows(undefined, [new Uint8Array(60).fill(0xee)], columns);
        expect(row.length).toBeLessThanOrEqual(columns);
        expect(row).toMatch(/(?:ee){8,32}…$/);
      }
    });
  });

  it('shows the first bytes of a sample of unknown layout, and - for unknown fields', () => {
    expect(rows(undefined, [Uint8Array.of(1, 2, 3, 4), new Uint8Array(60).fill(0xee)])).toEqual([
      '       time  cpu      pid      tid   size  data',
      '          -    0        -        -      4  01020304',
      `          -    0        -        -     60  ${'ee'.repeat(32)}…`,
    ]);
  });

  it('writes losses, other records and snapshots as separate rows', () => {
    const format = new TableFormat(LAYOUT, ZERO, styleFor({}));
    lendRecords([{ payload: new Uint8Array(8), type: 5 }], (record) => format.other(record));
    format.lost(1, 1234);
    format.lost(0, 1);
    format.snapshot(2);
    expect(format.take().split('\n')).toEqual([
      '          -    0  a record of type 5, 8 bytes',
      '          -    1  1,234 samples lost',
      '          -    0  1 sample lost',
      '-- snapshot 2 --',
      '',
    ]);
  });

  it('has the fields of several built-in programs by name', () => {
    const [exec, exit] = ['exec', 'exit'].map((one) => BUILTIN_PROGRAMS.find(({ name }) => name === one));
    const union = builtinUnion(['exec', 'exit']);
    const sample = (one: typeof exec): Uint8Array => {
      const bytes = new Uint8Array(one?.layout.size ?? 0);
      const number = one?.layout.fields.find(({ name }) => name === 'program')?.values?.[one.name];
      new DataView(bytes.buffer).setUint32(32, Number(number), true);
      return bytes;
    };
    const [titles, ...own] = rows(union, [sample(exec), sample(exit), new Uint8Array(40)]);
    expect(titles).toMatch(/ comm +program {2}fields$/);
    expect(own[0]).toMatch(/ exec {5}uid=0 ppid=0 filename= args=$/);
    expect(own[1]).toMatch(/ exit {5}ppid=0 exit_code=0 signal=0 duration_ns=0$/);
    expect(own[2]).toMatch(/ - +-$/);
  });

  it('has a column for each field of each built-in program', () => {
    for (const { layout } of BUILTIN_PROGRAMS) {
      const [titles = '', row = ''] = rows(layout, [new Uint8Array(layout.size)]);
      const own = layout.fields.slice(5).map(({ name }) => name);
      const names = ['time', 'cpu', 'pid', 'tid', 'comm', ...own.filter((name) => name !== 'args_size')];
      expect(titles.trim().split(/ +/)).toEqual(names);
      // The last column has no limit.
      const isOpen = layout.fields.at(-1)?.kind.includes('[') === true;
      if (!isOpen) expect(row.length).toBeLessThanOrEqual(titles.length);
    }
  });
});
