import type { BpfObjectHandle, BpfObjectMapInfo, NativeAddon } from '../addon/contract';
import { Btf } from '../btf/btf';
import { PerfRingError } from '../errors';
import { plainCopy } from '../input/plain-data';
import { named, shown } from '../input/shown';
import { decodeGlobal, encodeGlobal, type GlobalValue } from './global-value';
import { objectError } from './object-error';

/** A global variable: where it lies in which map, and its type. */
interface Variable {
  readonly map: number;
  readonly offset: number;
  readonly type: number;
  readonly size: number;
}

/** The variables of an object, and what they are before it is loaded. */
export class ObjectGlobals {
  readonly #btf: Btf | undefined;
  readonly #object: string;
  readonly #variables = new Map<string, Variable>();
  /** By the index of the map: what it begins with, as far as it was set here. */
  readonly #values = new Map<number, Uint8Array>();
  readonly #changed = new Set<number>();

  /** The variables of an object that was opened and not loaded. @param object its name, for messages */
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
   * @param btf the object's, with offsets of variables; `undefined` for none, and then no variable has a name
   * @param initialValueOf what a map begins with, by its index
   * @param object for messages
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
      // .kconfig is libbpf's to fill.
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

  get names(): readonly string[] {
    return [...this.#variables.keys()];
  }

  /** Sets all of them, or none. @throws PerfRingError ERR_PERF_INVALID_ARGUMENT */
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
   * @param read a map's value now, by its index; what it begins with where it is left out
   * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT
   */
  get(name: string, read?: (map: number) => Uint8Array): GlobalValue {
    const { map, offset, type, size } = this.#variable(name);
    const value = read?.(map) ?? (this.#values.get(map) as Uint8Array);
    return decodeGlobal(this.#btf as Btf, type, value.slice(offset, offset + size));
  }

  /** @throws PerfSystemError, which libbpf never gives here */
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
