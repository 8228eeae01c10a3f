import { channel } from 'node:diagnostics_channel';
import type { PerfEventArray } from '../bpf/perf-event-array';
import { formatCpuList } from '../host/cpu-list';

/**
 * What a reader tells its subscribers through node:diagnostics_channel; costs nothing without subscribers.
 * Every message has `reader` (the PerfMapReader, or of `taken` a FlightRecorder) and, but for open and close, `cpu`.
 */
export const channels = {
  /** { reader, cpus } */
  open: channel('perfring:open'),
  /** { reader, stats } */
  close: channel('perfring:close'),
  /** { reader, cpu, lost, total, ringTooSmall }: samples that the kernel could not write */
  loss: channel('perfring:loss'),
  /** { reader, cpu, kind, skippedBytes, error }: a header that could not be, or a sample past 64 KiB */
  fault: channel('perfring:fault'),
  /** { reader, cpu, wakes }: the waking and the quiet event changed places */
  swap: channel('perfring:swap'),
  /** { reader, cpu, online }: a ring was opened or retired because its CPU came or went */
  cpu: channel('perfring:cpu'),
  /** { reader, cpu }: another reader took the CPU's slot, or it was emptied */
  taken: channel('perfring:taken'),
  /** { reader, cpu }: the slot holds the reader's event again */
  regained: channel('perfring:regained'),
} as const;

/** Codes of the warnings of readers and flight recorders (process.emitWarning). Each is given once until it is over. */
export type WarningCode =
  /** Another reader took a slot, or emptied it; or the array was closed. */
  | 'PERFRING_SLOT_TAKEN'
  /** Another reader takes records from a ring buffer map. */
  | 'PERFRING_MAP_SHARED'
  /** The map has no slot for some CPUs. */
  | 'PERFRING_NO_SLOT'
  /** The event in a slot cannot be changed: waking is not moderated until it can. */
  | 'PERFRING_SLOT_UPDATE'
  /** CPUs that come or go cannot be followed. */
  | 'PERFRING_CPU_CHECK'
  /** Another step that a reader takes by itself failed. */
  | 'PERFRING_UPKEEP'
  /** close({ drain: true }) waits for a batch that has been lent for long. */
  | 'PERFRING_DRAIN_WAITS'
  /** close({ drain: true }) gave up: the batch was lent for too long. */
  | 'PERFRING_NOT_DRAINED';

export function warn(code: WarningCode, message: string): void {
  process.emitWarning(`perfring: ${message}`, { code });
}

/** For those who do not subscribe to `taken`; once a reader. */
export function warnOfTakenSlot(cpu: number, { closed, info }: PerfEventArray): void {
  warn(
    'PERFRING_SLOT_TAKEN',
    closed
      ? 'the perf event array was closed before its reader, which emptied the slots: no more samples come. Keep it open as long as the reader'
      : `another reader took the slot of CPU ${cpu} in map ${info.id}, or emptied it: this one gets ` +
          'no more samples there until the slot is free again. A map has one reader: stop one of the two, or give each a map of its own',
  );
}

/** A map with fewer slots than there are CPUs. */
export function warnOfMissingSlots(cpus: readonly number[], { info }: PerfEventArray): void {
  warn(
    'PERFRING_NO_SLOT',
    `map ${info.id} has ${info.maxEntries} slots, and none for CPU ${formatCpuList(cpus)}: no sample can come from there. ` +
      `Create the map with max_entries ${Math.max(...cpus) + 1}`,
  );
}
