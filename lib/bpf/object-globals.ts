import type { BpfObjectHandle, BpfObjectMapInfo, NativeAddon } from '../addon/contract';
import { Btf } from '../btf/btf';
import { PerfRingError } from '../errors';
import { plainCopy } from '../input/plain-data';
import { named, shown } from '../input/shown';
import type { FieldType } from '../layout/sample-layout';
import { decodeGlobal, encodeGlobal, type GlobalValue } from './global-value';
import { objectError } from './object-error';

/** A global variable: the index of its map, its offset in bytes, its BTF type and its size in bytes. */
interface Variable {
  readonly map: number;
  readonly offset: number;
  readonly type: number;
  readonly size: number;
}

/** The variables of an object, and their values before it is loaded. */
export class ObjectGlobals {
  readonly #btf: Btf | undefined;
  readonly #object: string;
  readonly #variables = new Map<string, Variable>();
  /** The initial value of each map, by its index, with the changes made here. */
  readonly #values = new Map<number, Uint8Array>();
  readonly #changed = new Set<number>();

  /** The variables of an object that is open and not loaded. @param object its name, for messages */
  static of(
    native: NativeAddon,
    handle: BpfObjectHandle,
    maps: readonly BpfObjectMapInfo[],
    object: string,
  ): ObjectGlobals {
    const bytes = native.bpfObjectBtf(handle);
    const btf = typeof bytes === 'number' || bytes.length === 0 ? undefined : Btf.parse(bytes);
    const initialValueOf = (map: number): Uint8Array => {
      const value = native.bpfObjectInitialValue(handle, map);
      return typeof value === 'number' ? new Uint8Array(0) : value;
    };
    return new ObjectGlobals(btf, maps, initialValueOf, object);
  }

  /**
   * @param btf the object's BTF, with offsets of variables; `undefined` when it has none: then no variable has a name
   * @param initialValueOf returns the initial value of a map, by its index
   * @param object the object's name, for messages
   */
  private constructor(
    btf: Btf | undefined,
    maps: readonly BpfObjectMapInfo[],
    initialValueOf: (map: number) => Uint8Array,
    object: string,
  ) {
    this.#btf = btf;
    this.#object = object;
    if (btf === undefined) return;
    for (const [map, { isInternal, valueTypeId }] of maps.entries()) {
      if (!isInternal || valueTypeId === 0) continue;
      const section = btf.type(valueTypeId);
      // libbpf fills .kconfig.
      if (section.kind !== 'datasec' || !/^\.(rodata|data|bss)/.test(section.name)) continue;
      const value = initialValueOf(map);
      this.#values.set(map, value);
      for (const { type, offset, size } of section.variables) {
        const variable = btf.type(type);
        if (variable.kind !== 'var' || offset + size > value.length) continue;
        this.#variables.set(variable.name, { map, offset, type: variable.type, size });
      }
    }
  }

  /** A type of the object as that of a field; undefined for type 0, and without BTF. */
  fieldType(type: number): FieldType | undefined {
    return type === 0 ? undefined : this.#btf?.fieldType(type);
  }

  get names(): readonly string[] {
    return [...this.#variables.keys()];
  }

  /** Sets all given variables, or none. @throws PerfRingError ERR_PERF_INVALID_ARGUMENT */
  set(given: Readonly<Record<string, GlobalValue>>): void {
    const values = Object.entries(plainCopy(given, 'globals', 'ERR_PERF_INVALID_ARGUMENT'));
    const encoded = values.map(([name, value]) => {
      const variable = this.#variable(name);
      return { variable, bytes: encodeGlobal(this.#btf as Btf, variable.type, variable.size, value, name) };
    });
    for (const { variable, bytes } of encoded) {
      this.#values.get(variable.map)?.set(bytes, variable.offset);
      this.#changed.add(variable.map);
    }
  }

  /**
   * The value of a variable.
   * @param read returns a map's current value, by its index; without it the initial value is taken
   * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT
   */
  get(name: string, read?: (map: number) => Uint8Array): GlobalValue {
    const { map, offset, type, size } = this.#variable(name);
    const value = read?.(map) ?? (this.#values.get(map) as Uint8Array);
    return decodeGlobal(this.#btf as Btf, type, value.slice(offset, offset + size));
  }

  /** Sets the changed initial values in libbpf. @throws PerfSystemError, which is not expected here */
  apply(native: NativeAddon, handle: BpfObjectHandle): void {
    for (const map of this.#changed) {
      const status = native.bpfObjectSetInitialValue(handle, map, this.#values.get(map) as Uint8Array);
      if (status !== 0) {
        throw objectError(
          status,
          '',
          'bpf_map__set_initial_value',
          `setting variables of ${named(this.#object)}`,
        );
      }
    }
  }

  #variable(name: string): Variable {
    const variable = this.#variables.get(name);
    if (variable !== undefined) return variable;
    const there =
      this.names.length === 0
        ? 'it has none with a name: compile it with -g'
        : `there are ${this.names.join(', ')}`;
    throw new PerfRingError(
      'ERR_PERF_INVALID_ARGUMENT',
      `${named(this.#object)} has no global variable ${typeof name === 'string' ? named(name) : shown(name)}; ${there}`,
    );
  }
}
