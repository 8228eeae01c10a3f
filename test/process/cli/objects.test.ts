import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { BpfObject } from '../../../lib/index';
import { objectPath } from '../../support/bpf-objects';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { describeWithPrograms } from '../../support/programs';
import { CliProcess, cli, linesOf, payloadsOf } from './cli-process';

type Line = Readonly<Record<string, unknown>>;

/** Calls getpriority(2) until the command has ended. The loop ends by itself when the command fails. */
async function callsUntilEnd(command: CliProcess): Promise<Awaited<ReturnType<CliProcess['finished']>>> {
  let isOver = false;
  const finished = command.read().finished();
  void finished.then(() => {
    isOver = true;
  });
  while (!isOver) {
    getPriority();
    await pause(2);
  }
  return await finished;
}

function collect(...args: string[]): CliProcess {
  return new CliProcess(['collect', objectPath('calls'), '--set', `target_pid=${process.pid}`, ...args]);
}

const CAPABILITIES = ['CAP_BPF', 'CAP_PERFMON', 'CAP_SYS_ADMIN'] as const;

describeWithPrograms('FOR_OBJECTS', 'perfring collect on a BPF object', () => {
  describeWith([...CAPABILITIES], 'that is loaded', () => {
    afterAll(expectNothingLeft);

    it('writes the fields of a ring buffer by name as ndjson: enums by name, structs as objects, u64 as text', async () => {
      const { stdout, stderr, code } = await callsUntilEnd(
        collect('--map', 'calls', '-f', 'ndjson', '-n', '3'),
      );
      expect([code, linesOf(stderr)[0]]).toEqual([
        0,
        'perfring: not attached, because their sections do not say to what: on_note (uprobe), on_plain (uprobe); use --attach PROGRAM=TARGET',
      ]);
      const lines = linesOf(stdout).map((line) => JSON.parse(line) as Line);
      expect(lines).toEqual(
        [0, 1, 2].map((number) => ({
          type: 'sample',
          time: expect.stringMatching(/^\d+$/),
          large: String(0xffff_ffff_ffff_ff00n + BigInt(number)),
          pid: process.pid,
          type_: number === 0 ? 'CALL_FIRST' : 'CALL_AGAIN',
          comm: expect.stringMatching(/./),
          peer: { ip: '10.0.0.1', port: 8080 },
        })),
      );
      expect(stderr).toMatch(/^all +3 +unknown +/m);
    });

    it('shows them as columns of a table', async () => {
      const { stdout, code } = await callsUntilEnd(
        collect('--map', 'calls', '-n', '2', '--attach', 'on_call'),
      );
      expect(code).toBe(0);
      const [head = '', first = ''] = linesOf(stdout);
      expect(head.trim().split(/ {2,}/)).toEqual([
        'time',
        'cpu',
        'pid',
        'tid',
        'large',
        'type',
        'comm',
        'peer.ip',
        'peer.port',
      ]);
      expect(first).toMatch(
        new RegExp(
          `^ +\\d+\\.\\d{6} +- +${process.pid} +- +18446744073709551360 +CALL_FIRST +\\S.* 10\\.0\\.0\\.1 +8080$`,
        ),
      );
    });

    it('attaches to a target and sets text, and cuts a sample of variable length exactly', async () => {
      const command = collect(
        ...['--map', 'notes', '--attach', 'on_note=libc.so.6:getpriority', '--set', 'label=abcd'],
        ...['-f', 'ndjson', '-n', '1'],
      );
      const { stdout, code, stderr } = await callsUntilEnd(command);
      expect([code, stderr]).toEqual([0, expect.stringMatching(/^cpu +received/)]);
      expect(JSON.parse(linesOf(stdout)[0] as string)).toEqual({
        cpu: expect.any(Number),
        type: 'sample',
        time: expect.stringMatching(/^\d+$/),
        pid: process.pid,
        tid: process.pid,
        number: 0,
        text_size: 4,
        text: 'abcd',
      });
    });

    it('writes whole records of a ring buffer as raw', async () => {
      const { stdout, code } = await callsUntilEnd(collect('--map', 'calls', '-f', 'raw', '-n', '2'));
      expect(code).toBe(0);
      expect(payloadsOf(stdout).map((payload) => [payload.length, payload.readUInt32LE(16)])).toEqual([
        [48, process.pid],
        [48, process.pid],
      ]);
    });

    it.each([
      ['JSON', '{"high": "u32", "low": "u32"}'],
      ['C', '#define COUNT 1\nstruct pair { __u32 high; unsigned int low[COUNT]; /* two */ };'],
    ])('takes the layout of a map without types from a file in %s', async (_form, text) => {
      const directory = mkdtempSync(join(tmpdir(), 'perfring-layout-'));
      try {
        const file = join(directory, 'layout');
        writeFileSync(file, text);
        const command = collect(
          ...['--map', 'plain', '--attach', 'on_plain=libc.so.6:getpriority', '--layout', file],
          ...['-f', 'ndjson', '-n', '1', '-q'],
        );
        const { stdout, code, stderr } = await callsUntilEnd(command);
        expect([code, stderr]).toEqual([0, '']);
        expect(JSON.parse(linesOf(stdout)[0] as string)).toMatchObject({ high: 0x0506_0708 });
      } finally {
        rmSync(directory, { recursive: true });
      }
    });

    it('says that nothing names the struct, and shows bytes; counts samples that are too short', async () => {
      const plain = [
        '--map',
        'plain',
        '--attach',
        'on_plain=libc.so.6:getpriority',
        '-f',
        'ndjson',
        '-n',
        '1',
      ];
      const unknown = await callsUntilEnd(collect(...plain));
      expect(linesOf(unknown.stderr)[0]).toBe(
        'perfring: the fields of the samples are unknown, since calls.bpf.o does not name their struct: give --type NAME or --layout FILE',
      );
      expect(JSON.parse(linesOf(unknown.stdout)[0] as string)).toEqual({
        type: 'sample',
        size: 8,
        data: '0807060504030201',
      });
      const short = await callsUntilEnd(collect(...plain, '--type', 'call'));
      expect(JSON.parse(linesOf(short.stdout)[0] as string)).toMatchObject({ size: 8 });
      expect(short.stderr).toContain('1 sample was too short for the layout and shown as bytes');
    });

    it('sets the size of a ring buffer', async () => {
      const { stderr } = await callsUntilEnd(collect('--map', 'calls', '-n', '1', '--buffer-bytes', '128K'));
      expect(stderr).toMatch(/ of 128 KiB$/m);
    });

    it('ends at a signal, and leaves nothing behind', async () => {
      const command = collect('--map', 'calls', '-f', 'ndjson').read();
      await command.until(() => {
        getPriority();
        return command.text !== '';
      });
      const maps = command.mapIds();
      expect(maps).not.toEqual([]);
      command.child.kill('SIGINT');
      const { code, stdout } = await command.finished();
      expect(code).toBe(0);
      expect(linesOf(stdout).length).toBeGreaterThan(0);
    });

    it('reads a loaded map by its id, with the types of the program that writes to it', async () => {
      using object = BpfObject.open(objectPath('calls'));
      await object.set({ target_pid: process.pid }).load({ only: ['on_call'] });
      const { id } = object.map('calls').info;
      object.attach('on_call');
      const command = new CliProcess(['collect', '--map-id', `${id}`, '-f', 'ndjson', '-n', '1']);
      const { stdout, stderr, code } = await callsUntilEnd(command);
      expect([code, linesOf(stderr)[0]]).toEqual([
        0,
        `perfring: reading map ${id} (calls): a program that reads it now no longer gets all of its records`,
      ]);
      expect(JSON.parse(linesOf(stdout)[0] as string)).toMatchObject({
        type_: 'CALL_FIRST',
        peer: { ip: '10.0.0.1', port: 8080 },
      });
      const { stdout: shown } = await cli(['inspect', `${id}`]);
      expect(linesOf(shown)).toEqual([
        `map ${id} (calls)`,
        '',
        'programs',
        expect.stringMatching(/^ {2}\d+ {2}on_call {2}kprobe$/),
        '',
        'maps',
        '  calls  ringbuf  65536 bytes  a ring of struct call',
        '',
        'struct call, 48 bytes',
        '  0   time       u64',
        '  8   large      u64',
        '  16  pid        u32',
        '  20  type       u32: CALL_FIRST, CALL_AGAIN',
        '  24  comm       char[16]',
        '  40  peer.ip    ipv4',
        '  44  peer.port  u16be',
      ]);
      const counts = await cli(['inspect', `${object.map('counts').info.id}`, '--json']);
      expect((JSON.parse(counts.stdout.toString()) as { maps: unknown[] }).maps).toEqual([
        expect.objectContaining({ type: 'hash', key: 'struct where', value: '__u64', isRing: false }),
      ]);
    });
  });

  it.each<[string[], number, RegExp]>([
    [[], 2, /^calls\.bpf\.o has several rings: choose one with --map calls or --map notes or --map plain$/],
    [['--map', 'nope'], 2, /has no map nope; rings are calls, notes, plain$/],
    [['--map', 'counts'], 2, /map counts of calls\.bpf\.o is no ring buffer and no perf event array/],
    [
      ['--map', 'calls', '--attach', 'nope'],
      2,
      /has no program nope; programs are on_call, on_note, on_plain$/,
    ],
    [['--map', 'calls', '--set', 'nope=1'], 2, /no global variable nope; there are /],
    [['--map', 'calls', '--set', 'target_pid=x'], 2, /--set target_pid: it takes a whole number, got "x"$/],
    [['--map', 'calls', '--set', 'target_pid'], 2, /--set takes NAME=VALUE/],
    [['--map', 'calls', '--set', 'first_kind=CALL_LAST'], 2, /one of CALL_FIRST, CALL_AGAIN, or a number/],
    [['--map', 'calls', '--type', 'nope'], 1, /no struct "nope"/],
    [['--map', 'calls', '--pid', '1'], 2, /to filter in your own, set one of its variables/],
    [['--map', 'calls', '-b', 'sys_enter'], 2, /give a BPF object or --builtin, not both/],
    [['--map', 'calls', '--layout', '/no/such'], 1, /--layout \/no\/such can't be read/],
  ])('refuses %p before anything is loaded', async (args, exitCode, message) => {
    const { code, stderr, stdout } = await cli(['collect', objectPath('calls'), ...args]);
    expect([code, stdout.toString()]).toEqual([exitCode, '']);
    expect(linesOf(stderr)).toEqual([expect.stringMatching(/^perfring: /)]);
    expect(linesOf(stderr)[0]?.slice('perfring: '.length)).toMatch(message);
  });

  it('inspects a file without privilege', async () => {
    const { stdout, code } = await cli(['inspect', objectPath('calls'), '--types', 'where']);
    expect(code).toBe(0);
    const text = stdout.toString();
    expect(text).toMatch(/^ {2}on_note +uprobe +needs --attach on_note=TARGET$/m);
    expect(text).toMatch(/^ {2}notes +perf_event_array +a ring of struct note$/m);
    expect(text).toMatch(
      /^ {2}plain +ringbuf +4096 bytes +a ring +the fields .* --type NAME or --layout FILE$/m,
    );
    expect(text).toMatch(/^ {2}counts +hash +16 entries +struct where -> __u64$/m);
    expect(text).toMatch(/^ {2}label +\.rodata +const volatile char\[12\]$/m);
    expect(text).toMatch(
      /^struct where, 8 bytes\n {2}0 {2}pid +u32\n {2}4 {2}kind +u32: CALL_FIRST, CALL_AGAIN$/m,
    );
  });

  it.each<[string, string, RegExp]>([
    ['a file that is not there', '/no/such.o', /there is no such file$/],
    ['a file that is no object', __filename, /neither an ELF file nor BTF/],
    ['an id that no map has', '4294967295', /no map has that id|CAP_SYS_ADMIN/],
    ['a number that is no id', '99999999999', /a map's id is a number/],
  ])('does not inspect %s', async (_what, what, message) => {
    const { code, stderr } = await cli(['inspect', what]);
    expect(code).toBeGreaterThan(0);
    expect(linesOf(stderr)).toEqual([expect.stringMatching(message)]);
  });
});
