import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { textWidth } from '../../../lib/cli/text-width';
import { describeWith, READER_CAPABILITIES } from '../../support/privilege';
import { MAIN } from './cli-process';

/** What the command writes to a terminal of that many columns, stderr and stdout alike. */
async function onTerminal(
  columns: number,
  args: string,
  environment: NodeJS.ProcessEnv = {},
): Promise<string> {
  const command = `stty cols ${columns} rows 40; exec "${process.execPath}" "${MAIN}" ${args}`;
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, TERM: 'xterm', ...environment },
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  expect(await once(child, 'close')).toEqual([0, null]);
  return text;
}

/** Without colours and what erases the status line. */
function rowsOf(text: string): string[] {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is taken out
      .replace(/\u001b\[[\d;]*[mK]|\r/g, '')
      .split('\n')
      .slice(0, -1)
  );
}

/** A process that gives itself hostile names in turn. */
function namesItself(): ChildProcess {
  const script = `
    const { writeFileSync } = require('node:fs');
    const names = ['\\u65e5\\u672c\\u8a9e', 'e\\u0301e\\u0301', '\\x1b[31mred', '\\x1b]0;t\\x07', '\\u202eevil'];
    let turn = 0;
    setInterval(() => writeFileSync('/proc/self/comm', names[turn++ % names.length]), 5);
    console.log('ready');`;
  return spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
}

describeWith(READER_CAPABILITIES, 'perfring collect on a terminal', () => {
  it.each([60, 80, 200])('of %d columns: no row wraps', async (columns) => {
    for (const name of ['sched_switch', 'sys_enter', 'sys_exit'] as const) {
      const rows = rowsOf(await onTerminal(columns, `collect -b ${name} -n 20 -q`));
      expect(rows).toHaveLength(21);
      for (const row of rows) expect(textWidth(row)).toBeLessThanOrEqual(columns);
    }
  });

  it('shows names with escape sequences as text, in their column', async () => {
    const named = namesItself();
    try {
      await once(named.stdout as NodeJS.ReadableStream, 'data');
      const text = await onTerminal(200, `collect -b sys_enter --pid ${named.pid} -n 500 -q`);
      const [titles = '', ...rows] = rowsOf(text);
      const before = titles.indexOf('comm');
      for (const row of rows) {
        expect(row.slice(0, before)).toMatch(/^ +\d+\.\d{6} +\d+ +\d+ +\d+ {2}$/);
      }
      const comms = rows.join('\n');
      for (const name of ['日本語', 'e\u0301e\u0301', '\\x1b[31mred', '\\x1b]0;t\\x07', '\\u202eevil'])
        expect(comms).toContain(`  ${name} `);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: this is what must not come out
      expect(comms).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
      // The column after the names begins at the same place in every row.
      const upToUid = (row: string): number => textWidth(row.slice(0, row.search(/ \d+ {2}\[/)));
      expect(new Set(rows.map(upToUid)).size).toBe(1);
    } finally {
      named.kill();
    }
  });

  it('has a status line only when it understands escape sequences', async () => {
    expect(await onTerminal(80, 'collect -d 1s')).toContain('\u001b[2K');
    expect(await onTerminal(80, 'collect -d 1s', { TERM: 'dumb' })).not.toContain('\u001b');
    expect(await onTerminal(80, 'doctor', { TERM: 'dumb' })).not.toContain('\u001b');
  });
});
