import type { CommandEntry, OptionEntry } from './command-table';

/** What the manual page says beside the table of commands. */
export interface ManPage {
  readonly version: string;
  readonly description: string;
  readonly commands: readonly CommandEntry[];
  /** The texts that follow the options in `--help`, by command. */
  readonly notes: Readonly<Record<string, string>>;
}

/**
 * The manual page perfring(1), as troff with the man macros.
 * @see https://man7.org/linux/man-pages/man7/groff_man.7.html
 */
export function manPage({ version, description, commands, notes }: ManPage): string {
  return [
    `.TH PERFRING 1 "" "perfring ${escaped(version)}" "User Commands"`,
    '.SH NAME',
    `perfring \\- ${escaped(description)}`,
    '.SH SYNOPSIS',
    ...commands.flatMap((command) => [
      `.B perfring ${escaped(command.name)}`,
      [...command.arguments, '[\\fIoptions\\fR]'].map(italicArgument).join(' '),
      '.br',
    ]),
    '.SH COMMANDS',
    ...commands.flatMap((command) => [
      `.SS perfring ${escaped(command.name)}`,
      escaped(command.description),
      ...groupsOf(command.options),
      ...noteLines(notes[command.name] ?? ''),
    ]),
    '.SH EXIT STATUS',
    ...term(
      '0',
      'It ended as requested: by --duration, --count, a first Ctrl-C, SIGTERM or SIGHUP, or a closed pipe.',
    ),
    ...term('1', 'Something failed.'),
    ...term('2', 'The arguments are invalid.'),
    ...term('130, 143, 129', 'A second SIGINT, SIGTERM or SIGHUP ended it at once.'),
    '',
  ].join('\n');
}

function groupsOf(options: readonly OptionEntry[]): string[] {
  const groups = [...new Set(options.map(({ group }) => group))];
  return groups.flatMap((group) => [
    '.PP',
    `\\fI${escaped(group)}\\fR`,
    ...options.filter((option) => option.group === group).flatMap(optionLines),
  ]);
}

function optionLines({ flags, value, description }: OptionEntry): string[] {
  const names = flags.map((flag) => `\\fB${escaped(flag)}\\fR`).join(', ');
  return ['.TP', value === undefined ? names : `${names} \\fI${escaped(value)}\\fR`, escaped(description)];
}

/** Text that is shown as it is, without filling lines. */
function noteLines(note: string): string[] {
  const lines = note.trim().split('\n');
  return lines.length === 1 && lines[0] === '' ? [] : ['.PP', '.nf', ...lines.map(escaped), '.fi'];
}

function term(title: string, text: string): string[] {
  return ['.TP', `\\fB${escaped(title)}\\fR`, escaped(text)];
}

function italicArgument(argument: string): string {
  return argument.replace(/^([<[])(\w+)([>\]])$/, (_, open: string, name: string, close: string) =>
    open === '<' ? `\\fI${name}\\fR` : `${open}\\fI${name}\\fR${close}`,
  );
}

/** A backslash, a minus, and a dot or a quote at the start of a line mean something to troff. */
function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1');
}
