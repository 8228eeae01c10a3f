import { decoderFor, type FieldValue, type RingRecord, type SampleLayout } from '../../index';
import { hexOf, jsonValue } from './field-value';
import type { RecordFormat } from './record-format';

/** Newline-delimited JSON: one object for each record. See docs/cli.md. */
export class NdjsonFormat implements RecordFormat {
  readonly #decode: ((record: RingRecord) => Readonly<Record<string, FieldValue>>) | undefined;
  /** The name of each field, and the text before its value: `,"pid":`. */
  readonly #members: readonly (readonly [name: string, key: string])[];
  readonly #payloadHasTime: boolean;
  /**
   * The size of a complete sample in bytes. Shorter samples are not decoded; their bytes are written in hexadecimal.
   */
  readonly #size: number;
  #text = '';

  /** @param layout the layout of the samples, to decode them; undefined when unknown */
  constructor(layout: SampleLayout | undefined) {
    const names = layout?.fields.map(({ name }) => name) ?? [];
    this.#decode = layout === undefined ? undefined : decoderFor(layout);
    this.#members = names.map((name) => [name, `,${JSON.stringify(name)}:`]);
    this.#payloadHasTime = names.includes('time');
    this.#size = layout?.size ?? 0;
  }

  begin(): void {}

  sample(record: RingRecord): void {
    let line = `{"cpu":${record.cpu},"type":"sample"`;
    const decode = record.size < this.#size ? undefined : this.#decode;
    if (!(this.#payloadHasTime && decode !== undefined) && record.time !== undefined)
      line += `,"time":"${record.time}"`;
    line += decode === undefined ? undecoded(record) : this.#decoded(decode(record));
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
      members += key + jsonValue(values[name] as FieldValue);
    }
    return members;
  }
}

function undecoded(record: RingRecord): string {
  const pid = record.pid === undefined ? '' : `,"pid":${record.pid}`;
  const tid = record.tid === undefined ? '' : `,"tid":${record.tid}`;
  return `${pid}${tid},"size":${record.size},"data":"${hexOf(record.bytes())}"`;
}
