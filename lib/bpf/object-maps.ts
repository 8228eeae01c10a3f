import type { BpfObjectHandle, BpfObjectMapInfo, NativeAddon } from '../addon/contract';
import { BPF_MAP_TYPE_PERF_EVENT_ARRAY, BPF_MAP_TYPE_RINGBUF, BPF_MAP_TYPE_USER_RINGBUF } from '../abi/bpf';
import { PerfRingError } from '../errors';
import { named, shown } from '../input/shown';
import { BpfMap } from './bpf-map';
import { objectError } from './object-error';

/** Settings of a map, in place of those in its definition. */
export interface MapSettings {
  readonly maxEntries?: number | undefined;
  readonly replaceBy?: BpfMap | string | undefined;
}

/**
 * Applies the settings. Also corrects the sizes of a map of events that is declared with `__type(value, struct event)`.
 */
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
 * Checks a map that is to replace one of the object.
 * @throws PerfRingError ERR_PERF_INVALID_OPTION, ERR_PERF_MAP_TYPE; the errors of {@link BpfMap.openPinned}
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
 * The key and value sizes, in bytes, that the kernel accepts. A program's source may declare the type of the events as
 * the type of the map's values. Then libbpf uses the size of that type, which the kernel refuses.
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
