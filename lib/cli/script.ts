import { isatty } from 'node:tty';
import { kernel, type RingRecord } from '../index';
import { PerfDataError, PerfDataReader } from '../perf-data';
import { codeOf, CommandError, usageError } from './failure';
import { FORMAT_NAMES, type FormatName, formatNamed, type RecordFormat } from './formats/formats';
import { formatCount, parseWhole } from './quantities';
import { SampleOutput } from './sample-output';
import { styleFor } from './style';
import { visibleText } from './visible-text';

/** The options of `script` as the user typed them, under commander's names. */
export interface ScriptArguments {
  readonly format?: string;
  readonly count?: string;
  readonly all?: true;
  readonly quiet?: true;
}

/** Records that are visited before their output is awaited. */
const RECORDS_AT_ONCE = 1000;
/** Records of this type and above describe the file. */
const FIRST_FILE_TYPE = 64;

/**
 * Writes the samples of a perf.data file to stdout, as `collect` writes those of rings, and a summary to stderr.
 * @param file a path, or `-` for stdin
 * @throws CommandError, and the errors of the library
 */
export async function script(file: string, given: ScriptArguments): Promise<void> {
  const name = FORMAT_NAMES.find((one) => one === (given.format ?? 'table'));
  if (name === undefined) {
    throw usageError(`--format takes ${FORMAT_NAMES.join(' or ')}, got "${given.format}"`);
  }
  const count = given.count === undefined ? Number.POSITIVE_INFINITY : parseWhole(given.count, '--count', 1);
  if (name === 'raw' && isatty(1)) {
    throw usageError('--format raw is not written to a terminal: redirect stdout');
  }
  const reader = openFile(file);
  const output = SampleOutput.toStdout();
  const run = new ScriptRun(reader, name, count, given.all === true);
  let damage: PerfDataError | undefined;
  try {
    while (run.readOn()) await output.write(run.take());
    await output.write(run.take());
    damage = run.damage;
    await output.end();
  } catch (error) {
    // The reader of the pipe has closed it, as `| head` does. That is a normal end.
    if (!output.isClosed) throw error;
  } finally {
    reader.close();
  }
  if (given.quiet === undefined) process.stderr.write(run.summary());
  if (damage !== undefined) throw damage;
}

function openFile(file: string): PerfDataReader {
  try {
    return PerfDataReader.open(file === '-' ? 0 : file);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw new CommandError(`there is no file ${visibleText(file)}`);
    throw error;
  }
}

/** The samples of a file on their way into a format. */
class ScriptRun {
  /** What ended the file before its end. */
  damage: PerfDataError | undefined;
  readonly #reader: PerfDataReader;
  readonly #format: RecordFormat;
  /** Whether records other than samples are written too. */
  readonly #writesAll: boolean;
  #left: number;
  #lost = 0;
  /** Event -> samples written. */
  readonly #samples = new Map<string, number>();

  constructor(reader: PerfDataReader, name: FormatName, count: number, writesAll: boolean) {
    this.#reader = reader;
    this.#left = count;
    this.#writesAll = writesAll;
    const isTerminal = isatty(1);
    // A terminal of unknown width has 0 columns.
    const columns = (isTerminal && process.stdout.columns) || undefined;
    // Times are shown as the file has them, as by perf script.
    this.#format = formatNamed(name, undefined, 0n, styleFor({ isTTY: isTerminal }), columns);
    this.#format.begin();
  }

  /** Reads some records. @returns whether there may be more */
  readOn(): boolean {
    if (this.#left === 0) return false;
    try {
      return this.#reader.visit((record) => this.#take(record), { limit: this.#limit }) > 0;
    } catch (error) {
      if (!(error instanceof PerfDataError)) throw error;
      this.damage = error;
      return false;
    }
  }

  take(): string | Uint8Array {
    return this.#format.take();
  }

  summary(): string {
    const total = [...this.#samples.values()].reduce((sum, count) => sum + count, 0);
    const events = [...this.#samples].map(([name, count]) => `${visibleText(name)} ${formatCount(count)}`);
    const lines = [`${formatCount(total)} samples${events.length === 0 ? '' : `: ${events.join(', ')}`}`];
    if (this.#lost > 0) lines.push(`${formatCount(this.#lost)} lost`);
    const { late } = this.#reader;
    if (late > 0) lines.push(`${formatCount(late)} late: the file says too late where its rounds end`);
    return `${lines.join('\n')}\n`;
  }

  /** So that never more samples are visited than are asked for. */
  get #limit(): number {
    return Math.min(RECORDS_AT_ONCE, this.#left);
  }

  #take(record: RingRecord): void {
    if (record.type >= FIRST_FILE_TYPE) return;
    if (record.type === kernel.PERF_RECORD_SAMPLE) {
      const name = this.#reader.eventOf(record)?.name ?? 'unknown';
      this.#samples.set(name, (this.#samples.get(name) ?? 0) + 1);
      this.#left--;
      this.#format.sample(record);
    } else if (record.type === kernel.PERF_RECORD_LOST) {
      this.#lost += record.lost;
      this.#format.lost(record.cpu, record.lost);
    } else if (this.#writesAll) {
      this.#format.other(record);
    }
  }
}
