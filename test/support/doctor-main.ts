/**
 * A process that prints the result of `diagnose` as JSON.
 * Arguments: the user to switch to first, or `-`; then, optionally, the data pages of a ring to keep open meanwhile.
 */

import { setgid, setgroups, setuid } from 'node:process';
import { addon } from '../../lib/addon/load';
import { diagnose } from '../../lib/doctor/readiness';
import { onlineCpus } from '../../lib/host/cpu-list';
import { MmapRingStorage } from '../../lib/storage/mmap-ring-storage';

const [, , user = '-', heldPages] = process.argv;
// Loaded before the switch, because the user may have no access to these files.
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
