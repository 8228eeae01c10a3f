import type { BpfMapInfo, NativeAddon } from '../addon/contract';
import { addon } from '../addon/load';
import { BPF_MAP_TYPE_PERF_EVENT_ARRAY, BPF_MAP_TYPE_RINGBUF } from '../abi/bpf';
import { isErrno } from '../abi/errno';
import { Btf } from '../btf/btf';
import type { BtfEventType } from '../btf/btf-maps';
import { PerfRingError } from '../errors';
import { permissionAdvice } from '../host/permission-advice';
import { shown } from '../input/shown';
import { bpfError } from './bpf-error';
import { BpfMap } from './bpf-map';
import { PerfEventArray } from './perf-event-array';
import { RingBufferMap } from './ring-buffer-map';

/** A loaded program that uses a map. */
export interface MapUser {
  readonly id: number;
  /** Cut to 15 bytes by the kernel. */
  readonly name: string;
  /** BPF_PROG_TYPE_* */
  readonly type: number;
}

/** What the kernel knows about a map and its types. */
export interface MapDescription {
  /** The loaded programs that use the map. */
  readonly programs: readonly MapUser[];
  /** The types of the object that the map belongs to; `undefined` when it was compiled without `-g`. */
  readonly btf: Btf | undefined;
  /** Ids of the types of its keys and values; undefined when unknown, and for ring buffers and perf event arrays. */
  readonly keyType: number | undefined;
  readonly valueType: number | undefined;
  /** For a ring buffer or perf event array: the types that its events have or may have, as {@link Btf.eventTypes}. */
  readonly eventTypes: readonly BtfEventType[];
}

/**
 * Describes a map that exists: the programs that use it, and the types of its keys and values or of its events. The
 * kernel keeps no types for ring buffers and perf event arrays, so those come from the programs that use the map. Needs
 * CAP_SYS_ADMIN.
 *
 * ```ts
 * const map = RingBufferMap.openPinned('/sys/fs/bpf/events');
 * const { btf, eventTypes } = describeMap(map);
 * const layout = eventTypes[0] && btf?.layout(eventTypes[0].type);
 * ```
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for a value that is not a map; ERR_PERF_BTF_DAMAGED
 * @throws PerfSystemError of bpf(BPF_PROG_GET_NEXT_ID): EPERM without CAP_SYS_ADMIN
 */
export function describeMap(map: BpfMap | PerfEventArray | RingBufferMap): MapDescription {
  if (!BpfMap.is(map) && !PerfEventArray.is(map) && !RingBufferMap.is(map)) {
    throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `map must be a BPF map, got ${shown(map)}`);
  }
  const native = addon();
  const { info } = map;
  const users = usersOf(native, info.id);
  const programs = users.map(({ id, name, type }) => ({ id, name, type }));
  const btfId = info.btfId || (users.find((program) => program.btfId !== 0)?.btfId ?? 0);
  const btf = btfId === 0 ? undefined : btfOf(native, btfId);
  return {
    programs,
    btf,
    keyType: info.keyTypeId || undefined,
    valueType: info.valueTypeId || undefined,
    eventTypes: btf === undefined || !isRing(info) ? [] : eventTypesIn(btf, info),
  };
}

function isRing({ type }: BpfMapInfo): boolean {
  return type === BPF_MAP_TYPE_RINGBUF || type === BPF_MAP_TYPE_PERF_EVENT_ARRAY;
}

/** A map's name in the source is as in the kernel, which cuts it. */
function eventTypesIn(btf: Btf, { name, type }: BpfMapInfo): readonly BtfEventType[] {
  const map = btf
    .maps()
    .find((one) => one.name.slice(0, LONGEST_NAME) === name && (one.type === undefined || one.type === type));
  return btf.eventTypes(map?.name ?? name);
}

const LONGEST_NAME = 15;

interface User extends MapUser {
  readonly btfId: number;
}

function usersOf(native: NativeAddon, map: number): User[] {
  const users: User[] = [];
  for (let id = native.bpfProgramNextId(0); ; id = native.bpfProgramNextId(id)) {
    if (isErrno(id, 'ENOENT')) return users;
    if (id < 0) {
      throw bpfError(id, 'bpf(BPF_PROG_GET_NEXT_ID)', `looking for the programs that use map ${map}`, {
        EPERM: permissionAdvice(['CAP_SYS_ADMIN']),
      });
    }
    const program = native.bpfProgramInfoOfId(id);
    // A program can be unloaded between the two calls.
    if (typeof program === 'number') continue;
    const { name, type, btfId, mapIds } = program;
    if (mapIds.includes(map)) users.push({ id, name, type, btfId });
  }
}

/** The BTF with this id; `undefined` when it has been unloaded since. */
function btfOf(native: NativeAddon, id: number): Btf | undefined {
  const bytes = native.bpfBtfOfId(id);
  if (typeof bytes !== 'number') return Btf.parse(bytes);
  if (isErrno(bytes, 'ENOENT')) return undefined;
  throw bpfError(bytes, 'bpf(BPF_BTF_GET_FD_BY_ID)', `reading BTF ${id}`, {
    EPERM: permissionAdvice(['CAP_SYS_ADMIN']),
  });
}
