import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { textWidth } from '../../../lib/cli/text-width';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith, READER_CAPABILITIES } from '../../support/privilege';
import { CliProcess, cli } from './cli-process';
import { Neighbours } from './neighbours';
import { PtyProcess } from './pty';

const ENTER_PAGE = '\u001b[?1049h';
const LEAVE_PAGE = '\u001b[?1049l';
const HOME = '\u001b[H';

/** Without escape sequences, a line each. */
function linesOf(page: string): string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is taken out
  return page.replace(/\u001b\[[?\d;]*[a-zA-Z]/g, '').split(/\r?\n/);
}

/** The pages that the terminal showed, each as its lines. */
function pagesOf(text: string): string[][] {
  const [, shown = ''] = text.split(ENTER_PAGE);
  return (shown.split(LEAVE_PAGE)[0] as string).split(HOME).slice(1).map(linesOf);
}

interface Line {
  readonly type: 'group' | 'all';
  readonly span: 'interval' | 'total';
  readonly comm?: string;
  readonly count: number;
  readonly per_second: number;
  readonly lost?: number;
}

describeWith(READER_CAPABILITIES, 'perfring top', () => {
  let neighbours: Neighbours;
  beforeAll(async () => {
    neighbours = await Neighbours.start();
  });
  afterAll(() => neighbours.stop());

  it('prints one table at the end where stdout is no terminal, and the losses of each CPU', async () => {
    const { code, stdout, stderr } = await cli(['top', '-d', '700ms', '--rows', '3']);
    const lines = `${stdout}`.split('\n');
    expect(code).toBe(0);
    expect(lines[0]).toMatch(/^sched_switch: [\d,]+ samples, [\d.]+( [kM])?\/s, none lost$/);
    expect(lines.slice(1, 3)).toEqual(['', expect.stringMatching(/^comm +count +per second$/)]);
    expect(lines.filter((line) => /^\S.* [\d,]+ +[\d.]+( k)?$/.test(line))).toHaveLength(3);
    expect(lines.find((line) => line.startsWith('node '))).toBeDefined();
    expect(stderr).toMatch(/received +lost/);
    expect(`${stdout}${stderr}`).not.toContain('\u001b');
    await expectNothingLeft();
  });

  it('counts exactly what happened', async () => {
    const script =
      "process.stdin.once('data', () => { for (let i = 0; i < 7; i++) process.umask(0o22); console.log('done'); })";
    const observed = spawn(process.execPath, ['-e', script]);
    const filters = ['--pid', `${observed.pid}`, '--syscall', 'umask'];
    const counting = new CliProcess([
      'top',
      '-b',
      'sys_enter',
      ...filters,
      '--by',
      'syscall',
      '-f',
      'ndjson',
    ]).read();
    try {
      await counting.until(() => counting.isAttached);
      observed.stdin.write('go\n');
      await once(observed.stdout, 'data');
      counting.child.kill('SIGINT');
      const { code, stdout } = await counting.finished();
      const lines = `${stdout}`
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Line);
      expect(code).toBe(0);
      expect(lines.filter(({ span }) => span === 'total')).toEqual([
        { type: 'group', span: 'total', syscall: 'umask', count: 7, per_second: expect.any(Number) },
        { type: 'all', span: 'total', count: 7, per_second: expect.any(Number), lost: 0 },
      ]);
    } finally {
      counting.kill();
      observed.kill();
    }
  });

  it('writes the counts of every interval as ndjson, which only grow, and the total', async () => {
    const { code, stdout } = await cli(['top', '-d', '900ms', '-i', '200ms', '-f', 'ndjson', '-q']);
    expect(code).toBe(0);
    const lines = `${stdout}`
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);
    const all = lines.filter(({ type }) => type === 'all');
    expect(all.length).toBeGreaterThanOrEqual(3);
    expect(all.map(({ span }) => span)).toEqual([...Array(all.length - 1).fill('interval'), 'total']);
    const counts = all.map(({ count }) => count);
    expect(counts).toEqual([...counts].sort((one, other) => one - other));
    const total = lines.filter(({ type, span }) => type === 'group' && span === 'total');
    expect(total.reduce((sum, { count }) => sum + count, 0)).toBe(counts.at(-1));
  });

  it('counts only what meets the filter', async () => {
    const filter = 'comm == "node" && !(record.cpu in [1])';
    const { code, stdout } = await cli([
      'top',
      '-d',
      '500ms',
      '--filter',
      filter,
      '-f',
      'ndjson',
      '-q',
      '--by',
      'record.cpu',
    ]);
    expect(code).toBe(0);
    const groups = `${stdout}`
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line & Record<string, unknown>)
      .filter(({ type, span }) => type === 'group' && span === 'total');
    expect(groups.length).toBeGreaterThan(0);
    for (const group of groups) expect(group['record.cpu']).not.toBe(1);
  });

  it.each([
    [['--filter', 'pidd == 1'], /there is no field pidd; did you mean pid\?/],
    [['--filter', 'comm.startsWith("n")'], /top compares fields with constants/],
    [['--by', 'cmm'], /there is no field cmm; there are .*comm/],
    [['--sum', 'comm'], /sum takes numbers/],
    [['--interval', '5'], /--interval takes a time above 0 with its unit/],
  ])('refuses %j before anything is opened', async (args, message) => {
    const { code, stdout, stderr } = await cli(['top', ...args]);
    expect([code, `${stdout}`]).toEqual([2, '']);
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('ends in order when the reader of the pipe goes away', async () => {
    const counting = new CliProcess(['top', '-f', 'ndjson', '-i', '100ms']);
    await once(counting.stdout, 'data');
    counting.stdout.destroy();
    expect((await counting.finished()).code).toBe(0);
    await expectNothingLeft();
  });

  describe('on a terminal', () => {
    it.each([
      [60, 10],
      [80, 24],
      [200, 50],
    ])('of %d columns and %d lines: no page exceeds it', async (columns, rows) => {
      const terminal = new PtyProcess('top -d 1s -i 200ms -q --sum preempt', { columns, rows });
      expect(await terminal.finished()).toBe(0);
      // With --quiet there is no page, only the table at the end.
      expect(terminal.text).not.toContain(ENTER_PAGE);
      const shown = new PtyProcess('top -d 1s -i 200ms --hist next_pid', { columns, rows });
      expect(await shown.finished()).toBe(0);
      const pages = pagesOf(shown.text);
      expect(pages.length).toBeGreaterThanOrEqual(3);
      for (const page of pages) {
        expect(page.length).toBeLessThanOrEqual(rows);
        for (const line of page) expect(textWidth(line)).toBeLessThanOrEqual(columns);
      }
    });

    it('sorts by s, pauses by p, and quits by q; what was on the terminal comes back', async () => {
      const terminal = new PtyProcess('top -i 100ms');
      try {
        const lastPage = () => pagesOf(terminal.text).at(-1) as string[];
        await terminal.until((text) => text.includes('s sort (per second)'));
        terminal.type('s');
        await terminal.until((text) => text.includes('s sort (count)'));
        terminal.type('p');
        await terminal.until((text) => text.includes('p go on'));
        const paused = lastPage();
        terminal.type('s');
        await terminal.until(() => (lastPage().at(-1) ?? '').includes('per second'));
        expect(lastPage()[0]).toBe(paused[0]);
        terminal.type('p');
        await terminal.until(() => (lastPage()[0] ?? '') !== paused[0] && lastPage().length > 3);
        terminal.type('q');
        expect(await terminal.finished()).toBe(0);
        const after = terminal.text.split(LEAVE_PAGE)[1] as string;
        expect(linesOf(after)[0]).toMatch(/^sched_switch: [\d,]+ samples/);
        expect(terminal.text).toContain('\u001b[?25h');
      } finally {
        terminal.kill();
      }
    });

    it.each(['\u0003', 'q'])('key %j at the start ends it in order', async (key) => {
      const terminal = new PtyProcess('top');
      try {
        await terminal.until((text) => text.includes(ENTER_PAGE));
        terminal.type(key);
        expect(await terminal.finished()).toBe(0);
        expect(terminal.text).toContain(LEAVE_PAGE);
      } finally {
        terminal.kill();
      }
    });

    it('draws the page anew when the size of the terminal changes', async () => {
      const resize = '(sleep 1.5; stty cols 40 rows 8 </dev/tty) & :';
      const terminal = new PtyProcess('top -d 4s -i 200ms', { columns: 120, rows: 40, before: resize });
      expect(await terminal.finished()).toBe(0);
      const last = pagesOf(terminal.text).at(-1) as string[];
      expect(last.length).toBeLessThanOrEqual(8);
      for (const line of last) expect(textWidth(line)).toBeLessThanOrEqual(40);
    });

    it('has no page on a terminal without escape sequences, and no colours with NO_COLOR', async () => {
      const dumb = new PtyProcess('top -d 500ms', { environment: { TERM: 'dumb' } });
      expect(await dumb.finished()).toBe(0);
      expect(dumb.text).not.toContain('\u001b');
      const plain = new PtyProcess('top -d 500ms -i 100ms', { environment: { NO_COLOR: '1' } });
      expect(await plain.finished()).toBe(0);
      expect(plain.text).toContain(ENTER_PAGE);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what must not come out
      expect(plain.text).not.toMatch(/\u001b\[[\d;]*m/);
    });

    it('draws bars of # where the locale is not UTF-8', async () => {
      const terminal = new PtyProcess('top -d 500ms -q --hist next_pid', {
        environment: { LC_ALL: 'C', LANG: 'C' },
      });
      expect(await terminal.finished()).toBe(0);
      expect(terminal.text).toMatch(/\] +[\d,]+ {2}#+/);
      expect(terminal.text).not.toContain('█');
    });
  });
});
