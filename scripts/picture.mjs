/**
 * Draws what the command prints in a terminal as an SVG: `node scripts/picture.mjs docs/collect.svg collect --count
 * 12`. It runs the real command in a pseudo-terminal of 84 columns. Needs root, and script(1) of util-linux.
 */

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './shared/programs.mjs';

const COLUMNS = 84;
const [CHARACTER_WIDTH, LINE_HEIGHT, MARGIN] = [8.4, 19, 16];
/** SGR parameters that the command uses. */
const CLASSES = { 1: 'bold', 2: 'dim', 31: 'red', 32: 'green', 33: 'yellow', 36: 'cyan' };

const [file, ...args] = process.argv.slice(2);
if (file === undefined || args.length === 0) {
  console.error('usage: node scripts/picture.mjs FILE.svg ARGUMENTS OF perfring…');
  process.exit(2);
}
writeFileSync(file, svg(`$ sudo npx perfring ${args.join(' ')}`, terminalText()));

/** The output of the command (stdout and stderr) as a terminal gets it. */
function terminalText() {
  const command = [process.execPath, join(ROOT, 'dist/bin/perfring.js'), ...args]
    .map((word) => `'${word}'`)
    .join(' ');
  const { status, stdout, stderr } = spawnSync(
    'script',
    ['--quiet', '--return', '--command', `stty cols ${COLUMNS} rows 50; ${command}`, '/dev/null'],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, TERM: 'xterm-256color' } },
  );
  if (status !== 0) throw new Error(`perfring ended with ${status}: ${stdout}${stderr}`);
  return stdout;
}

function svg(prompt, text) {
  const lines = ['', ...text.replaceAll('\r\n', '\n').trimEnd().split('\n')];
  const height = 2 * MARGIN + LINE_HEIGHT * lines.length;
  const width = 2 * MARGIN + COLUMNS * CHARACTER_WIDTH;
  const rows = [`<tspan class="dim">${escaped(prompt)}</tspan>`, ...lines.slice(1).map(spans)];
  const texts = rows.map(
    (row, index) =>
      `<text xml:space="preserve" x="${MARGIN}" y="${MARGIN + LINE_HEIGHT * (index + 0.75)}">${row}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>${escaped(prompt)}</title>
<style>
rect { fill: #1b1f27 } text { fill: #d5d9e0; font: 14px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre }
.bold { font-weight: bold; fill: #ffffff } .dim { fill: #8b93a1 } .red { fill: #ff7b72 } .green { fill: #7ee787 } .yellow { fill: #e3b341 } .cyan { fill: #76d7ea }
</style>
<rect width="100%" height="100%" rx="8"/>
${texts.join('\n')}
</svg>
`;
}

/** A line with SGR sequences as SVG spans. Sequences that move the cursor are left out. */
function spans(line) {
  const last = line.slice(line.lastIndexOf('\r') + 1);
  const [first = '', ...styled] = last.split('\u001b[');
  let style;
  const parts = styled.map((part) => {
    const [, parameters, kind, text] = /^([\d;?]*)([A-Za-z])([\s\S]*)$/.exec(part) ?? ['', '', '', part];
    if (kind === 'm') style = CLASSES[parameters];
    return style === undefined ? escaped(text) : `<tspan class="${style}">${escaped(text)}</tspan>`;
  });
  return escaped(first) + parts.join('');
}

function escaped(text) {
  return text.replace(/[&<>]/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[char]);
}
