import { addon } from '../addon/load';
import type { BpfObjectHandle, BpfObjectMapInfo, BpfObjectProgramInfo, NativeAddon } from '../addon/contract';
import { PerfRingError } from '../errors';
import { checkSignal } from '../input/abort-signal';
import { attemptAll } from '../input/attempt-all';
import { checkString, plainList, plainOptions } from '../input/plain-data';
import { named, shown } from '../input/shown';
import { bpfError } from './bpf-error';
import type { BpfMap } from './bpf-map';
import type { BpfProgram } from './bpf-program';
import type { AttachTarget } from './attach-target';
import { attachProgram, type ProgramToAttach, runIterator } from './object-attach';
import { loadError, objectError } from './object-error';
import { runLoad } from './object-load';
import type { GlobalValue } from './global-value';
import { ObjectGlobals } from './object-globals';
import { type ObjectLink, OwnedLink } from './object-link';
import type { BpfObjectOptions, MapOptions, ObjectLoadOptions } from './object-options';
import { indexOf, ObjectParts } from './object-parts';
import { bytesOf, kernelName, nameOf } from './object-source';
import { applyMapSettings, checkReplacement, type MapSettings } from './object-maps';
import {
  checkTypes,
  type GlobalAs,
  type GlobalOf,
  type GlobalsToSet,
  type KeyOf,
  type MapOf,
  type ObjectTypes,
  type ProgramOf,
  type TypedObject,
  typedObjectOf,
  type ValueIn,
} from './object-types';
import { TypedMap } from './typed-map';

/** More programs than any object has. */
const MOST_PROGRAMS = 65_536;

/**
 * A compiled BPF object: its programs, maps and global variables. It needs libbpf 1.x (`libbpf.so.1`).
 *
 * ```ts
 * using object = BpfObject.open('exec.bpf.o');
 * await object.load({ only: ['on_exec'] });
 * object.attach('on_exec');
 * ```
 *
 * With the types of `perfring gen`, a wrong name or value does not compile:
 *
 * ```ts
 * import * as exec from './exec';
 *
 * const object = BpfObject.open('exec.bpf.o', { types: exec }).set({ target_pid: 4711 });
 * ```
 *
 * @typeParam Types names and types of programs, maps and global variables
 * @see https://docs.kernel.org/bpf/libbpf/libbpf_overview.html
 */
export class BpfObject<Types extends ObjectTypes = ObjectTypes> {
  readonly #native: NativeAddon;
  readonly #bytes: Uint8Array;
  readonly #options: { readonly name: string; readonly pinRoot: string };
  readonly #programInfos: readonly BpfObjectProgramInfo[];
  readonly #mapInfos: readonly BpfObjectMapInfo[];
  readonly #mapSettings = new Map<string, MapSettings>();
  readonly #parts: ObjectParts;
  readonly #links = new Set<OwnedLink>();
  readonly #globals: ObjectGlobals;
  #handle: BpfObjectHandle | undefined;
  #state: 'open' | 'loading' | 'loaded' | 'closed' = 'open';

  private constructor(
    native: NativeAddon,
    bytes: Uint8Array,
    options: { readonly name: string; readonly pinRoot: string },
  ) {
    this.#native = native;
    this.#bytes = bytes;
    this.#options = options;
    this.#parts = new ObjectParts(native);
    this.#handle = this.#openHandle('');
    this.#programInfos = described(native.bpfObjectPrograms(this.#handle), options.name);
    this.#mapInfos = described(native.bpfObjectMaps(this.#handle), options.name);
    this.#globals = ObjectGlobals.of(native, this.#handle, this.#mapInfos, options.name);
  }

  /**
   * Reads and checks an object. Nothing is loaded into the kernel yet.
   * @param source the path of a `.bpf.o` file, or its bytes, which are copied; or a {@link TypedObject}
   * @throws PerfRingError ERR_PERF_INVALID_OPTION for types that the object does not have
   * @throws PerfRingError ERR_PERF_LIBBPF_MISSING, with the package to install; ERR_PERF_OBJECT_DAMAGED
   * @throws PerfSystemError ENOENT, EACCES, … for a file that cannot be read
   */
  static open<Types extends ObjectTypes = ObjectTypes>(
    source: string | Uint8Array | TypedObject<Types>,
    options: BpfObjectOptions<Types> = {},
  ): BpfObject<Types> {
    const typed = typedObjectOf(source);
    const file = typed?.bytes ?? (source as string | Uint8Array);
    const {
      name = typed?.name ?? nameOf(source),
      pinRoot = '',
      types = typed?.types,
    } = plainOptions<BpfObjectOptions>(options, ['name', 'pinRoot', 'types']);
    checkString(name, 'name');
    checkString(pinRoot, 'pinRoot');
    const native = addon();
    const object = new BpfObject<Types>(native, bytesOf(file), { name, pinRoot });
    try {
      if (types !== undefined) checkTypes(types, object, name);
      return object;
    } catch (error) {
      object.close();
      throw error;
    }
  }

  /** Names of the programs, in the order of the file. */
  get programs(): readonly ProgramOf<Types>[] {
    return this.#programInfos.map(({ name }) => name);
  }

  /** Names of the maps, except those of global variables. */
  get maps(): readonly MapOf<Types>[] {
    return this.#mapInfos.filter(({ isInternal }) => !isInternal).map(({ name }) => name);
  }

  /** Names of the global variables; none when the object was compiled without `-g`. */
  get globals(): readonly GlobalOf<Types>[] {
    return this.#globals.names;
  }

  /** Whether {@link load} has succeeded. */
  get loaded(): boolean {
    return this.#state === 'loaded';
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#state === 'closed';
  }

  /**
   * Sets global variables before they are loaded: constants (`const volatile`) and others.
   *
   * ```ts
   * object.set({ target_pid: 4711, threshold: -5, verbose: true, prefix: 'web' });
   * ```
   *
   * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for an unknown name, or a value outside the variable's type or
   *   range; then none is set. ERR_PERF_ALREADY_LOADED, ERR_PERF_BUSY, ERR_PERF_CLOSED
   */
  set(globals: GlobalsToSet<Types>): this {
    this.#checkState('open', 'set');
    this.#globals.set(globals as Readonly<Record<string, GlobalValue>>);
    return this;
  }

  /**
   * The value of a global variable: before the load its initial value, then its value now.
   * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for an unknown name; ERR_PERF_BUSY, ERR_PERF_CLOSED
   */
  get<Name extends GlobalOf<Types>>(global: Name): GlobalAs<Types['globals'][Name]>;
  get(global: string): GlobalValue {
    if (this.#state !== 'loaded') {
      this.#checkState('open', 'get');
      return this.#globals.get(global);
    }
    return this.#globals.get(global, (index) => {
      const map = this.#openMap(this.#loadedHandle('get'), index);
      return map.lookup(new Uint8Array(map.info.keySize)) ?? new Uint8Array(map.valueBytes);
    });
  }

  /**
   * Changes a map before it is loaded.
   * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for an unknown map, ERR_PERF_INVALID_OPTION, ERR_PERF_MAP_TYPE for
   *   a map of another type or size; ERR_PERF_ALREADY_LOADED
   * @throws PerfSystemError for a pin that cannot be opened: see {@link BpfMap.openPinned}
   */
  configureMap(map: MapOf<Types>, options: MapOptions): this {
    this.#checkState('open', 'configureMap');
    // Maps of global variables cannot be changed.
    indexOf(map, this.maps, 'map', this.#options.name);
    const info = this.#mapInfos[this.#indexOfMap(map)] as BpfObjectMapInfo;
    const { maxEntries, replaceBy } = plainOptions(options, ['maxEntries', 'replaceBy']);
    if (
      maxEntries !== undefined &&
      !(Number.isInteger(maxEntries) && maxEntries > 0 && maxEntries < 2 ** 32)
    ) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_OPTION',
        `maxEntries must be a whole number of 1 or more, got ${shown(maxEntries)}`,
      );
    }
    if (replaceBy !== undefined) checkReplacement(info, replaceBy, maxEntries);
    this.#mapSettings.set(map, { ...this.#mapSettings.get(map), maxEntries, replaceBy });
    return this;
  }

  /**
   * Verifies the programs and loads them with their maps, on a thread of Node's pool. It can be called again after a
   * failure.
   * @returns this object
   * @throws ProgramRejectedError ERR_PERF_PROGRAM_REJECTED: `log` has the end of the verifier's log, the message its
   *   last lines
   * @throws PerfRingError ERR_PERF_RELOCATION, with what the kernel lacks; ERR_PERF_INVALID_ARGUMENT for an unknown
   *   program; ERR_PERF_ALREADY_LOADED, ERR_PERF_BUSY, ERR_PERF_CLOSED
   * @throws PerfSystemError EPERM without CAP_BPF and CAP_PERFMON; others, whose message says what to do
   */
  async load(options: ObjectLoadOptions<ProgramOf<Types>> = {}): Promise<this> {
    this.#checkState('open', 'load');
    const { only, btf, signal } = plainOptions(options, ['only', 'btf', 'signal']);
    const names = only === undefined ? undefined : plainList(only, 'only', MOST_PROGRAMS);
    const wanted = names?.map((name) => this.#indexOfProgram(name));
    if (btf !== undefined) checkString(btf, 'btf');
    checkSignal(signal);
    signal?.throwIfAborted();
    // A handle can be loaded only once, and the BTF for CO-RE is given when it is opened.
    if (this.#handle === undefined || btf !== undefined) {
      this.#dropHandle();
      this.#handle = this.#openHandle(btf ?? '');
    }
    this.#applySettings(this.#handle, wanted);
    await this.#run(this.#handle, signal, btf);
    return this;
  }

  /**
   * Attaches a loaded program. Open the readers of its maps before, so that nothing is missed.
   * @param target what to attach it to, when its section does not say it; also as text in the form of a section:
   *   `'libc.so.6:getppid'`
   * @throws PerfRingError ERR_PERF_NOT_LOADED, ERR_PERF_INVALID_ARGUMENT for an unknown program,
   *   ERR_PERF_INVALID_OPTION for a target that does not fit its section, ERR_PERF_NOT_SUPPORTED,
   *   ERR_PERF_TRACEPOINT_UNKNOWN, ERR_PERF_NO_SUCH_PROCESS
   * @throws PerfSystemError of the call that failed; its message says what to do
   */
  attach(program: ProgramOf<Types>, target: AttachTarget | string = {}): ObjectLink {
    const attachment = attachProgram(this.#toAttach(program, 'attach'), target);
    const link = new OwnedLink(program, attachment, (closed) => this.#links.delete(closed));
    this.#links.add(link);
    return link;
  }

  /**
   * Runs an iterator program (`iter/task`) once.
   * @returns what it wrote, at most 256 MiB
   * @throws as {@link attach}; PerfSystemError of bpf(BPF_ITER_CREATE) or read(2)
   */
  readIterator(program: ProgramOf<Types>): Uint8Array {
    return runIterator(this.#toAttach(program, 'readIterator'));
  }

  /**
   * A map of the loaded object. Each call returns the same BpfMap, or a new one when that was closed. It is closed with
   * this object.
   * @throws PerfRingError ERR_PERF_NOT_LOADED, ERR_PERF_INVALID_ARGUMENT for an unknown name
   */
  map(name: MapOf<Types>): BpfMap {
    return this.#openMap(this.#loadedHandle('map'), this.#indexOfMap(name));
  }

  /**
   * A map of the loaded object, with keys and values of the types in its BTF.
   *
   * ```ts
   * object.typedMap('counts').get({ pid: 42, cpu: 0 }); // a bigint, or undefined
   * ```
   * @throws PerfRingError as {@link map}; ERR_PERF_TYPE_UNKNOWN when the object does not say the types
   */
  typedMap<Name extends MapOf<Types>>(
    name: Name,
  ): TypedMap<KeyOf<Types['maps'][Name]>, ValueIn<Types['maps'][Name]>> {
    const map = this.map(name);
    const { keyTypeId, valueTypeId } = this.#mapInfos[this.#indexOfMap(name)] as BpfObjectMapInfo;
    const types = { key: this.#globals.fieldType(keyTypeId), value: this.#globals.fieldType(valueTypeId) };
    if (types.key !== undefined && types.value !== undefined)
      return TypedMap.of(map, types as never) as never;
    throw new PerfRingError(
      'ERR_PERF_TYPE_UNKNOWN',
      `${named(this.#options.name)} does not say the types of map ${named(name)}: declare it with __type(key, …) and __type(value, …), or use TypedMap.of`,
    );
  }

  /**
   * A program of the loaded object. Each call returns the same BpfProgram, or a new one when that was closed. It is
   * closed with this object.
   * @throws PerfRingError ERR_PERF_NOT_LOADED, also for a program that {@link load} left out; ERR_PERF_INVALID_ARGUMENT
   */
  program(name: ProgramOf<Types>): BpfProgram {
    const handle = this.#loadedHandle('program');
    const index = this.#indexOfProgram(name);
    return this.#parts.program(handle, index, this.#programInfos[index] as BpfObjectProgramInfo);
  }

  /**
   * Detaches all programs, newest first, and closes programs, maps and the object. Idempotent. Pins stay. A running
   * {@link load} rejects with ERR_PERF_CLOSED when it has ended.
   */
  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    const steps = [...this.#links].reverse().map((link) => () => link.close());
    attemptAll([...steps, ...this.#parts.closing(), () => this.#dropHandle()]);
  }

  /** As {@link close}: for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #openMap(handle: BpfObjectHandle, index: number): BpfMap {
    return this.#parts.map(handle, index, this.#mapInfos[index] as BpfObjectMapInfo);
  }

  #toAttach(program: ProgramOf<Types>, method: string): ProgramToAttach {
    const object = this.#loadedHandle(method);
    const index = this.#indexOfProgram(program);
    const info = this.#programInfos[index] as BpfObjectProgramInfo;
    return { native: this.#native, object, index, info, program: this.program(program) };
  }

  #openHandle(btf: string): BpfObjectHandle {
    const { name, pinRoot } = this.#options;
    const answer = this.#native.bpfObjectOpen(this.#bytes, kernelName(name), btf, pinRoot);
    const { status, log, value } =
      typeof answer === 'number' ? { status: answer, log: '', value: undefined } : answer;
    if (value !== undefined) return value;
    throw objectError(status, log, 'bpf_object__open', `opening ${named(name)}`, {
      EINVAL: 'its maps, sections or symbols are not as libbpf expects them',
    });
  }

  #applySettings(handle: BpfObjectHandle, wanted: readonly number[] | undefined): void {
    if (wanted !== undefined) {
      for (const index of this.#programInfos.keys()) {
        this.#native.bpfObjectSetAutoload(handle, index, wanted.includes(index));
      }
    }
    this.#globals.apply(this.#native, handle);
    for (const [index, info] of this.#mapInfos.entries()) {
      applyMapSettings(this.#native, handle, index, info, this.#mapSettings.get(info.name) ?? {});
    }
  }

  async #run(
    handle: BpfObjectHandle,
    signal: AbortSignal | undefined,
    btf: string | undefined,
  ): Promise<void> {
    this.#state = 'loading';
    const { status, log } = await runLoad(this.#native, handle, signal);
    if (this.closed) {
      throw new PerfRingError(
        'ERR_PERF_CLOSED',
        `${named(this.#options.name)} was closed while it was loaded`,
      );
    }
    if (status === 0 && signal?.aborted !== true) {
      this.#state = 'loaded';
      return;
    }
    this.#state = 'open';
    this.#dropHandle();
    signal?.throwIfAborted();
    const sectionOf = (program: string): string | undefined =>
      this.#programInfos.find(({ name }) => name === program)?.section;
    throw loadError(status, log, named(this.#options.name), btf, sectionOf);
  }

  #dropHandle(): void {
    if (this.#handle !== undefined) this.#native.bpfObjectClose(this.#handle);
    this.#handle = undefined;
  }

  #loadedHandle(method: string): BpfObjectHandle {
    this.#checkState('loaded', method);
    return this.#handle as BpfObjectHandle;
  }

  #checkState(needed: 'open' | 'loaded', method: string): void {
    const state = this.#state;
    if (state === needed) return;
    const name = named(this.#options.name);
    if (state === 'closed') throw new PerfRingError('ERR_PERF_CLOSED', `${name} was used after close()`);
    if (state === 'loading' && needed === 'open') {
      throw new PerfRingError('ERR_PERF_BUSY', `${method}() while load() of ${name} is under way`);
    }
    if (needed === 'loaded') {
      throw new PerfRingError(
        'ERR_PERF_NOT_LOADED',
        `${method}() of ${name} needs load() to have ended first`,
      );
    }
    throw new PerfRingError('ERR_PERF_ALREADY_LOADED', `${method}() of ${name} after load(): open it again`);
  }

  #indexOfProgram(name: string): number {
    return indexOf(name, this.programs, 'program', this.#options.name);
  }

  #indexOfMap(name: string): number {
    return indexOf(
      name,
      this.#mapInfos.map((info) => info.name),
      'map',
      this.#options.name,
    );
  }
}

function described<Info>(infos: Info[] | number, name: string): readonly Info[] {
  if (typeof infos !== 'number') return infos;
  throw bpfError(infos, 'bpf_object__next_program', `listing what is in ${named(name)}`);
}
