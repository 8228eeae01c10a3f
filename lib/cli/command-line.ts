import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError, Option } from 'commander';
import { BUILTIN_PROGRAMS, DEFAULT_BUILTIN } from '../index';
import type { CollectArguments } from './collect-settings';
import { type CommandError, EXIT_OK, usageError } from './failure';
import type { GenArguments } from './gen';
import type { InspectArguments } from './inspect';
import { print } from './print';
import type { ScriptArguments } from './script';
import { commandTable } from './texts/command-table';
import { completionScript, SHELLS } from './texts/completion';
import { manPage } from './texts/man-page';
import type { TopArguments } from './top/top-settings';

/** The functions that run the commands. */
export interface Commands {
  collect(given: CollectArguments, object: string | undefined): void | Promise<void>;
  doctor(given: { readonly json?: true }): void | Promise<void>;
  gen(object: string, given: GenArguments): void | Promise<void>;
  inspect(what: string, given: InspectArguments): void | Promise<void>;
  script(file: string, given: ScriptArguments): void | Promise<void>;
  top(given: TopArguments, object: string | undefined): void | Promise<void>;
}

/**
 * Parses the arguments and runs the command.
 * @param args the arguments after node and the script
 * @throws CommandError (usage) for invalid arguments; the errors of the command
 */
export async function runCommandLine(args: readonly string[], commands: Commands): Promise<void> {
  const printed: string[] = [];
  const program = commandLine(commands, (text) => printed.push(text));
  try {
    await program.parseAsync(args.length === 0 ? ['--help'] : [...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== EXIT_OK) throw asUsageError(error, args);
  }
  if (printed.length > 0) await print(printed.join(''));
}

function commandLine(commands: Commands, writeOut: (text: string) => void): Command {
  const program = new Command('perfring')
    .description('Samples of eBPF programs, live from the perf rings of every CPU.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this')
    .option('--debug', 'stack traces with errors')
    .helpCommand('help [command]', 'print the help of a command')
    .exitOverride()
    // Errors are thrown. The caller writes them to stderr on one line.
    .configureOutput({ writeOut, writeErr: () => undefined })
    .addHelpText('after', EXAMPLES);
  addCollect(program).action((object: string | undefined, given: CollectArguments) =>
    commands.collect(given, object),
  );
  addTop(program).action((object: string | undefined, given: TopArguments) => commands.top(given, object));
  addDoctor(program).action((given: { readonly json?: true }) => commands.doctor(given));
  addGen(program).action((object: string, given: GenArguments) => commands.gen(object, given));
  addScript(program).action((file: string, given: ScriptArguments) => commands.script(file, given));
  addCompletion(program).action((shell: string) => writeOut(completionOf(shell, program)));
  // For the build, which packs the page.
  program.command(MAN_PAGE, { hidden: true }).action(() => writeOut(manPageOf(program)));
  addInspect(program).action((what: string, given: InspectArguments) => commands.inspect(what, given));
  for (const command of program.commands) refuseRepeatedValues(command);
  return program;
}

/** Refuses an option with a value that is given twice. Commander would silently use the last value. */
function refuseRepeatedValues(command: Command): void {
  for (const option of command.options) {
    // Flags and lists may be repeated.
    if (option.isBoolean() || option.parseArg !== undefined) continue;
    option.argParser((value: string, previous: string | undefined) => {
      if (previous === undefined) return value;
      throw usageError(`${option.long} is given twice, "${previous}" and "${value}"; give it once`);
    });
  }
}

/** The options that say what is sampled: of `collect` and `top`. */
function withSource(command: Command): Command {
  return command
    .argument('[object]', 'your own program, compiled: exec.bpf.o')
    .optionsGroup('What is sampled:')
    .option(
      '-b, --builtin <name>',
      `a program below, or several: -b exec -b exit (default: ${DEFAULT_BUILTIN.name})`,
      listed,
    )
    .option('--pid <pid>', 'only this process')
    .option('--comm <name>', 'only threads with this name')
    .option('--uid <uid>', 'only processes of this user')
    .option('--cgroup <path>', 'only processes in this cgroup, and below it')
    .option('--syscall <name>', 'only this system call (sys_enter, sys_exit)')
    .option('--include-self', 'include perfring itself')
    .option('--map-pin <path>', 'instead of a program: the map pinned at this path')
    .option('--map-id <id>', 'instead of a program: the map with this id')
    .option('--filter <condition>', `in CEL, like 'pid == 42 && comm != "node"'`)
    .option('--cpus <list>', 'only these CPUs, like 0-3,5 (default: all)')
    .optionsGroup('Your own program:')
    .option('--map <name>', 'the map to read, if the object has several rings')
    .option('--attach <program[=target]>', 'attach this program (default: all that can be)', listed)
    .option('--set <name=value>', 'set a global variable before loading', listed)
    .option('--type <name>', 'the struct of the samples, if the object does not say it')
    .option('--layout <file>', 'the struct of the samples, as JSON or C, for maps without BTF');
}

function addCollect(program: Command): Command {
  return withSource(program.command('collect'))
    .description('Write samples to stdout as they come, and a summary to stderr at the end.')
    .optionsGroup('How much:')
    .option('-d, --duration <time>', 'stop after this time, like 5s, 500ms or 2m')
    .option('-n, --count <n>', 'stop after exactly n samples')
    .optionsGroup('What comes out:')
    .option('-f, --format <name>', 'table, ndjson or raw (default: table)')
    .option('-o, --output <file>', 'write to a new file instead of stdout')
    .option('--force', 'overwrite the file if it exists')
    .option('-q, --quiet', 'no status line and no summary')
    .optionsGroup('Rings:')
    .option('--buffer-bytes <size>', 'size of each ring, like 64K or 1M (default: 512K)')
    .option('--memory <size>', 'or the size of all rings together')
    .option('--order <order>', 'time, or cpu: ring by ring (default: time)')
    .option('--wakeup <mode>', 'moderated, events:N, bytes:N (default: moderated)')
    .option('--latency <time>', 'longest wait under load (default: 1ms)')
    .option('--overwrite', 'flight recorder: see below')
    .optionsGroup('Help:')
    .option('--debug', 'stack traces with errors')
    .addHelpOption(helpOption())
    .addHelpText('after', collectHelp());
}

/** Collects the values of an option that may be repeated. */
function listed(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function addTop(program: Command): Command {
  return withSource(program.command('top'))
    .description('Count samples by a field, live: a table that is sorted, with rates and losses.')
    .optionsGroup('What is counted:')
    .option('--by <field>', 'count by this field (default: comm)')
    .option('--sum <fields>', 'add up these fields, like bytes,duration')
    .option('--hist <fields>', 'draw these fields by powers of two')
    .optionsGroup('How much:')
    .option('-d, --duration <time>', 'stop after this time, like 5s, 500ms or 2m')
    .option('-i, --interval <time>', 'time from one page to the next (default: 1s)')
    .option('--rows <n>', 'most rows of the table at the end (default: 20)')
    .optionsGroup('What comes out:')
    .option('-f, --format <name>', 'table, or ndjson: every interval (default: table)')
    .option('-q, --quiet', 'only the table at the end, and no summary')
    .optionsGroup('Rings:')
    .option('--buffer-bytes <size>', 'size of each ring, like 64K or 1M (default: 512K)')
    .option('--memory <size>', 'or the size of all rings together')
    .optionsGroup('Help:')
    .option('--debug', 'stack traces with errors')
    .addHelpOption(helpOption())
    .addHelpText('after', TOP_HELP);
}

function addScript(program: Command): Command {
  return program
    .command('script')
    .argument('<file>', 'a file or directory of perf record, or - for stdin')
    .description('Write the samples of a perf.data file to stdout, as collect does, and a summary to stderr.')
    .option('-n, --count <n>', 'stop after exactly n samples')
    .option('-f, --format <name>', 'table, ndjson or raw (default: table)')
    .option('--all', 'the other records of the kernel too: mappings, forks, switches')
    .option('-q, --quiet', 'no summary')
    .option('--debug', 'stack traces with errors')
    .addHelpOption(helpOption());
}

function addDoctor(program: Command): Command {
  return program
    .command('doctor')
    .description(
      'Check whether collect works on this machine, and how to fix what is missing; exit code 0 if it works.',
    )
    .option('--json', 'write JSON, for programs')
    .option('--debug', 'stack traces with errors')
    .addHelpOption(helpOption());
}

function addInspect(program: Command): Command {
  return program
    .command('inspect')
    .argument('<what>', "a BPF object's file, a map's pin, or a map's id")
    .description(
      'Show programs, maps, global variables, which maps are rings, and the layout that collect would use.',
    )
    .option('--types <names>', 'further structs, like key,value')
    .option('--json', 'write JSON, for programs')
    .option('--debug', 'stack traces with errors')
    .addHelpOption(helpOption());
}

function addGen(program: Command): Command {
  return program
    .command('gen')
    .argument('<object>', 'a file that clang has compiled with -g, like exec.bpf.o')
    .description('Write a TypeScript module to stdout: layouts and types of its events, maps and globals.')
    .option('--types <names>', 'further structs, like key,value')
    .option('--dts', 'write declarations, for import from the object itself')
    .option('--debug', 'stack traces with errors')
    .addHelpOption(helpOption());
}

function addCompletion(program: Command): Command {
  return program
    .command('completion')
    .argument('<shell>', SHELLS.join(', '))
    .description('Write a script to stdout that completes commands and options in the shell.')
    .addHelpOption(helpOption())
    .addHelpText('after', COMPLETION_HELP);
}

function completionOf(shell: string, program: Command): string {
  const known = SHELLS.find((name) => name === shell);
  if (known === undefined) throw usageError(`completion takes ${SHELLS.join(', ')}, got "${shell}"`);
  return completionScript(known, tableOf(program));
}

function manPageOf(program: Command): string {
  return manPage({
    version: packageVersion(),
    description: program.description(),
    commands: tableOf(program),
    notes: { collect: collectHelp(), top: TOP_HELP, completion: COMPLETION_HELP },
  });
}

function tableOf(program: Command) {
  return commandTable(program).filter(({ name }) => name !== MAN_PAGE);
}

/** The option --help, in the last group of options. */
function helpOption(): Option {
  return new Option('-h, --help', 'print this').helpGroup('Help:');
}

const EXAMPLES = `
Examples:
  perfring doctor                              check whether it works here
  sudo perfring collect                        show thread switches, live
  sudo perfring collect -b exec                show programs that start
  sudo perfring collect exec.bpf.o             load your own program
  sudo perfring top                            count thread switches, live

Each command has its own help: perfring collect --help`;

const COMMAND_NAMES: readonly string[] = [
  'collect',
  'top',
  'script',
  'inspect',
  'doctor',
  'gen',
  'completion',
];
const MAN_PAGE = 'man-page';

const COMPLETION_HELP = `
Examples:
  perfring completion bash > /usr/share/bash-completion/completions/perfring
  perfring completion zsh > /usr/share/zsh/site-functions/_perfring
  perfring completion fish > ~/.config/fish/completions/perfring.fish`;

const TOP_HELP = `
Examples:
  sudo perfring top                                 thread switches by command
  sudo perfring top -b sys_enter --by syscall       system calls by number
  sudo perfring top exec.bpf.o --by uid             events of your own program
  sudo perfring top -d 10s -f ndjson | jq .

Keys: q quits, s sorts by the next column, p pauses the page. Samples are
counted while the page is paused. At the end, and where stdout is not a
terminal, the table is printed once.`;

function collectHelp(): string {
  const width = Math.max(...BUILTIN_PROGRAMS.map(({ name }) => name.length));
  const programs = BUILTIN_PROGRAMS.map(({ name, description }) => `  ${name.padEnd(width)}  ${description}`);
  return `
Built-in programs write a sample each time that:
${programs.join('\n')}

Examples:
  sudo perfring collect --duration 5s
  sudo perfring collect -b sys_exit --pid 1234 --count 100
  sudo perfring collect -b exec -b exit -b open --comm make
  sudo perfring collect -f ndjson | jq -r 'select(.type == "sample") | .comm'
  sudo perfring collect exec.bpf.o --set target_pid=1234
  sudo perfring collect trace.bpf.o --attach on_call=libc.so.6:getppid
  sudo perfring collect --filter 'comm.startsWith("n") && record.cpu == 0'
  sudo perfring collect --map-pin /sys/fs/bpf/events -f raw -o samples.raw
  sudo perfring collect --overwrite --memory 64M -o flight.txt

Moderated: at low rates each sample wakes perfring; under load a timer does.
With --overwrite the rings keep only the newest samples. kill -USR2 writes a
snapshot of them; another one is written at the end.

Ctrl-C stops after writing the samples that are in the rings. A second Ctrl-C
stops at once.`;
}

function packageVersion(): string {
  const text = readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

/**
 * Makes one line of commander's message, such as `error: unknown option '--fromat'\n(Did you mean --format?)`, and adds
 * how to get help.
 */
function asUsageError(error: CommanderError, args: readonly string[]): CommandError {
  if (error.code === 'commander.help') {
    const [first, unknown] = args;
    if (first === 'help') return usageError(`unknown command '${unknown}'; see: perfring --help`);
    return usageError(
      'name a command: collect, top, script, inspect, doctor, gen or completion; see: perfring --help',
    );
  }
  const message = error.message
    .replace(/^error: /, '')
    .replace(/\s+/g, ' ')
    .replace(/\.$/, '');
  const command = args.find((arg) => COMMAND_NAMES.includes(arg));
  const help = ['perfring', ...(command === undefined ? [] : [command]), '--help'].join(' ');
  return usageError(`${message}; see: ${help}`);
}
