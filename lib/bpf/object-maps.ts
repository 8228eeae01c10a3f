import type { BpfObjectHandle, BpfObjectMapInfo, NativeAddon } from '../addon/contract';
import { BPF_MAP_TYPE_PERF_EVENT_ARRAY, BPF_MAP_TYPE_RINGBUF, BPF_MAP_TYPE_USER_RINGBUF } from '../abi/bpf';
import { PerfRingError } from '../errors';
import { named, shown } from '../input/shown';
import { BpfMap } from './bpf-map';
import { objectError } from './object-error';

/** What a map of an object is to be, in place of its definition. */
export interface MapSettings {
  readonly maxEntries?: number | undefined;
  readonly replaceBy?: BpfMap | string | undefined;
}

/** Applies what was set, and what makes `__type(value, struct event)` of a map of events load. */
export function applyMapSettings(
  native: NativeAddon,
  object: BpfObjectHandle,
  index: number,
  info: BpfObjectMapInfo,
  { maxEntries, replaceBy }: MapSettings,
): void {
  const check = (status: number, call: string): void => {
    if (status !== 0) throw objectError(status, '', call, `changing the map ${info.name}`);
  };
  const { keySize, valueSize } = shapeOf(info);
  if (keySize !== info.keySize || valueSize !== info.valueSize) {
    check(
      native.bpfObjectSetMapType(object, index, info.type, keySize, valueSize),
      'bpf_map__set_value_size',
    );
  }
  if (maxEntries !== undefined) {
    check(native.bpfObjectSetMaxEntries(object, index, maxEntries), 'bpf_map__set_max_entries');
  }
  if (replaceBy === undefined) return;
  const isPath = typeof replaceBy === 'string';
  const existing = isPath ? BpfMap.openPinned(replaceBy) : replaceBy;
  try {
    checkSameShape(info, existing, maxEntries);
    check(native.bpfObjectReuseMap(object, index, existing.handle), 'bpf_map__reuse_fd');
  } finally {
    if (isPath) existing.close();
  }
}

/**
 * Checks what is to take a map's place.
 * @throws PerfRingError ERR_PERF_INVALID_OPTION, ERR_PERF_MAP_TYPE; what {@link BpfMap.openPinned} throws
 */
export function checkReplacement(
  info: BpfObjectMapInfo,
  replaceBy: BpfMap | string,
  maxEntries: number | undefined,
): void {
  if (typeof replaceBy === 'string') {
    const pinned = BpfMap.openPinned(replaceBy);
    try {
      checkSameShape(info, pinned, maxEntries);
    } finally {
      pinned.close();
    }
    return;
  }
  if (!BpfMap.is(replaceBy)) {
    throw new PerfRingError(
      'ERR_PERF_INVALID_OPTION',
      `replaceBy must be a BpfMap or the path of a pinned one, got ${shown(replaceBy)}`,
    );
  }
  checkSameShape(info, replaceBy, maxEntries);
}

/**
 * Sizes that the kernel takes. A program's source may name the type of a ring's events as that of its values: then
 * libbpf reads their size, which the kernel refuses.
 */
function shapeOf({ type, keySize, valueSize }: BpfObjectMapInfo): { keySize: number; valueSize: number } {
  if (type === BPF_MAP_TYPE_PERF_EVENT_ARRAY) return { keySize: 4, valueSize: 4 };
  if (type === BPF_MAP_TYPE_RINGBUF || type === BPF_MAP_TYPE_USER_RINGBUF)
    return { keySize: 0, valueSize: 0 };
  return { keySize, valueSize };
}

function checkSameShape(info: BpfObjectMapInfo, existing: BpfMap, maxEntries: number | undefined): void {
  const wanted = { type: info.type, ...shapeOf(info), ...(maxEntries === undefined ? {} : { maxEntries }) };
  for (const key of ['type', 'keySize', 'valueSize', 'maxEntries'] as const) {
    const value = wanted[key as keyof typeof wanted];
    if (value === undefined || existing.info[key] === value) continue;
    throw new PerfRingError(
      'ERR_PERF_MAP_TYPE',
      `map ${named(info.name)} can't be replaced by map ${existing.info.id}: its ${key} is ${existing.info[key]}, not ${value}`,
    );
  }
}
