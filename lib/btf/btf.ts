import { readFileSync } from 'node:fs';
import { BTF_KIND_DECL_TAG } from '../abi/btf';
import { PerfRingError } from '../errors';
import { checkBytes, checkString, plainOptions } from '../input/plain-data';
import { shown } from '../input/shown';
import { ownCopy } from '../input/view-span';
import type { FieldType, SampleLayout } from '../layout/sample-layout';
import { LayoutMaker, type LayoutHints } from './btf-layout';
import { type BtfEventType, type BtfMap, eventTypesOf, eventTypesOfMap, mapsOf } from './btf-maps';
import { type BtfTable, btfTable, countOf, damaged, kindOf } from './btf-table';
import { describedType } from './btf-description';
import { BTF_KINDS, type BtfKind, type BtfType } from './btf-type';
import { elfSections, isElf } from './elf-sections';

/** Directory with the BTF of the kernel (`vmlinux`) and of its modules. */
const KERNEL_BTF = '/sys/kernel/btf';

/** Types with more parts than this are described once and cached, since describing them again costs too much. */
const MANY_PARTS = 64;

/** Most bytes of a name: the kernel's identifiers have at most 512. */
const LONGEST_NAME = 4096;

/** Most types in a chain of references: the kernel's MAX_RESOLVE_DEPTH. */
const LONGEST_CHAIN = 32;

const POINTER_BYTES = 8;

/** Options of {@link Btf.parse}. */
export interface BtfOptions {
  /** For split BTF, such as that of a kernel module: the BTF (the kernel's) that its types refer to. */
  readonly base?: Btf;
}

/** A tag (`btf_decl_tag`) of a type, or of a member or parameter of it. */
export interface BtfTag {
  readonly name: string;
  /** Index of the member or parameter; -1 for the type itself. */
  readonly component: number;
}

/**
 * The types of a BPF object or of the kernel. A type is described when {@link type} is called.
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
  /** Offset of the first name of this table. */
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
   * Parses BTF.
   * @param bytes an object file (`.bpf.o`), whose section .BTF is read, or BTF itself; the bytes are copied
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
    const table = btfTable(isElf(copy) ? sectionOf(copy) : copy);
    table.starts.complete();
    return new Btf(base, table);
  }

  /**
   * The types of the kernel; with the name of a module, those of the kernel and the module. Each call reads them again,
   * so keep the result. Its types are gone through as far as they are asked for, because the kernel has more than 100,000.
   * @throws PerfRingError ERR_PERF_NOT_SUPPORTED when the kernel provides no BTF (it needs CONFIG_DEBUG_INFO_BTF) or
   *   the module is not loaded; otherwise like {@link parse}
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

  /** Number of types, including `void` (id 0) and the types of the base. Ids are 0 to typeCount - 1. */
  get typeCount(): number {
    return this.#firstId + this.#table.starts.count;
  }

  /**
   * Describes the type with this id.
   * @throws PerfRingError ERR_PERF_TYPE_UNKNOWN; ERR_PERF_BTF_DAMAGED when its name can't be read
   */
  type(id: number): BtfType {
    if (id === 0) return VOID;
    const owner = this.#ownerOf(id);
    const known = owner.#large.get(id);
    if (known !== undefined) return known;
    const { words, starts } = owner.#table;
    const start = starts.at(id - owner.#firstId) as number;
    const type = describedType(words, start, (offset) => owner.#name(offset));
    if (countOf(words[start + 1] as number) > MANY_PARTS) owner.#large.set(id, type);
    return type;
  }

  /**
   * The id of the first type with this name (and this kind, if given); `undefined` when there is none. It compares the
   * names of all types, which takes about 1 ms for the kernel's types.
   * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for an unknown kind
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
   * The size of a type's values, bytes: 8 for pointers.
   * @throws PerfRingError ERR_PERF_BTF_DAMAGED for types without a size (functions, `void`) and for types that contain
   *   themselves; ERR_PERF_TYPE_UNKNOWN
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
   * The id of the type behind typedefs, `const`, `volatile`, `restrict` and type tags; `id` itself for other types.
   * @throws PerfRingError ERR_PERF_BTF_DAMAGED for a typedef that refers to itself; ERR_PERF_TYPE_UNKNOWN
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
   * The tags (`btf_decl_tag`) of a type and of its members.
   * @throws PerfRingError ERR_PERF_BTF_DAMAGED
   */
  tagsOf(id: number): readonly BtfTag[] {
    this.#tags ??= this.#collectTags();
    return [...(this.#base?.tagsOf(id) ?? []), ...(this.#tags.get(id) ?? [])];
  }

  /**
   * The layout of a struct, for {@link decoderFor} and {@link viewFor}. Enums decode to their names, members of
   * anonymous structs become fields as in C, and arrays of arrays become one array. `__be16`, `__be32`, `__be64`,
   * `ktime_t` and `struct in6_addr` get the kinds `u16be`, `u32be`, `u64be`, `ktime` and `ipv6`. Set the kind of other
   * members in the program, with `__attribute__((btf_decl_tag("perfring:ipv4")))`, or with a hint.
   *
   * ```ts
   * const btf = Btf.parse(readFileSync('exec.bpf.o'));
   * const decode = decoderFor(btf.layout('event', { args: 'char[args_size]' }));
   * ```
   * @param type name or id of a struct, a union or a typedef of one
   * @param hints types of fields, by name; each has as many bytes as the member, or has variable length and is the last
   * @throws PerfRingError ERR_PERF_TYPE_UNKNOWN; ERR_PERF_INVALID_ARGUMENT for hints that don't fit, and for a struct
   *   that is too large for a record; ERR_PERF_BTF_DAMAGED
   */
  layout(type: string | number, hints: LayoutHints = {}): SampleLayout {
    return new LayoutMaker(this, hints).layout(typeof type === 'number' ? type : this.#structNamed(type));
  }

  /**
   * The type of a layout's field that holds one value of this BTF type: for keys and values of maps, and global
   * variables.
   * @throws PerfRingError like {@link layout}
   */
  fieldType(type: number): FieldType {
    return new LayoutMaker(this, {}).fieldType(type);
  }

  /**
   * The maps defined in the section `.maps` of an object.
   * @throws PerfRingError ERR_PERF_BTF_DAMAGED; ERR_PERF_TYPE_UNKNOWN
   */
  maps(): readonly BtfMap[] {
    return mapsOf(this);
  }

  /**
   * The types of an object's events. Sources name them in one of three ways: `__type(value, struct event)` in the ring
   * buffer or perf event array; a variable `gadget_tracer_NAME___MAP___TYPE`; a pointer `const struct event *unused`.
   * @param map name of a map: then only the types that its events have or may have, each once
   * @throws PerfRingError ERR_PERF_BTF_DAMAGED; ERR_PERF_TYPE_UNKNOWN
   */
  eventTypes(map?: string): readonly BtfEventType[] {
    const events = eventTypesOf(this);
    return map === undefined ? events : eventTypesOfMap(events, map);
  }

  /** @throws PerfRingError ERR_PERF_TYPE_UNKNOWN */
  #structNamed(name: string): number {
    const id = this.find(name, 'struct') ?? this.find(name, 'union') ?? this.find(name, 'typedef');
    if (id !== undefined) return id;
    throw new PerfRingError('ERR_PERF_TYPE_UNKNOWN', `the BTF has no struct ${shown(name)}`);
  }

  /** The BTF that contains the type: this one or its base. @throws PerfRingError ERR_PERF_TYPE_UNKNOWN */
  #ownerOf(id: number): Btf {
    const isInteger = Number.isInteger(id) && id >= 1;
    if (isInteger && this.#base !== undefined && id < this.#firstId) return this.#base.#ownerOf(id);
    if (isInteger && this.#table.starts.at(id - this.#firstId) !== undefined) return this;
    throw new PerfRingError(
      'ERR_PERF_TYPE_UNKNOWN',
      `there is no type ${shown(id)}: the BTF has ${this.typeCount - 1}`,
    );
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

  /** Searches the types of this table only. @param name ends with a NUL @param kind BTF_KIND_*, or -1 for any */
  #findOwn(name: Buffer, kind: number): number | undefined {
    const { words, starts } = this.#table;
    const first = name[0];
    for (let index = 0; ; index++) {
      const at = starts.at(index);
      if (at === undefined) return undefined;
      if (kind !== -1 && kindOf(words[at + 1] as number) !== kind) continue;
      const offset = words[at] as number;
      const owner = offset < this.#firstName ? (this.#base as Btf) : this;
      const { strings } = owner.#table;
      const start = offset - owner.#firstName;
      if (strings[start] === first && matches(strings, start, name)) return this.#firstId + index;
    }
  }

  #collectTags(): Map<number, BtfTag[]> {
    const tags = new Map<number, BtfTag[]>();
    const { words, starts } = this.#table;
    for (let index = 0; ; index++) {
      const at = starts.at(index);
      if (at === undefined) return tags;
      if (kindOf(words[at + 1] as number) !== BTF_KIND_DECL_TAG) continue;
      const type = describedType(words, at, (offset) => this.#name(offset));
      if (type.kind !== 'decl_tag') continue;
      const { name, component } = type;
      const others = tags.get(type.type);
      if (others === undefined) tags.set(type.type, [{ name, component }]);
      else others.push({ name, component });
    }
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
  return damaged(`type ${id} refers to itself, or through more than ${LONGEST_CHAIN} others`);
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
      `${path} can't be read: the kernel must have CONFIG_DEBUG_INFO_BTF, and the module must be loaded`,
      { cause },
    );
  }
}
