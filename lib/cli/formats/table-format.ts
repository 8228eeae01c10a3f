import type { FieldValue, RingRecord } from '../../index';
import { formatCount } from '../quantities';
import type { Style } from '../style';
import { cutToWidth, textWidth } from '../text-width';
import { FittingDecoder, type KnownLayout } from './fitting-decoder';
import { type Column, fieldColumns, unionColumns } from './table-columns';
import type { RecordFormat } from './record-format';

/** How many bytes of a sample are shown when its layout is unknown. */
const SHOWN_BYTES = 32;
/** At least this number of bytes is shown, however narrow the terminal is. */
const MINIMUM_SHOWN_BYTES = 8;

/** Fields that are columns of every table. */
const COMMON_FIELDS: ReadonlySet<string> = new Set(['time', 'pid', 'tid']);

/** A table for people to read: one row for each sample. */
export class TableFormat implements RecordFormat {
  readonly #columns: readonly Column[];
  readonly #decoder: FittingDecoder;
  readonly #style: Style;
  #text = '';

  /**
   * @param layout the layout of the samples, to decode them; undefined when unknown
   * @param zero the time that is shown as 0, in nanoseconds of CLOCK_MONOTONIC
   * @param terminalColumns the width of the terminal; undefined when the output is not a terminal
   */
  constructor(layout: KnownLayout, zero: bigint, style: Style, terminalColumns?: number) {
    const own = ownColumns(layout, terminalColumns);
    this.#columns = columnsThatFit([...commonColumns(zero), ...own], terminalColumns);
    this.#decoder = new FittingDecoder(layout);
    this.#style = style;
  }

  get unfit(): number {
    return this.#decoder.unfit;
  }

  begin(): void {
    const titles = this.#columns.map((column) => padded(column.title, column));
    this.#text += `${this.#style.bold(titles.join(GAP).trimEnd())}\n`;
  }

  sample(record: RingRecord): void {
    const fields = this.#decoder.decode(record) ?? NO_FIELDS;
    let row = '';
    for (const column of this.#columns) row += padded(column.value(record, fields), column) + GAP;
    this.#text += `${row.trimEnd()}\n`;
  }

  lost(cpu: number, count: number): void {
    const samples = count === 1 ? 'sample' : 'samples';
    this.#event(cpu, this.#style.bad(`${formatCount(count)} ${samples} lost`));
  }

  other(record: RingRecord): void {
    this.#event(record.cpu, `a record of type ${record.type}, ${record.size} bytes`);
  }

  snapshot(number: number): void {
    this.#text += `${this.#style.dim(`-- snapshot ${number} --`)}\n`;
  }

  take(): string {
    const taken = this.#text;
    this.#text = '';
    return taken;
  }

  /** A row for something other than a sample: `-` for the time, the CPU, and a text. */
  #event(cpu: number, what: string): void {
    this.#text += `${'-'.padStart(TIME_WIDTH)}  ${cpuText(cpu).padStart(CPU_WIDTH)}  ${what}\n`;
  }
}

/** The width that is reserved for an open last column; longer text wraps. */
const OPEN_COLUMNS = 16;
const GAP = '  ';

/**
 * Rows that wrap are hard to read. So when the terminal is too narrow, columns are left out: first the thread, then
 * numbers, the last one first, then text, the last one first. Time, CPU, process and the first text are always shown.
 */
function columnsThatFit(columns: readonly Column[], terminalColumns = Number.POSITIVE_INFINITY): Column[] {
  const kept = [...columns];
  while (widthOf(kept) > terminalColumns) {
    const own = kept.slice(FIRST_OPTIONAL);
    const leaves =
      own.find(({ title }) => title === 'tid') ??
      own.filter(({ isText, isNumbers }) => !isText || isNumbers === true).at(-1) ??
      own
        .filter(({ isText }) => isText)
        .slice(1)
        .at(-1);
    if (leaves === undefined) break;
    kept.splice(kept.indexOf(leaves), 1);
  }
  return kept;
}

function widthOf(columns: readonly Column[]): number {
  const widths = columns.map(({ isOpen, width }) => (isOpen === true ? OPEN_COLUMNS : width));
  return widths.reduce((sum, width) => sum + width) + GAP.length * (columns.length - 1);
}

/** The columns of the fields that not every table has. */
function ownColumns(layout: KnownLayout, terminalColumns: number | undefined): Column[] {
  if (layout === undefined) return sizeAndData(terminalColumns);
  return 'cases' in layout ? unionColumns(layout, COMMON_FIELDS) : fieldColumns(layout, COMMON_FIELDS);
}

const NO_FIELDS: Readonly<Record<string, FieldValue>> = {};
const TIME_WIDTH = 11;
const CPU_WIDTH = 3;
const ID_WIDTH = 7;
const SIZE_WIDTH = 5;
/** Columns before this index are always shown: time, cpu and pid. */
const FIRST_OPTIONAL = 3;

/** The columns of every table. Their values come from the payload or, if it lacks them, from the record's fields. */
function commonColumns(zero: bigint): Column[] {
  return [
    {
      title: 'time',
      width: TIME_WIDTH,
      isText: false,
      value: (record, { time = record.time }) => (typeof time === 'bigint' ? seconds(time - zero) : '-'),
    },
    { title: 'cpu', width: CPU_WIDTH, isText: false, value: (record) => cpuText(record.cpu) },
    {
      title: 'pid',
      width: ID_WIDTH,
      isText: false,
      value: (record, { pid = record.pid }) => String(pid ?? '-'),
    },
    {
      title: 'tid',
      width: ID_WIDTH,
      isText: false,
      value: (record, { tid = record.tid }) => String(tid ?? '-'),
    },
  ];
}

/** A ring of all CPUs has the number -1. */
function cpuText(cpu: number): string {
  return cpu < 0 ? '-' : String(cpu);
}

/** The columns for samples whose layout is unknown: their size, and as many of their first bytes as fit. */
function sizeAndData(terminalColumns = Number.POSITIVE_INFINITY): Column[] {
  const before = TIME_WIDTH + CPU_WIDTH + 2 * ID_WIDTH + SIZE_WIDTH + 5 * GAP.length;
  const room = Math.floor((terminalColumns - before - '…'.length) / 2);
  const shownBytes = Math.max(MINIMUM_SHOWN_BYTES, Math.min(SHOWN_BYTES, room));
  return [
    { title: 'size', width: SIZE_WIDTH, isText: false, value: (record) => String(record.size) },
    {
      title: 'data',
      width: 4,
      isText: true,
      isOpen: true,
      value: (record) => {
        const bytes = new Uint8Array(Math.min(record.size, shownBytes));
        record.copyTo(bytes);
        return `${Buffer.from(bytes.buffer).toString('hex')}${record.size > shownBytes ? '…' : ''}`;
      },
    },
  ];
}

/** Nanoseconds as seconds with six decimals: `12.345678`. */
function seconds(nanoseconds: bigint): string {
  const microseconds = (nanoseconds < 0n ? -nanoseconds : nanoseconds) / 1000n;
  const fraction = String(microseconds % 1_000_000n).padStart(6, '0');
  return `${nanoseconds < 0n ? '-' : ''}${microseconds / 1_000_000n}.${fraction}`;
}

/** Pads or cuts a text to the width of its column. Text with many escapes, for instance, can be too long. */
function padded(text: string, { width, isText, isOpen }: Column): string {
  if (!isText) return text.padStart(width);
  if (isOpen === true) return text;
  const cut = cutToWidth(text, width);
  return cut + ' '.repeat(width - textWidth(cut));
}
