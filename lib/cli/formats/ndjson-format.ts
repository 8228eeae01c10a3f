import { decoderFor, type FieldValue, type RingRecord, type SampleLayout } from '../../index';
import { jsonText } from '../visible-text';
import type { RecordFormat } from './record-format';

/** One JSON object a line. See docs/cli.md. */
export class NdjsonFormat implements RecordFormat {
  readonly #decode: ((record: RingRecord) => Readonly<Record<string, FieldValue>>) | undefined;
  /** Name of each field, and how its member begins: `,"pid":`. */
  readonly #members: readonly (readonly [name: string, key: string])[];
  readonly #payloadHasTime: boolean;
  #text = '';

  /** @param layout when the samples' is known: then they are decoded */
  constructor(layout: SampleLayout | undefined) {
    const names = layout?.fields.map(({ name }) => name) ?? [];
    this.#decode = layout === undefined ? undefined : decoderFor(layout);
    this.#members = names.map((name) => [name, `,${JSON.stringify(name)}:`]);
    this.#payloadHasTime = names.includes('time');
  }

  begin(): void {}

  sample(record: RingRecord): void {
    let line = `{"cpu":${record.cpu},"type":"sample"`;
    if (!this.#payloadHasTime && record.time !== undefined) line += `,"time":"${record.time}"`;
    line += this.#decode === undefined ? undecoded(record) : this.#decoded(this.#decode(record));
    this.#text += `${line}${record.late ? ',"late":true' : ''}}\n`;
  }

  lost(cpu: number, count: number): void {
    this.#text += `{"cpu":${cpu},"type":"lost","lost":"${count}"}\n`;
  }

  other(record: RingRecord): void {
    this.#text += `{"cpu":${record.cpu},"type":"other","record":${record.type}${undecoded(record)}}\n`;
  }

  snapshot(number: number): void {
    this.#text += `{"type":"snapshot","number":${number}}\n`;
  }

  take(): string {
    const taken = this.#text;
    this.#text = '';
    return taken;
  }

  #decoded(values: Readonly<Record<string, FieldValue>>): string {
    let members = '';
    for (const [name, key] of this.#members) {
      const value = values[name];
      // A sample that is shorter than its layout has not got them all.
      if (value !== undefined) members += key + jsonValue(value);
    }
    return members;
  }
}

function undecoded(record: RingRecord): string {
  const pid = record.pid === undefined ? '' : `,"pid":${record.pid}`;
  const tid = record.tid === undefined ? '' : `,"tid":${record.tid}`;
  return `${pid}${tid},"size":${record.size},"data":"${hexOf(record.bytes())}"`;
}

function jsonValue(value: FieldValue): string {
  switch (typeof value) {
    case 'number':
      // JSON has no NaN and no infinity.
      return Number.isFinite(value) ? String(value) : 'null';
    case 'bigint':
      return `"${value}"`;
    case 'string':
      return jsonText(value);
    default:
      return `"${hexOf(value)}"`;
  }
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
