import { BPF_MAP_TYPE_PERF_EVENT_ARRAY, BPF_MAP_TYPE_RINGBUF } from '../abi/bpf';
import type { Btf } from './btf';
import { damaged } from './btf-table';
import type { BtfType } from './btf-type';

/** A map as defined in the section `.maps` of a program's source. Fields that the source omits are undefined. */
export interface BtfMap {
  readonly name: string;
  /** BPF_MAP_TYPE_*. */
  readonly type: number | undefined;
  readonly maxEntries: number | undefined;
  /** Id of the type of its keys; usually undefined for ring buffers and perf event arrays. */
  readonly keyType: number | undefined;
  /** Id of the type of its values; for ring buffers and perf event arrays, of its events. */
  readonly valueType: number | undefined;
}

const TRACER_PREFIX = 'gadget_tracer_';

/** A type of events, and the map that they are written to. */
export interface BtfEventType {
  /** Id of the struct. */
  readonly type: number;
  readonly name: string;
  /** Name of the map that the events are written to; `undefined` when the source does not tell. */
  readonly map: string | undefined;
}

/** The maps defined in an object. @throws PerfRingError ERR_PERF_BTF_DAMAGED */
export function mapsOf(btf: Btf): BtfMap[] {
  const variables = variablesOf(btf, (section) => section === '.maps');
  if (variables.length > MOST_VARIABLES) throw damaged(`it has ${variables.length} maps`);
  return variables.flatMap(({ name, type }) => {
    const definition = btf.type(btf.resolve(type));
    if (definition.kind !== 'struct') return [];
    const member = (wanted: string): number | undefined =>
      definition.members.find((one) => one.name === wanted)?.type;
    return [
      {
        name,
        type: numberOf(btf, member('type')),
        maxEntries: numberOf(btf, member('max_entries')),
        keyType: pointedBy(btf, member('key')),
        valueType: pointedBy(btf, member('value')),
      },
    ];
  });
}

/** Most maps or event types of an object, more than any real one has: each costs a search. */
const MOST_VARIABLES = 1024;

/** The number in libbpf's `__uint(name, 7)`, which defines a pointer to an array of 7 elements. */
function numberOf(btf: Btf, type: number | undefined): number | undefined {
  const pointed = pointedBy(btf, type);
  const array = pointed === undefined ? undefined : btf.type(pointed);
  return array?.kind === 'array' ? array.count : undefined;
}

function pointedBy(btf: Btf, type: number | undefined): number | undefined {
  const pointer = type === undefined ? undefined : btf.type(btf.resolve(type));
  return pointer?.kind === 'ptr' ? pointer.type : undefined;
}

/** A variable of an object: its name, the id of its type, and its section. */
export interface BtfGlobal {
  readonly name: string;
  readonly type: number;
  readonly section: string;
}

/** The variables in the sections of an object. @throws PerfRingError ERR_PERF_BTF_DAMAGED */
export function variablesOf(btf: Btf, isWanted: (section: string) => boolean): BtfGlobal[] {
  const variables: BtfGlobal[] = [];
  for (let id = 1; id < btf.typeCount; id++) {
    const section = btf.type(id);
    if (section.kind !== 'datasec' || !isWanted(section.name)) continue;
    for (const { type } of section.variables) {
      const variable = btf.type(type);
      if (variable.kind !== 'var') continue;
      variables.push({ name: variable.name, type: variable.type, section: section.name });
    }
  }
  return variables;
}

/**
 * The types of an object's events. Sources name them in one of three ways: the value type of a ring buffer or perf
 * event array (cilium/ebpf); a variable `gadget_tracer_NAME___MAP___TYPE` (Inspektor Gadget); an unused variable
 * `unused…` that is a pointer to the struct (bpf2go).
 * @throws PerfRingError ERR_PERF_BTF_DAMAGED
 */
export function eventTypesOf(btf: Btf): BtfEventType[] {
  const events: BtfEventType[] = [];
  const add = (type: number | undefined, map: string | undefined): void => {
    const id = type === undefined ? undefined : btf.resolve(type);
    const struct = id === undefined ? undefined : btf.type(id);
    if (id === undefined || !isStruct(struct)) return;
    events.push({ type: id, name: struct.name, map });
  };
  for (const { name, type, valueType } of mapsOf(btf)) {
    if (type === BPF_MAP_TYPE_RINGBUF || type === BPF_MAP_TYPE_PERF_EVENT_ARRAY) add(valueType, name);
  }
  let searches = 0;
  for (const { name, type } of variablesOf(btf, (section) => section !== '.maps')) {
    if (name.startsWith(TRACER_PREFIX) && name.includes('___')) {
      if (++searches > MOST_VARIABLES) throw damaged(`it names more than ${MOST_VARIABLES} tracers`);
      const [map, struct] = name.split('___').slice(-2);
      add(btf.find(struct as string, 'struct'), map);
    } else if (/^_*unused/.test(name)) {
      add(pointedBy(btf, type), undefined);
    }
  }
  return events;
}

/**
 * The types that the events of one map have, or may have: those that the source names for the map; otherwise those that
 * it names for no map at all. Each once.
 */
export function eventTypesOfMap(events: readonly BtfEventType[], map: string): BtfEventType[] {
  const named = events.filter((event) => event.map === map);
  const found =
    named.length > 0
      ? named
      : events.filter(({ type }) => events.every((other) => other.type !== type || other.map === undefined));
  return found.filter(({ type }, index) => found.findIndex((other) => other.type === type) === index);
}

function isStruct(type: BtfType | undefined): type is BtfType & { kind: 'struct' | 'union' } {
  return type?.kind === 'struct' || type?.kind === 'union';
}
