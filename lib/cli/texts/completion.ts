import type { CommandEntry, OptionEntry, Values } from './command-table';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** A script that completes commands, options and their values in the shell. */
export function completionScript(shell: Shell, commands: readonly CommandEntry[]): string {
  switch (shell) {
    case 'bash':
      return bash(commands);
    case 'zsh':
      return zsh(commands);
    case 'fish':
      return fish(commands);
  }
}

const isFlag = ({ value }: OptionEntry) => value === undefined;

function bash(commands: readonly CommandEntry[]): string {
  const cases = commands.map(({ name, options, argumentValues }) => {
    const values = options
      .filter((option) => !isFlag(option))
      .map(({ flags, values: known }) => `        ${flags.join('|')}) ${bashWords(known)}; return ;;`);
    return [
      `    ${name})`,
      '      case $previous in',
      ...values,
      '      esac',
      `      if [[ $current == -* ]]; then COMPREPLY=($(compgen -W '${options.flatMap(({ flags }) => flags).join(' ')}' -- "$current"))`,
      `      else ${bashWords(argumentValues)}; fi ;;`,
    ].join('\n');
  });
  return `# Completion of perfring in bash: source it, or copy it to /usr/share/bash-completion/completions/perfring
_perfring() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  COMPREPLY=()
  if (( COMP_CWORD == 1 )); then
    COMPREPLY=($(compgen -W '${commands.map(({ name }) => name).join(' ')} help --help --version' -- "$current"))
    return
  fi
  case \${COMP_WORDS[1]} in
    help) COMPREPLY=($(compgen -W '${commands.map(({ name }) => name).join(' ')}' -- "$current")) ;;
${cases.join('\n')}
  esac
}
complete -o filenames -F _perfring perfring
`;
}

function bashWords(values: Values): string {
  if (values === undefined) return ':';
  if (values === 'files') return 'COMPREPLY=($(compgen -f -- "$current"))';
  return `COMPREPLY=($(compgen -W '${values.join(' ')}' -- "$current"))`;
}

/** @see https://zsh.sourceforge.io/Doc/Release/Completion-System.html `_arguments` */
function zsh(commands: readonly CommandEntry[]): string {
  const cases = commands.map(
    ({ name, options, argumentValues }) =>
      `    ${name})
      _arguments \\
${[...options.flatMap(zshOption), ...zshArgument(argumentValues)].map((spec) => `        ${spec}`).join(' \\\n')}
      ;;`,
  );
  return `#compdef perfring
# Completion of perfring in zsh: save it as _perfring in a folder of $fpath
_perfring() {
  local -a commands
  commands=(
${commands.map(({ name, description }) => `    ${quoted(`${name}:${description}`)}`).join('\n')}
    'help:print the help of a command'
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
    help) _describe command commands ;;
${cases.join('\n')}
  esac
}
_perfring "$@"
`;
}

function zshOption({ flags, value, description, values }: OptionEntry): string[] {
  const text = description.replace(/[[\]\\:]/g, '\\$&');
  const action = value === undefined ? '' : `:${value.replace(/[:[\]]/g, '')}:${zshAction(values)}`;
  return flags.map((flag) => quoted(`${value === undefined ? '' : '*'}${flag}[${text}]${action}`));
}

function zshArgument(values: Values): string[] {
  return values === undefined ? [] : [quoted(`*:argument:${zshAction(values)}`)];
}

function zshAction(values: Values): string {
  if (values === undefined) return ' ';
  return values === 'files' ? '_files' : `(${values.join(' ').replaceAll(':', '\\:')})`;
}

/** @see https://fishshell.com/docs/current/cmds/complete.html */
function fish(commands: readonly CommandEntry[]): string {
  const lines = commands.flatMap(({ name, description, options, argumentValues }) => [
    `complete -c perfring -n __fish_use_subcommand -f -a ${name} -d ${quoted(description)}`,
    ...options.map((option) => fishOption(name, option)),
    ...(argumentValues === undefined ? [] : [fishArgument(name, argumentValues)]),
  ]);
  return `# Completion of perfring in fish: save it as ~/.config/fish/completions/perfring.fish
complete -c perfring -f
complete -c perfring -n __fish_use_subcommand -f -a help -d 'print the help of a command'
${lines.join('\n')}
`;
}

function fishOption(command: string, { flags, value, description, values }: OptionEntry): string {
  const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  const takes = value === undefined ? [] : values === 'files' ? ['-r', '-F'] : ['-x'];
  const words = Array.isArray(values) ? ['-a', quoted(values.join(' '))] : [];
  return [
    'complete -c perfring',
    `-n ${quoted(`__fish_seen_subcommand_from ${command}`)}`,
    ...names,
    ...takes,
    ...words,
    `-d ${quoted(description)}`,
  ].join(' ');
}

function fishArgument(command: string, values: Exclude<Values, undefined>): string {
  const what = values === 'files' ? '-F' : `-f -a ${quoted(values.join(' '))}`;
  return `complete -c perfring -n ${quoted(`__fish_seen_subcommand_from ${command}`)} ${what}`;
}

/** In single quotes, as all three shells take it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
