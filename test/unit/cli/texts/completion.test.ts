import { execFileSync } from 'node:child_process';
import type { CommandEntry } from '../../../../lib/cli/texts/command-table';
import { completionScript, SHELLS } from '../../../../lib/cli/texts/completion';

const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'collect',
    description: "Write what's there: all [of it].",
    arguments: ['[object]'],
    options: [
      {
        flags: ['-f', '--format'],
        value: 'name',
        description: "the format's name",
        group: 'Out',
        values: ['table', 'raw'],
      },
      { flags: ['-o', '--output'], value: 'file', description: 'a file', group: 'Out', values: 'files' },
      { flags: ['--count'], value: 'n', description: 'how many', group: 'Out', values: undefined },
      { flags: ['-q', '--quiet'], value: undefined, description: 'silent', group: 'Out', values: undefined },
    ],
    argumentValues: 'files',
  },
  {
    name: 'completion',
    description: 'Complete.',
    arguments: ['<shell>'],
    options: [],
    argumentValues: ['bash', 'zsh'],
  },
];

/** What bash completes after these words, the last of which is being typed. */
function completed(...words: string[]): string[] {
  const script = `${completionScript('bash', COMMANDS)}
COMP_WORDS=(perfring "$@")
COMP_CWORD=$#
_perfring
printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', script, 'bash', ...words], { encoding: 'utf8', cwd: __dirname })
    .split('\n')
    .filter((line) => line !== '');
}

describe('completionScript', () => {
  it.each([
    [['c'], ['collect', 'completion']],
    [
      ['collect', '--'],
      ['--format', '--output', '--count', '--quiet'],
    ],
    [
      ['collect', '-f', ''],
      ['table', 'raw'],
    ],
    [['collect', '--format', 'r'], ['raw']],
    [['collect', '-q', '--count', ''], []],
    [['collect', 'completion.t'], ['completion.test.ts']],
    [['collect', '--output', 'completion.t'], ['completion.test.ts']],
    [
      ['completion', ''],
      ['bash', 'zsh'],
    ],
    [['help', 'com'], ['completion']],
  ])('completes %j in bash', (words, expected) => expect(completed(...words)).toEqual(expected));

  it('quotes descriptions as zsh and fish take them', () => {
    const zsh = completionScript('zsh', COMMANDS);
    expect(zsh).toContain(`'collect:Write what'\\''s there: all [of it].'`);
    expect(zsh).toContain(`'*--format[the format'\\''s name]:name:(table raw)'`);
    expect(zsh).toContain(`'*--output[a file]:file:_files'`);
    const fish = completionScript('fish', COMMANDS);
    expect(fish).toContain(`-n '__fish_seen_subcommand_from collect' -s f -l format -x -a 'table raw'`);
    expect(fish).toContain(`-n '__fish_seen_subcommand_from completion' -f -a 'bash zsh'`);
  });

  it.each(SHELLS)('names every command and option for %s', (shell) => {
    const script = completionScript(shell, COMMANDS);
    for (const { name, options } of COMMANDS) {
      expect(script).toContain(name);
      for (const { flags } of options) {
        for (const flag of flags) {
          const dashes = shell === 'fish' ? flag.replace(/^--/, '-l ').replace(/^-(\w)$/, '-s $1') : flag;
          expect(script).toContain(dashes);
        }
      }
    }
  });
});
