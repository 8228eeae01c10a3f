import type { Command, Option } from 'commander';
import { BUILTIN_PROGRAMS } from '../../index';

/** What completes the value of an option or an argument: words, or the names of files. */
export type Values = readonly string[] | 'files' | undefined;

/** An option, as the texts name it. */
export interface OptionEntry {
  /** `-f`, `--format`. */
  readonly flags: readonly string[];
  /** `name`, for an option that takes a value. */
  readonly value: string | undefined;
  readonly description: string;
  readonly group: string;
  readonly values: Values;
}

/** A command, as the texts name it. */
export interface CommandEntry {
  readonly name: string;
  readonly description: string;
  /** `[object]`, `<object>`. */
  readonly arguments: readonly string[];
  readonly options: readonly OptionEntry[];
  readonly argumentValues: Values;
}

const FORMATS = ['table', 'ndjson', 'raw'];

/** Words for the values of options. An option that is not here has values that can't be listed. */
const VALUES: Readonly<Record<string, Values>> = {
  '--builtin': BUILTIN_PROGRAMS.map(({ name }) => name),
  '--format': FORMATS,
  '--order': ['time', 'cpu'],
  '--wakeup': ['moderated', 'events:', 'bytes:'],
  '--output': 'files',
  '--layout': 'files',
  '--map-pin': 'files',
};

const ARGUMENT_VALUES: Readonly<Record<string, Values>> = {
  object: 'files',
  what: 'files',
  shell: ['bash', 'zsh', 'fish'],
};

/** All commands, from the table that `--help` prints. */
export function commandTable(program: Command): CommandEntry[] {
  return program.commands
    .filter((command) => command.name() !== 'help')
    .map((command) => ({
      name: command.name(),
      description: command.description(),
      arguments: command.registeredArguments.map((argument) =>
        argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
      ),
      options: optionsOf(command),
      argumentValues: ARGUMENT_VALUES[command.registeredArguments[0]?.name() ?? ''],
    }));
}

function optionsOf(command: Command): OptionEntry[] {
  return command.createHelp().visibleOptions(command).map(entryOf);
}

function entryOf(option: Option): OptionEntry {
  const { short, long, flags, description, helpGroupHeading } = option;
  return {
    flags: [short, long].filter((flag) => flag !== undefined),
    value: /[<[](.+)[\]>]$/.exec(flags)?.[1],
    description,
    group: helpGroupHeading?.replace(/:$/, '') ?? 'Options',
    values: VALUES[long ?? ''],
  };
}
