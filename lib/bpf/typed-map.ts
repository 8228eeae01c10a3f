import { isPerCpuType } from '../abi/bpf';
import { PerfRingError } from '../errors';
import { entryList, plainList, plainProperties } from '../input/plain-data';
import { shown } from '../input/shown';
import type { FieldType } from '../layout/sample-layout';
import { codecOf, type ValueCodec } from '../layout/value-codec';
import { BpfMap } from './bpf-map';
import type { KeyOf, ValueIn } from './object-types';

/** Only this module makes typed maps. */
const MAKING = Symbol('making');

/** More CPUs than any machine has. */
const MOST_CPUS = 65_536;

/** The types of a map's keys and values. */
export interface MapTypes {
  readonly key: FieldType;
  readonly value: FieldType;
  /** BPF_MAP_TYPE_* of the map, if it is a per-CPU map: for the compiler, whose values are then arrays. */
  readonly type?: number;
}

/**
 * A map with keys and values of known types: structs are objects, enums their names, integers of 64 bits bigints. The
 * value of a per-CPU map is an array, with an element for each possible CPU.
 *
 * ```ts
 * const counts = object.typedMap('counts');
 * counts.set({ pid: 42, cpu: 0 }, 0n);
 * for (const [{ pid }, count] of counts) console.log(pid, count);
 * ```
 */
export class TypedMap<Key = unknown, Value = unknown> implements Iterable<readonly [Key, Value]> {
  /** The map itself, with keys and values as bytes. */
  readonly map: BpfMap;
  readonly #key: ValueCodec<Key>;
  readonly #value: ValueCodec<Value>;

  private constructor(making: symbol, map: BpfMap, key: ValueCodec<Key>, value: ValueCodec<Value>) {
    if (making !== MAKING) {
      throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', 'typed maps are made by TypedMap.of()');
    }
    this.map = map;
    this.#key = key;
    this.#value = value;
    Object.freeze(this);
  }

  /**
   * Gives types to a map. {@link BpfObject.typedMap} takes them from the BTF.
   *
   * ```ts
   * const counts = TypedMap.of(BpfMap.openPinned('/sys/fs/bpf/counts'), { key: 'u32', value: 'u64' });
   * ```
   * @throws PerfRingError ERR_PERF_MAP_TYPE for types of another size than the map's; ERR_PERF_INVALID_ARGUMENT
   */
  static of<const Types extends MapTypes>(map: BpfMap, types: Types): TypedMap<KeyOf<Types>, ValueIn<Types>>;
  static of(map: BpfMap, types: MapTypes): TypedMap {
    if (!BpfMap.is(map)) {
      throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `map must be a BpfMap, got ${shown(map)}`);
    }
    const names = ['key', 'value', 'type'] as const;
    const { key, value } = plainProperties(types, names, 'ERR_PERF_INVALID_ARGUMENT', 'types');
    const keys = codecOf<unknown>(key);
    const values = codecOf<unknown>(value);
    const { id, keySize, valueSize, type } = map.info;
    if (keys.size !== keySize || values.size !== valueSize) {
      throw new PerfRingError(
        'ERR_PERF_MAP_TYPE',
        `map ${id} has keys of ${keySize} and values of ${valueSize} bytes, and the types have ${keys.size} and ${values.size}`,
      );
    }
    return new TypedMap(MAKING, map, keys, isPerCpuType(type) ? perCpuCodec(map, values) : values);
  }

  /**
   * The value of a key; `undefined` when the map does not contain the key.
   * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for a key of another type; the errors of {@link BpfMap.lookup}
   */
  get(key: Key): Value | undefined {
    const bytes = this.map.lookup(this.#key.encode(key, 'key'));
    return bytes === null ? undefined : this.#value.decode(bytes);
  }

  /**
   * Sets the value of a key.
   * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for a key or value of another type; the errors of
   *   {@link BpfMap.update}
   */
  set(key: Key, value: Value): this {
    this.map.update(this.#key.encode(key, 'key'), this.#value.encode(value, 'value'));
    return this;
  }

  /**
   * Sets many entries, in batches where the kernel has them. All are checked before the first one is set.
   * @throws as {@link set}
   */
  setAll(entries: Iterable<readonly [Key, Value]>): this {
    const encoded = entryList(entries).map(
      ([key, value]) => [this.#key.encode(key, 'key'), this.#value.encode(value, 'value')] as const,
    );
    this.map.updateAll(encoded);
    return this;
  }

  /** Deletes a key. @returns whether the map contained it @throws as {@link get} */
  delete(key: Key): boolean {
    return this.map.delete(this.#key.encode(key, 'key'));
  }

  /** All entries, read in batches: see {@link BpfMap.entries}. */
  *entries(): IterableIterator<readonly [Key, Value]> {
    for (const [key, value] of this.map.entries()) yield [this.#key.decode(key), this.#value.decode(value)];
  }

  /** As {@link entries}. */
  [Symbol.iterator](): IterableIterator<readonly [Key, Value]> {
    return this.entries();
  }
}

function perCpuCodec(map: BpfMap, one: ValueCodec<unknown>): ValueCodec<unknown> {
  const stride = Math.ceil(one.size / 8) * 8;
  return {
    size: map.valueBytes,
    decode: (bytes) => map.perCpu(bytes).map((part) => one.decode(part)),
    encode: (value, name) => {
      const cpus = map.valueBytes / stride;
      const list = plainList(value as readonly unknown[], name, MOST_CPUS);
      if (list.length !== cpus) {
        throw new PerfRingError(
          'ERR_PERF_INVALID_ARGUMENT',
          `${name} takes a list of ${cpus} values, one for each possible CPU, got ${list.length}`,
        );
      }
      const bytes = new Uint8Array(map.valueBytes);
      for (const [cpu, part] of list.entries()) bytes.set(one.encode(part, `${name}[${cpu}]`), cpu * stride);
      return bytes;
    },
  };
}
