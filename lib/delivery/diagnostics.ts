import { channel } from 'node:diagnostics_channel';

/**
 * Diagnostics channels (node:diagnostics_channel); they cost nothing without subscribers. Every message has `reader`: a
 * PerfMapReader or RingBufferReader, for `taken` and `regained` also a FlightRecorder. All but `open` and `close` have
 * `cpu`, which is -1 for a ring buffer map.
 */
export const channels = {
  /** { reader, cpus } */
  open: channel('perfring:open'),
  /** { reader, stats } */
  close: channel('perfring:close'),
  /** { reader, cpu, lost, total, ringTooSmall }: samples that the kernel could not write */
  loss: channel('perfring:loss'),
  /** { reader, cpu, kind, skippedBytes, error }: an invalid header, or a sample of 64 KiB or more, was skipped */
  fault: channel('perfring:fault'),
  /** { reader, cpu, wakes }: the event in the slot was changed; `wakes`: whether samples wake now */
  swap: channel('perfring:swap'),
  /** { reader, cpu, online }: a ring was opened because its CPU came online, or retired because it went offline */
  cpu: channel('perfring:cpu'),
  /** { reader, cpu }: another reader took the CPU's slot or records of the map, or the slot was emptied */
  taken: channel('perfring:taken'),
  /** { reader, cpu }: the slot holds the reader's event again */
  regained: channel('perfring:regained'),
} as const;

/**
 * Codes of the warnings of readers and flight recorders (process.emitWarning). A warning is not repeated while its
 * cause lasts.
 */
export type WarningCode =
  /** Another reader took a slot, a slot was emptied, or the array was closed. */
  | 'PERFRING_SLOT_TAKEN'
  /** Another reader takes records from a ring buffer map. */
  | 'PERFRING_MAP_SHARED'
  /** The map has no slot for some CPUs. */
  | 'PERFRING_NO_SLOT'
  /** The event in a slot cannot be changed. Waking is not moderated until it can. */
  | 'PERFRING_SLOT_UPDATE'
  /** The reader cannot follow CPUs that come online or go offline. */
  | 'PERFRING_CPU_CHECK'
  /** Another periodic step of a reader failed. */
  | 'PERFRING_UPKEEP'
  /** close({ drain: true }) has waited for a second for a batch that the consumer holds. */
  | 'PERFRING_DRAIN_WAITS'
  /** close({ drain: true }) gave up: the consumer held a batch for too long. */
  | 'PERFRING_NOT_DRAINED';

export function warn(code: WarningCode, message: string): void {
  process.emitWarning(`perfring: ${message}`, { code });
}
