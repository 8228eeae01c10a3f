/** A process of its own that prints what `diagnose` found, as JSON; as the user named in its first argument, if any. */

import { setgid, setgroups, setuid } from 'node:process';
import { addon } from '../../lib/addon/load';
import { diagnose } from '../../lib/doctor/readiness';

const [, , user] = process.argv;
// Loaded before: the user may have no way to these files.
addon();
if (user !== undefined) {
  setgroups?.([]);
  setgid?.(Number(user));
  setuid?.(Number(user));
}
process.stdout.write(JSON.stringify({ ...diagnose(), handles: addon().openHandles() }));
