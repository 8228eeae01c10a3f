import { defineLayout, type FieldType, type SampleLayout } from '../index';
import { type Member, membersEnd, placed } from './c-members';
import { usageError } from './failure';

/** Kinds of C's types on 64-bit machines; `__be16` and its like are in network order. */
const KINDS: Readonly<Record<string, string>> = {
  char: 'char',
  'signed char': 'i8',
  'unsigned char': 'u8',
  short: 'i16',
  'unsigned short': 'u16',
  int: 'i32',
  'unsigned int': 'u32',
  long: 'i64',
  'unsigned long': 'u64',
  'long long': 'i64',
  'unsigned long long': 'u64',
  size_t: 'u64',
  ssize_t: 'i64',
  pid_t: 'i32',
  uid_t: 'u32',
  gid_t: 'u32',
  float: 'f32',
  double: 'f64',
  bool: 'bool',
  _Bool: 'bool',
  __be16: 'u16be',
  __be32: 'u32be',
  __be64: 'u64be',
  ktime_t: 'ktime',
  ...Object.fromEntries(
    [8, 16, 32, 64].flatMap((bits) => [
      ...[`__u${bits}`, `u${bits}`, `uint${bits}_t`, `u_int${bits}_t`].map((name) => [name, `u${bits}`]),
      ...[`__s${bits}`, `s${bits}`, `int${bits}_t`].map((name) => [name, `i${bits}`]),
    ]),
  ),
};

/** Words of a built-in integer type, which may come in any order: `long unsigned int`. */
const WORDS: readonly string[] = ['unsigned', 'signed', 'char', 'short', 'int', 'long'];
const QUALIFIERS: readonly string[] = ['const', 'volatile', 'restrict', '__restrict'];
const MOST_TOKENS = 100_000;
const DEEPEST_NESTING = 16;

/**
 * The structs, unions and enums in C text, such as the header that a program and its reader share. It knows integers,
 * `char`, enums, arrays, bitfields, nested structs, typedefs, `packed`, and `#define NAME NUMBER`; it includes no
 * header.
 */
export class CStructs {
  /** Struct tags and typedef names -> their layouts, in the order of the text. */
  readonly layouts = new Map<string, SampleLayout>();
  readonly #enums = new Map<string, FieldType>();
  readonly #typedefs = new Map<string, FieldType>();
  readonly #numbers = new Map<string, number>();
  readonly #tokens: readonly string[];
  readonly #file: string;
  #at = 0;
  #depth = 0;

  /** @param file its name, for messages @throws CommandError (usage) for text that it does not understand */
  constructor(text: string, file: string) {
    this.#file = file;
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, ' ').replace(/\\\n/g, ' ');
    for (const [, name = '', value = ''] of code.matchAll(
      /^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+(\S+)[ \t]*$/gm,
    )) {
      if (/^(?:0x[\da-f]+|\d+)u?l*$/i.test(value)) this.#numbers.set(name, numberOf(value));
    }
    this.#tokens = code.replace(/^[ \t]*#.*$/gm, ' ').match(/\w+|[^\s\w]/g) ?? [];
    if (this.#tokens.length > MOST_TOKENS) throw this.#fail('it is too long');
    while (this.#at < this.#tokens.length) this.#declaration();
  }

  #declaration(): void {
    if (this.#take(';')) return;
    const isTypedef = this.#take('typedef');
    this.#skipQualifiers();
    const declaresType = isTypedef || ['struct', 'union', 'enum'].includes(this.#peek());
    const type = declaresType ? this.#type() : undefined;
    if (!isTypedef || type === undefined) {
      // Variables and functions say nothing about samples.
      this.#skipTo(';', '{');
      if (this.#take('{')) this.#skipBlock();
      return;
    }
    this.#attributes();
    const { name, kind } = this.#declarator(type);
    this.#expect(';');
    this.#typedefs.set(name, kind);
    if (typeof kind === 'object' && 'fields' in kind) this.layouts.set(name, kind as SampleLayout);
  }

  #skipQualifiers(): void {
    while ([...QUALIFIERS, 'extern', 'static', 'inline'].includes(this.#peek())) this.#at++;
  }

  /** Reads a type. Returns `undefined` for a struct that is declared only. */
  #type(): FieldType | undefined {
    this.#skipQualifiers();
    const first = this.#next();
    const type =
      first === 'struct' || first === 'union'
        ? this.#struct(first === 'union')
        : first === 'enum'
          ? this.#enum()
          : this.#namedType(first);
    while (QUALIFIERS.includes(this.#peek())) this.#at++;
    return type;
  }

  #namedType(first: string): FieldType {
    const words = [first];
    if (WORDS.includes(first)) {
      while (WORDS.includes(this.#peek())) words.push(this.#next());
    }
    const known = this.#typedefs.get(first) ?? KINDS[builtIn(words)];
    if (known !== undefined) return known as FieldType;
    // Of a pointer only the size matters.
    if (this.#peek() === '*') return 'u8';
    throw this.#fail(`the type ${words.join(' ')} is unknown: declare it in the file`);
  }

  #struct(isUnion: boolean): FieldType | undefined {
    let packed = this.#attributes();
    const name = /^\w/.test(this.#peek()) ? this.#next() : '';
    if (!this.#take('{')) {
      const known = this.layouts.get(name);
      if (known === undefined && this.#peek() === '*') return 'u8';
      return known as FieldType | undefined;
    }
    if (++this.#depth > DEEPEST_NESTING) throw this.#fail('structs nest too deep');
    const members: Member[] = [];
    while (!this.#take('}')) members.push(...this.#members());
    this.#depth--;
    packed = this.#attributes() || packed;
    const fields = placed(members, isUnion, packed);
    const layout = defineLayout(fields, packed ? membersEnd(fields) : undefined);
    if (name !== '') this.layouts.set(name, layout as SampleLayout);
    return layout as FieldType;
  }

  /** Reads the members up to a semicolon: `__u32 a, b : 3;`. */
  #members(): Member[] {
    const type = this.#type();
    if (type === undefined) throw this.#fail('a member has a struct that is not in the file');
    if (this.#peek() === ';') {
      this.#at++;
      return [{ name: '', kind: type }];
    }
    const members: Member[] = [];
    do {
      members.push(this.#declarator(type));
    } while (this.#take(','));
    this.#expect(';');
    return members;
  }

  #declarator(type: FieldType): Member {
    let isPointer = false;
    while (this.#take('*')) isPointer = true;
    // A pointer to a function.
    const isFunction = this.#take('(');
    if (isFunction) this.#expect('*');
    const name = this.#next();
    if (!/^[A-Za-z_]\w*$/.test(name)) throw this.#fail(`a name was expected, not ${name}`);
    if (isFunction) {
      this.#expect(')');
      this.#expect('(');
      this.#skipTo(')');
      this.#expect(')');
    }
    const base = isPointer || isFunction ? ('ptr' as const) : type;
    const counts: (number | undefined)[] = [];
    while (this.#take('[')) {
      counts.push(this.#peek() === ']' ? undefined : this.#number());
      this.#expect(']');
    }
    if (this.#take(':')) return { name, kind: this.#bitfield(base, this.#number()) };
    this.#attributes();
    return { name, kind: counts.length === 0 ? single(base) : this.#array(base, counts, name) };
  }

  #bitfield(type: FieldType, bits: number): FieldType {
    if (typeof type === 'string') return `${type === 'bool' ? 'u8' : type}:${bits}` as FieldType;
    if ('enum' in type) return { enum: type.enum, as: `u32:${bits}` };
    throw this.#fail('a bitfield is an integer');
  }

  #array(type: FieldType, counts: readonly (number | undefined)[], name: string): FieldType {
    const [first] = counts;
    if (first === undefined) {
      if (type === ('char' as FieldType)) return 'char[]';
      return type === 'u8' ? 'bytes[]' : (`${type as 'u32'}[]` as FieldType);
    }
    const count = counts.reduce<number>((product, one) => product * (one ?? 1), 1);
    if (type === ('char' as FieldType)) {
      return (counts.length === 2 ? `char[${first}][${counts[1]}]` : `char[${count}]`) as FieldType;
    }
    if (type === 'u8') return `bytes[${count}]`;
    if (typeof type === 'string') return `${type as 'u32'}[${count}]`;
    if ('enum' in type) return { enum: type.enum, as: `u32[${count}]` };
    if ('fields' in type) return [type, count];
    throw this.#fail(`the array ${name} is not understood`);
  }

  #enum(): FieldType {
    const name = /^\w/.test(this.#peek()) ? this.#next() : '';
    if (!this.#take('{')) {
      const known = this.#enums.get(name);
      if (known !== undefined) return known;
      throw this.#fail(`enum ${name} is not in the file`);
    }
    const values: Record<string, number> = {};
    let next = 0;
    while (!this.#take('}')) {
      const member = this.#next();
      if (this.#take('=')) next = this.#number();
      values[member] = next;
      this.#numbers.set(member, next++);
      if (!this.#take(',') && this.#peek() !== '}') throw this.#fail(`after ${member} a comma was expected`);
    }
    const kind: FieldType = { enum: values, as: 'u32' };
    if (name !== '') this.#enums.set(name, kind);
    return kind;
  }

  /** Skips `__attribute__((…))`. @returns whether one of them is `packed` */
  #attributes(): boolean {
    let packed = false;
    while (this.#take('__attribute__') || this.#take('__attribute')) {
      let depth = 0;
      do {
        const token = this.#next();
        if (token === '(') depth++;
        if (token === ')') depth--;
        if (/^_*packed_*$/.test(token)) packed = true;
      } while (depth > 0);
    }
    if (this.#take('__packed')) packed = true;
    return packed;
  }

  /** An integer, or the name of one; products and sums of two of them, too. */
  #number(): number {
    const value = this.#term();
    if (this.#take('*')) return value * this.#term();
    if (this.#take('+')) return value + this.#term();
    return value;
  }

  #term(): number {
    const isNegative = this.#take('-');
    const token = this.#next();
    const value = /^\d/.test(token) ? numberOf(token) : this.#numbers.get(token);
    if (value === undefined || Number.isNaN(value)) {
      throw this.#fail(`${token} is not a number: add "#define ${token} NUMBER"`);
    }
    return isNegative ? -value : value;
  }

  #peek(): string {
    return this.#tokens[this.#at] ?? '';
  }

  #next(): string {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw this.#fail('it ends too early');
    return token;
  }

  #take(token: string): boolean {
    if (this.#peek() !== token) return false;
    this.#at++;
    return true;
  }

  #expect(token: string): void {
    const found = this.#next();
    if (found !== token) throw this.#fail(`${token} was expected, not ${found}`);
  }

  /** Moves to the next of these tokens, or to the end. */
  #skipTo(...wanted: readonly string[]): void {
    while (this.#at < this.#tokens.length && !wanted.includes(this.#peek())) this.#at++;
  }

  #skipBlock(): void {
    for (let depth = 1; depth > 0 && this.#at < this.#tokens.length; this.#at++) {
      if (this.#peek() === '{') depth++;
      if (this.#peek() === '}') depth--;
    }
  }

  #fail(what: string): Error {
    const near = this.#tokens.slice(Math.max(0, this.#at - 4), this.#at + 1).join(' ');
    return usageError(`--layout ${this.#file}: ${what}${near === '' ? '' : ` (at: ${near})`}`);
  }
}

/** A `char` alone is one letter. */
function single(type: FieldType): FieldType {
  return type === ('char' as FieldType) ? 'char[1]' : type;
}

function builtIn(words: readonly string[]): string {
  if (!WORDS.includes(words[0] as string)) return words[0] as string;
  const has = (word: string): boolean => words.includes(word);
  if (has('char')) return has('unsigned') ? 'unsigned char' : has('signed') ? 'signed char' : 'char';
  const base = has('short') ? 'short' : words.filter((word) => word === 'long').length > 0 ? 'long' : 'int';
  return has('unsigned') ? `unsigned ${base}` : base;
}

function numberOf(text: string): number {
  return Number(text.replace(/u?l*$/i, ''));
}
