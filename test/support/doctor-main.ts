/**
 * A process of its own that prints what `diagnose` found, as JSON.
 * Arguments: the user to become first, or `-`; then data pages of a ring to hold meanwhile, if any.
 */

import { setgid, setgroups, setuid } from 'node:process';
import { addon } from '../../lib/addon/load';
import { diagnose } from '../../lib/doctor/readiness';
import { onlineCpus } from '../../lib/host/cpu-list';
import { MmapRingStorage } from '../../lib/storage/mmap-ring-storage';

const [, , user = '-', heldPages] = process.argv;
// Loaded before: the user may have no way to these files.
addon();
if (user !== '-') {
  setgroups?.([]);
  setgid?.(Number(user));
  setuid?.(Number(user));
}
const [cpu = 0] = onlineCpus();
const held =
  heldPages === undefined ? undefined : MmapRingStorage.open({ cpu, dataPageCount: Number(heldPages) });
const diagnosis = diagnose();
held?.close();
process.stdout.write(JSON.stringify({ ...diagnosis, handles: addon().openHandles() }));
