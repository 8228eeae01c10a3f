import { readFileSync } from 'node:fs';
import { BTF_KIND_DECL_TAG } from '../abi/btf';
import { PerfRingError } from '../errors';
import { checkBytes, checkString, plainOptions } from '../input/plain-data';
import { shown } from '../input/shown';
import { ownCopy } from '../input/view-span';
import type { FieldType, SampleLayout } from '../layout/sample-layout';
import { LayoutMaker, type LayoutHints } from './btf-layout';
import { type BtfEventType, type BtfMap, eventTypesOf, mapsOf } from './btf-maps';
import { type BtfTable, btfTable, countOf, damaged, kindOf } from './btf-table';
import { describedType } from './btf-description';
import { BTF_KINDS, type BtfKind, type BtfType } from './btf-type';
import { elfSections, isElf } from './elf-sections';

/** Where the kernel shows its types, and below it those of its modules. */
const KERNEL_BTF = '/sys/kernel/btf';

/** Types with more parts than this are described once, and kept: no BTF makes that work a second time. */
const MANY_PARTS = 64;

/** A name is no longer: identifiers of the kernel's have at most 512 bytes. */
const LONGEST_NAME = 4096;

/** Types that refer to types: the kernel's own limit of what it follows, MAX_RESOLVE_DEPTH. */
const LONGEST_CHAIN = 32;

const POINTER_BYTES = 8;

/** How {@link Btf.parse} reads. */
export interface BtfOptions {
  /** What these types refer to, of split BTF: a module's types go on where the kernel's end. */
  readonly base?: Btf;
}

/** A tag that a program's source gave to a type or to a part of it. */
export interface BtfTag {
  readonly name: string;
  /** Index of the member or parameter; -1 for the type itself. */
  readonly component: number;
}

/**
 * The types of a BPF object or of the kernel. Reading them is one pass over the type section; each type is described when it is
 * asked for.
 *
 * ```ts
 * const btf = Btf.ofKernel();
 * const id = btf.find('task_struct', 'struct');
 * if (id !== undefined) console.log(btf.sizeOf(id), btf.type(id));
 * ```
 */
export class Btf {
  readonly #base: Btf | undefined;
  readonly #table: BtfTable;
  /** Id of the first type of this table. */
  readonly #firstId: number;
  /** Where the names of this table begin. */
  readonly #firstName: number;
  #tags: Map<number, BtfTag[]> | undefined;
  readonly #large = new Map<number, BtfType>();

  private constructor(base: Btf | undefined, table: BtfTable) {
    this.#base = base;
    this.#table = table;
    this.#firstId = base?.typeCount ?? 1;
    this.#firstName = base === undefined ? 0 : base.#firstName + base.#table.strings.length;
  }

  /**
   * @param bytes an object file (`.bpf.o`), whose section .BTF is read, or BTF itself; they are copied
   * @throws PerfRingError ERR_PERF_BTF_DAMAGED; ERR_PERF_OBJECT_DAMAGED for an object that is damaged or has no BTF;
   *   ERR_PERF_INVALID_ARGUMENT; ERR_PERF_INVALID_OPTION
   */
  static parse(bytes: Uint8Array, options: BtfOptions = {}): Btf {
    checkBytes(bytes, 'bytes');
    const { base } = plainOptions(options, ['base']);
    if (base !== undefined && !(typeof base === 'object' && base !== null && #table in base)) {
      throw new PerfRingError('ERR_PERF_INVALID_OPTION', `base must be a Btf, got ${shown(base)}`);
    }
    const copy = ownCopy(bytes);
    return new Btf(base, btfTable(isElf(copy) ? sectionOf(copy) : copy));
  }

  /**
   * The kernel's types, or with a name those of one of its modules as well. It is read anew each time: keep it.
   * @throws PerfRingError ERR_PERF_NOT_SUPPORTED where the kernel shows no types (CONFIG_DEBUG_INFO_BTF); else as {@link parse}
   */
  static ofKernel(module?: string): Btf {
    const kernel = new Btf(undefined, btfTable(kernelFile('vmlinux')));
    if (module === undefined) return kernel;
    checkString(module, 'module');
    if (!/^\w[\w.-]{0,63}$/.test(module)) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_ARGUMENT',
        `module must be a module's name, got ${shown(module)}`,
      );
    }
    return new Btf(kernel, btfTable(kernelFile(module)));
  }

  /** How many types there are: their ids are below it, and 0 is `void`. Those of the base count. */
  get typeCount(): number {
    return this.#firstId + this.#table.starts.length;
  }

  /**
   * A type by its id.
   * @throws PerfRingError ERR_PERF_TYPE_UNKNOWN; ERR_PERF_BTF_DAMAGED when its name can't be read
   */
  type(id: number): BtfType {
    if (id === 0) return VOID;
    const owner = this.#ownerOf(id);
    const known = owner.#large.get(id);
    if (known !== undefined) return known;
    const { words, starts } = owner.#table;
    const start = starts[id - owner.#firstId] as number;
    const type = describedType(words, start, (offset) => owner.#name(offset));
    if (countOf(words[start + 1] as number) > MANY_PARTS) owner.#large.set(id, type);
    return type;
  }

  /**
   * The id of the first type of that name, and of that kind if one is given; `undefined` when there is none. It compares the
   * names of all types, which takes about a millisecond for the kernel's.
   */
  find(name: string, kind?: BtfKind): number | undefined {
    checkString(name, 'name');
    if (kind !== undefined && !BTF_KINDS.includes(kind)) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_ARGUMENT',
        `there is no kind ${shown(kind)}; kinds are ${BTF_KINDS.join(', ')}`,
      );
    }
    if (name === '') return undefined;
    const wanted = kind === undefined ? -1 : BTF_KINDS.indexOf(kind);
    return this.#base?.find(name, kind) ?? this.#findOwn(Buffer.from(`${name}\0`), wanted);
  }

  /**
   * The size of a type's values, in bytes: 8 for pointers.
   * @throws PerfRingError ERR_PERF_BTF_DAMAGED for what has none (functions, `void`) and for types that contain themselves;
   *   ERR_PERF_TYPE_UNKNOWN
   */
  sizeOf(id: number): number {
    let count = 1;
    let current = id;
    for (let depth = 0; depth < LONGEST_CHAIN; depth++) {
      current = this.resolve(current);
      const type = this.type(current);
      if ('size' in type) return checkedSize(count * type.size, id);
      if (type.kind === 'ptr') return checkedSize(count * POINTER_BYTES, id);
      if (type.kind === 'var') {
        current = type.type;
      } else if (type.kind === 'array') {
        count *= type.count;
        current = type.type;
      } else {
        throw damaged(`type ${id} has no size: it is of kind ${type.kind}`);
      }
    }
    throw tooLong(id);
  }

  /**
   * The id of the type that a typedef, a `const`, `volatile`, `restrict` or a type tag stands for; its own for others.
   * @throws PerfRingError ERR_PERF_BTF_DAMAGED for a typedef of itself; ERR_PERF_TYPE_UNKNOWN
   */
  resolve(id: number): number {
    let current = id;
    for (let depth = 0; depth < LONGEST_CHAIN; depth++) {
      const type = this.type(current);
      if (!isTransparent(type)) return current;
      current = type.type;
    }
    throw tooLong(id);
  }

  /**
   * What `btf_decl_tag` says of a type, and of its members.
   * @throws PerfRingError ERR_PERF_BTF_DAMAGED
   */
  tagsOf(id: number): readonly BtfTag[] {
    this.#tags ??= this.#collectTags();
    return [...(this.#base?.tagsOf(id) ?? []), ...(this.#tags.get(id) ?? [])];
  }

  /**
   * The layout of a struct's values, for {@link decoderFor} and {@link viewFor}. Enums have names, members of anonymous structs are
   * fields as in C, arrays of arrays become one, and `__be16`, `__be32`, `ktime_t` and `struct in6_addr` are what they mean. What else
   * a member means is said in the program, by `__attribute__((btf_decl_tag("perfring:ipv4")))`, or by a hint.
   *
   * ```ts
   * const btf = Btf.parse(readFileSync('exec.bpf.o'));
   * const decode = decoderFor(btf.layout('event', { args: 'char[args_size]' }));
   * ```
   * @param type name of a struct or of a typedef of one, or its id
   * @param hints what fields are, by name; each takes the bytes that the member has, or is the last and of variable length
   * @throws PerfRingError ERR_PERF_TYPE_UNKNOWN; ERR_PERF_INVALID_ARGUMENT for hints that don't fit, and a struct that no record
   *   holds; ERR_PERF_BTF_DAMAGED
   */
  layout(type: string | number, hints: LayoutHints = {}): SampleLayout {
    return new LayoutMaker(this, hints).layout(typeof type === 'number' ? type : this.#structNamed(type));
  }

  /**
   * What a value of a type is as a field of a layout: of a key or a value of a map, or of a global variable.
   * @throws PerfRingError as {@link layout}
   */
  fieldType(type: number): FieldType {
    return new LayoutMaker(this, {}).fieldType(type);
  }

  /**
   * The maps that an object defines, in its section `.maps`.
   * @throws PerfRingError ERR_PERF_BTF_DAMAGED; ERR_PERF_TYPE_UNKNOWN
   */
  maps(): readonly BtfMap[] {
    return mapsOf(this);
  }

  /**
   * The types of an object's events, by the ways that sources name them: `__type(value, struct event)` in the ring's map, a variable
   * `gadget_tracer_NAME___MAP___TYPE`, and a pointer `const struct event *unused`.
   * @throws PerfRingError ERR_PERF_BTF_DAMAGED; ERR_PERF_TYPE_UNKNOWN
   */
  eventTypes(): readonly BtfEventType[] {
    return eventTypesOf(this);
  }

  /** @throws PerfRingError ERR_PERF_TYPE_UNKNOWN */
  #structNamed(name: string): number {
    const id = this.find(name, 'struct') ?? this.find(name, 'union') ?? this.find(name, 'typedef');
    if (id !== undefined) return id;
    throw new PerfRingError('ERR_PERF_TYPE_UNKNOWN', `the BTF has no struct ${shown(name)}`);
  }

  /** Which of the two BTFs a type is in. @throws PerfRingError ERR_PERF_TYPE_UNKNOWN */
  #ownerOf(id: number): Btf {
    if (!Number.isInteger(id) || id < 1 || id >= this.typeCount) {
      throw new PerfRingError(
        'ERR_PERF_TYPE_UNKNOWN',
        `there is no type ${shown(id)}: the BTF has ${this.typeCount - 1}`,
      );
    }
    return this.#base !== undefined && id < this.#firstId ? this.#base.#ownerOf(id) : this;
  }

  #name(offset: number): string {
    if (offset < this.#firstName) return (this.#base as Btf).#name(offset);
    const { strings } = this.#table;
    const start = offset - this.#firstName;
    if (start >= strings.length) throw damaged(`a name lies at byte ${offset}, beyond the names`);
    const end = strings.indexOf(0, start);
    if (end - start > LONGEST_NAME) throw damaged(`a name has ${end - start} bytes`);
    return Buffer.from(strings.buffer, strings.byteOffset + start, end - start).toString('utf8');
  }

  /** @param name with its NUL @param kind BTF_KIND_*, or -1 for any */
  #findOwn(name: Buffer, kind: number): number | undefined {
    const { words, starts } = this.#table;
    const first = name[0];
    for (let index = 0; index < starts.length; index++) {
      const at = starts[index] as number;
      if (kind !== -1 && kindOf(words[at + 1] as number) !== kind) continue;
      const offset = words[at] as number;
      const owner = offset < this.#firstName ? (this.#base as Btf) : this;
      const { strings } = owner.#table;
      const start = offset - owner.#firstName;
      if (strings[start] === first && matches(strings, start, name)) return this.#firstId + index;
    }
    return undefined;
  }

  #collectTags(): Map<number, BtfTag[]> {
    const tags = new Map<number, BtfTag[]>();
    const { words, starts } = this.#table;
    starts.forEach((at) => {
      if (kindOf(words[at + 1] as number) !== BTF_KIND_DECL_TAG) return;
      const type = describedType(words, at, (offset) => this.#name(offset));
      if (type.kind !== 'decl_tag') return;
      const { name, component } = type;
      const others = tags.get(type.type);
      if (others === undefined) tags.set(type.type, [{ name, component }]);
      else others.push({ name, component });
    });
    return tags;
  }
}

const VOID: BtfType = Object.freeze({ kind: 'void' });

function isTransparent(type: BtfType): type is BtfType & { readonly type: number } {
  switch (type.kind) {
    case 'typedef':
    case 'const':
    case 'volatile':
    case 'restrict':
    case 'type_tag':
      return true;
    default:
      return false;
  }
}

function matches(strings: Uint8Array, start: number, name: Buffer): boolean {
  for (let i = 1; i < name.length; i++) {
    if (strings[start + i] !== name[i]) return false;
  }
  return true;
}

function checkedSize(size: number, id: number): number {
  if (size > 0xffff_ffff) throw damaged(`type ${id} would have ${size} bytes`);
  return size;
}

function tooLong(id: number): PerfRingError {
  return damaged(`type ${id} refers to itself, or over more than ${LONGEST_CHAIN} others`);
}

function sectionOf(bytes: Uint8Array): Uint8Array {
  const section = elfSections(bytes).find(({ name }) => name === '.BTF');
  if (section !== undefined) return section.bytes;
  throw new PerfRingError('ERR_PERF_OBJECT_DAMAGED', 'the object has no BTF: compile it by clang with -g');
}

function kernelFile(name: string): Uint8Array {
  const path = `${KERNEL_BTF}/${name}`;
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new PerfRingError(
      'ERR_PERF_NOT_SUPPORTED',
      `${path} can't be read: the kernel shows no types there (it needs CONFIG_DEBUG_INFO_BTF, and the module must be loaded)`,
      { cause },
    );
  }
}
