import type { FieldValue, RingRecord, SampleField, SampleLayout } from '../../index';
import { jsonText } from '../visible-text';
import { jsonValue } from './field-value';
import { FittingDecoder, type KnownLayout, layoutsOf } from './fitting-decoder';
import { type Constant, constantOf, OutputBytes } from './output-bytes';
import type { RecordFormat } from './record-format';

type Values = Readonly<Record<string, FieldValue>>;

/** Writes the value of one field. `values` are those of the decoded record, if the layout has a member that needs them. */
type Member = (record: RingRecord, values: Values) => void;

const NO_VALUES: Values = {};
const QUOTE = 0x22;

/** Newline-delimited JSON: one object for each record. See docs/cli.md. */
export class NdjsonFormat implements RecordFormat {
  readonly #output = new OutputBytes();
  /** For the fields that are not read in place. */
  readonly #decoder: FittingDecoder;
  readonly #members: ReadonlyMap<SampleLayout, Members>;
  /** The beginning of the line of a sample, by CPU. */
  readonly #beginnings = new Map<number, Constant>();

  /** @param layout the layout of the samples, to decode them; undefined when unknown */
  constructor(layout: KnownLayout) {
    this.#decoder = new FittingDecoder(layout);
    this.#members = new Map(layoutsOf(layout).map((one) => [one, membersOf(one, this.#output)]));
  }

  get unfit(): number {
    return this.#decoder.unfit;
  }

  begin(): void {}

  sample(record: RingRecord): void {
    const output = this.#output;
    const { length } = output;
    try {
      this.#sample(record);
    } catch (error) {
      output.cutTo(length);
      throw error;
    }
  }

  #sample(record: RingRecord): void {
    const output = this.#output;
    const layout = this.#decoder.layoutOf(record);
    const members = layout === undefined ? undefined : this.#members.get(layout);
    const isInPlace = members !== undefined && record.size >= members.bytesInPlace;
    const values = isInPlace ? NO_VALUES : this.#decoder.decode(record);
    output.constant(this.#beginningFor(record.cpu));
    if (values === undefined || members?.names.has('time') !== true) {
      const { time } = record;
      if (time !== undefined) {
        output.constant(TIME);
        output.unsignedBigint(time);
        output.byte(QUOTE);
      }
    }
    if (values === undefined || members === undefined) this.#undecoded(record);
    else this.#decoded(record, values, members);
    output.constant(record.late ? LATE_END : END);
  }

  #decoded(record: RingRecord, values: Values, { names, list }: Members): void {
    // Process and thread, as the kernel wrote them, if the payload has no field of that name.
    if (record.pid !== undefined && !names.has('pid')) this.#number(PID, record.pid);
    if (record.tid !== undefined && !names.has('tid')) this.#number(TID, record.tid);
    for (const { key, write } of list) {
      this.#output.constant(key);
      write(record, values);
    }
  }

  #number(key: Constant, value: number): void {
    this.#output.constant(key);
    this.#output.signed(value);
  }

  #undecoded(record: RingRecord): void {
    const output = this.#output;
    const { pid, tid } = record;
    if (pid !== undefined) this.#number(PID, pid);
    if (tid !== undefined) this.#number(TID, tid);
    output.constant(SIZE);
    output.unsigned(record.size);
    output.constant(DATA);
    output.hex(record);
    output.byte(QUOTE);
  }

  lost(cpu: number, count: number): void {
    this.#output.text(`${beginning(cpu)}"type":"lost","lost":"${count}"}\n`);
  }

  other(record: RingRecord): void {
    this.#output.text(`${beginning(record.cpu)}"type":"other","record":${record.type}`);
    this.#undecoded(record);
    this.#output.constant(END);
  }

  snapshot(number: number): void {
    this.#output.text(`{"type":"snapshot","number":${number}}\n`);
  }

  take(): Uint8Array {
    return this.#output.take();
  }

  #beginningFor(cpu: number): Constant {
    let constant = this.#beginnings.get(cpu);
    if (constant === undefined) {
      constant = constantOf(`${beginning(cpu)}"type":"sample"`);
      this.#beginnings.set(cpu, constant);
    }
    return constant;
  }
}

/** What writes the fields of a layout. */
interface Members {
  readonly names: ReadonlySet<string>;
  /** Bytes of a sample whose fields are all read in place; infinite when a field is not. */
  readonly bytesInPlace: number;
  /** The text before each value, `,"pid":`, and what writes the value. */
  readonly list: readonly { readonly key: Constant; readonly write: Member }[];
}

function membersOf({ fields }: SampleLayout, output: OutputBytes): Members {
  const names = new Set(fields.map(({ name }) => name));
  const inPlace = fields.map((field) => memberInPlace(field, output));
  return {
    names,
    bytesInPlace: inPlace.includes(undefined)
      ? Number.POSITIVE_INFINITY
      : Math.max(0, ...fields.map(({ offset, size }) => offset + size)),
    list: fields.map(({ name }, index) => ({
      key: constantOf(`,${JSON.stringify(memberName(name, names))}:`),
      write: inPlace[index] ?? ((_, values) => output.text(jsonValue(values[name] as FieldValue))),
    })),
  };
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

const PID = constantOf(',"pid":');
const TID = constantOf(',"tid":');
const TIME = constantOf(',"time":"');
const SIZE = constantOf(',"size":');
const DATA = constantOf(',"data":"');
const END = constantOf('}\n');
const LATE_END = constantOf(',"late":true}\n');

/** Writes a field by reading it in place. @returns undefined for kinds whose value has to be decoded */
function memberInPlace({ kind, offset, size, values }: SampleField, output: OutputBytes): Member | undefined {
  if (values !== undefined) return kind === 'u32' ? enumInPlace(offset, values, output) : undefined;
  if (kind === 'char[16]') return nameInPlace(offset, output);
  if (/^char\[\d+\]$/.test(kind)) {
    return (record) => {
      if (!output.plainText(record, offset, size)) output.text(jsonText(record.string(offset, size)));
    };
  }
  switch (kind) {
    case 'u8':
      return (record) => output.unsigned(record.u8(offset));
    case 'i8':
      return (record) => output.signed(record.i8(offset));
    case 'u16':
      return (record) => output.unsigned(record.u16(offset));
    case 'i16':
      return (record) => output.signed(record.i16(offset));
    case 'u32':
      return (record) => output.unsigned(record.u32(offset));
    case 'i32':
      return (record) => output.signed(record.i32(offset));
    case 'u64':
      return (record) => {
        output.byte(QUOTE);
        output.unsigned64(record.u32(offset + 4), record.u32(offset));
        output.byte(QUOTE);
      };
    default:
      return undefined;
  }
}

/** An enum of u32: the name of its value, or the number. */
function enumInPlace(
  offset: number,
  values: NonNullable<SampleField['values']>,
  output: OutputBytes,
): Member {
  const names = new Map<number, Constant>();
  for (const [name, value] of Object.entries(values)) {
    const bits = Number(BigInt.asUintN(32, BigInt(value)));
    // Of two names for one value the first is used, as by a decoder.
    if (!names.has(bits)) names.set(bits, constantOf(jsonText(name)));
  }
  return (record) => {
    const value = record.u32(offset);
    const name = names.get(value);
    if (name === undefined) output.unsigned(value);
    else output.constant(name);
  };
}

/** Most names remembered; there are as many as there are commands. */
const MOST_NAMES = 512;

/** A name of a command: few, and of 16 bytes, whose strings the record has in a cache. */
function nameInPlace(offset: number, output: OutputBytes): Member {
  const names = new Map<string, Constant>();
  return (record) => {
    const name = record.string(offset, 16);
    let constant = names.get(name);
    if (constant === undefined) {
      if (names.size === MOST_NAMES) names.clear();
      constant = constantOf(jsonText(name));
      names.set(name, constant);
    }
    output.constant(constant);
  };
}
