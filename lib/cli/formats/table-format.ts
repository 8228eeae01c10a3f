import {
  decoderFor,
  type FieldValue,
  type RingRecord,
  type SampleField,
  type SampleLayout,
} from '../../index';
import { formatCount } from '../quantities';
import type { Style } from '../style';
import { visibleText } from '../visible-text';
import { hexOf, jsonValue } from './field-value';
import type { RecordFormat } from './record-format';

/** What a row shows in one place: a number to the right, text to the left. */
interface Column {
  readonly title: string;
  readonly width: number;
  readonly isText: boolean;
  value(record: RingRecord, fields: Readonly<Record<string, FieldValue>>): string;
}

/** Bytes shown of a sample nobody can decode. */
const SHOWN_BYTES = 32;

/** Fields with a column of their own, in every table. */
const COMMON_FIELDS: ReadonlySet<string> = new Set(['time', 'pid', 'tid']);

/** Rows for people: one a sample, in columns. */
export class TableFormat implements RecordFormat {
  readonly #columns: readonly Column[];
  readonly #decode: (record: RingRecord) => Readonly<Record<string, FieldValue>>;
  /** Bytes of a whole sample; of one that is shorter no field is shown. */
  readonly #size: number;
  readonly #style: Style;
  #text = '';

  /**
   * @param layout when the samples' is known: then they are decoded
   * @param zero nanoseconds of CLOCK_MONOTONIC that are shown as 0
   */
  constructor(layout: SampleLayout | undefined, zero: bigint, style: Style) {
    const own =
      layout?.fields.filter(({ name }) => !COMMON_FIELDS.has(name)).map(fieldColumn) ?? SIZE_AND_DATA;
    this.#columns = [...commonColumns(zero), ...own];
    this.#decode = layout === undefined ? () => NO_FIELDS : decoderFor(layout);
    this.#size = layout?.size ?? 0;
    this.#style = style;
  }

  begin(): void {
    const titles = this.#columns.map((column) => padded(column.title, column));
    this.#text += `${this.#style.bold(titles.join('  ').trimEnd())}\n`;
  }

  sample(record: RingRecord): void {
    const fields = record.size < this.#size ? NO_FIELDS : this.#decode(record);
    let row = '';
    for (const column of this.#columns) row += `${padded(column.value(record, fields), column)}  `;
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

  /** A row that is no sample: under `time` nothing, under `cpu` the CPU, then what happened. */
  #event(cpu: number, what: string): void {
    this.#text += `${'-'.padStart(TIME_WIDTH)}  ${String(cpu).padStart(CPU_WIDTH)}  ${what}\n`;
  }
}

const NO_FIELDS: Readonly<Record<string, FieldValue>> = {};
const TIME_WIDTH = 11;
const CPU_WIDTH = 3;
const ID_WIDTH = 7;

/** The payload knows best; else what the kernel noted with the record. */
function commonColumns(zero: bigint): Column[] {
  return [
    {
      title: 'time',
      width: TIME_WIDTH,
      isText: false,
      value: (record, { time = record.time }) => (typeof time === 'bigint' ? seconds(time - zero) : '-'),
    },
    { title: 'cpu', width: CPU_WIDTH, isText: false, value: (record) => String(record.cpu) },
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

function fieldColumn({ name, kind, size }: SampleField): Column {
  const isText = kind.startsWith('char[') || kind.startsWith('bytes[');
  // A terminated string of 16 bytes has 15 characters; long ones come last, and need no room after them.
  const width = isText ? Math.min(size - 1, 15) : 6;
  return {
    title: name,
    width: Math.max(name.length, width),
    isText,
    value: (_record, fields) => shown(fields[name]),
  };
}

const SIZE_AND_DATA: readonly Column[] = [
  { title: 'size', width: 5, isText: false, value: (record) => String(record.size) },
  {
    title: 'data',
    width: 4,
    isText: true,
    value: (record) => {
      const bytes = new Uint8Array(Math.min(record.size, SHOWN_BYTES));
      record.copyTo(bytes);
      return `${Buffer.from(bytes.buffer).toString('hex')}${record.size > SHOWN_BYTES ? '…' : ''}`;
    },
  },
];

function shown(value: FieldValue | undefined): string {
  if (value === undefined) return '-';
  if (typeof value === 'string') return visibleText(value);
  if (value instanceof Uint8Array) return hexOf(value);
  return typeof value === 'object' ? jsonValue(value) : String(value);
}

/** `12.345678` */
function seconds(nanoseconds: bigint): string {
  const microseconds = (nanoseconds < 0n ? -nanoseconds : nanoseconds) / 1000n;
  const fraction = String(microseconds % 1_000_000n).padStart(6, '0');
  return `${nanoseconds < 0n ? '-' : ''}${microseconds / 1_000_000n}.${fraction}`;
}

function padded(text: string, { width, isText }: Column): string {
  return isText ? text.padEnd(width) : text.padStart(width);
}
