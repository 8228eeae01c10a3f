import type { PerfEventArray } from '../bpf/perf-event-array';
import { warn } from '../delivery/diagnostics';
import { formatCpuList } from '../host/cpu-list';

/** The warning for the channel `taken`. Callers emit it once per reader. */
export function warnOfTakenSlot(cpu: number, { closed, info }: PerfEventArray): void {
  warn(
    'PERFRING_SLOT_TAKEN',
    closed
      ? 'the perf event array was closed before its reader, which emptied the slots: no more samples come. Keep it open as long as the reader'
      : `another reader took the slot of CPU ${cpu} in map ${info.id}, or emptied it: this one gets ` +
          'no more samples there until the slot is free again. A map has one reader: stop one of the two, or give each a map of its own',
  );
}

/** The warning for a map that has no slot for these CPUs. */
export function warnOfMissingSlots(cpus: readonly number[], { info }: PerfEventArray): void {
  warn(
    'PERFRING_NO_SLOT',
    `map ${info.id} has ${info.maxEntries} slots, and none for CPU ${formatCpuList(cpus)}: no sample can come from there. ` +
      `Create the map with max_entries ${Math.max(...cpus) + 1}`,
  );
}
