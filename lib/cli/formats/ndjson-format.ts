import type { FieldValue, RingRecord, SampleLayout } from '../../index';
import { hexOf, jsonValue } from './field-value';
import { FittingDecoder } from './fitting-decoder';
import type { RecordFormat } from './record-format';

/** Newline-delimited JSON: one object for each record. See docs/cli.md. */
export class NdjsonFormat implements RecordFormat {
  readonly #decoder: FittingDecoder;
  /** The name of each field, and the text before its value: `,"pid":`. */
  readonly #members: readonly (readonly [name: string, key: string])[];
  readonly #names: ReadonlySet<string>;
  #text = '';

  /** @param layout the layout of the samples, to decode them; undefined when unknown */
  constructor(layout: SampleLayout | undefined) {
    const names = layout?.fields.map(({ name }) => name) ?? [];
    this.#decoder = new FittingDecoder(layout);
    this.#names = new Set(names);
    this.#members = names.map((name) => [name, `,${JSON.stringify(memberName(name, this.#names))}:`]);
  }

  get unfit(): number {
    return this.#decoder.unfit;
  }

  begin(): void {}

  sample(record: RingRecord): void {
    let line = `${beginning(record.cpu)}"type":"sample"`;
    const fields = this.#decoder.decode(record);
    if (record.time !== undefined && (fields === undefined || !this.#names.has('time')))
      line += `,"time":"${record.time}"`;
    line += fields === undefined ? undecoded(record) : this.#decoded(record, fields);
    this.#text += `${line}${record.late ? ',"late":true' : ''}}\n`;
  }

  lost(cpu: number, count: number): void {
    this.#text += `${beginning(cpu)}"type":"lost","lost":"${count}"}\n`;
  }

  other(record: RingRecord): void {
    this.#text += `${beginning(record.cpu)}"type":"other","record":${record.type}${undecoded(record)}}\n`;
  }

  snapshot(number: number): void {
    this.#text += `{"type":"snapshot","number":${number}}\n`;
  }

  take(): string {
    const taken = this.#text;
    this.#text = '';
    return taken;
  }

  #decoded(record: RingRecord, values: Readonly<Record<string, FieldValue>>): string {
    let members = '';
    if (record.pid !== undefined && !this.#names.has('pid')) members += `,"pid":${record.pid}`;
    if (record.tid !== undefined && !this.#names.has('tid')) members += `,"tid":${record.tid}`;
    for (const [name, key] of this.#members) {
      members += key + jsonValue(values[name] as FieldValue);
    }
    return members;
  }
}

/** The beginning of a line. A ring of all CPUs has the number -1. */
function beginning(cpu: number): string {
  return cpu < 0 ? '{' : `{"cpu":${cpu},`;
}

/** Members that every line may have. */
const OWN_MEMBERS: readonly string[] = ['cpu', 'type', 'late'];

/** The name of a field in a line: it must not be that of a line's own member. */
function memberName(name: string, names: ReadonlySet<string>): string {
  let free = name;
  while (OWN_MEMBERS.includes(free) || (free !== name && names.has(free))) free += '_';
  return free;
}

function undecoded(record: RingRecord): string {
  const pid = record.pid === undefined ? '' : `,"pid":${record.pid}`;
  const tid = record.tid === undefined ? '' : `,"tid":${record.tid}`;
  return `${pid}${tid},"size":${record.size},"data":"${hexOf(record.bytes())}"`;
}
