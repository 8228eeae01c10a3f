import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const subjects = fileURLToPath(new URL('../subjects', import.meta.url));
const node = (program) => [process.execPath, join(subjects, program)];

/** The contender that ratios are relative to: libbpf, which most C programs use to read these rings. */
export const BASE = 'libbpf sample_cb';
/** The same for ring buffer maps. */
export const RING_BUFFER_BASE = 'libbpf ring_buffer';

const BPF_RB_NO_WAKEUP = 1;

/**
 * The contenders of each row, perfring's first. `variant` is sent to the subject, `flags` to the producer. A peer that was not built is left
 * out.
 * @param {ReturnType<import('./build.mjs').buildAll>} built
 */
export function contenders(built) {
  const ours = (name, program, variant, flags) =>
    built.perfring && { name, command: node(program), variant, flags, compilesAsItRuns: true };
  const libbpf = (name, variant) => built.libbpf && { name, command: [built.libbpf], variant };
  const cilium = (name, variant) => built.cilium && { name, command: [built.cilium], variant };
  const withoutTail = (contender) => contender && { ...contender, leavesTail: true };
  const libbpfRing = built.libbpfRingBuffer && {
    name: RING_BUFFER_BASE,
    command: [built.libbpfRingBuffer],
  };
  const overfilled = (contender) => contender && { ...contender, overfill: 64 };
  const collect = built.perfring && {
    name: 'perfring collect',
    command: [process.execPath, join(subjects, '../../dist/bin/perfring.js'), 'collect'],
    startedBy: (map) => ['--map-id', String(map), '--format', 'ndjson', '--count', '1'],
    byFirstLine: true,
  };
  const nothing = { name: 'node, nothing', command: node('nothing.mjs') };
  const present = (list) => list.filter(Boolean);
  return {
    drain: present([
      ours('perfring drain', 'drain.mjs', 'drain'),
      ours('PerfRing visit', 'drain.mjs', 'ring'),
      ours('js raw scan', 'raw-scan.mjs', 'scan'),
      libbpf(BASE, 'sample'),
      libbpf('libbpf event_cb', 'raw'),
      cilium('cilium Read', 'read'),
      cilium('cilium ReadInto', 'readinto'),
    ]),
    first: present([
      ours('perfring drain', 'drain.mjs', 'drain'),
      ours('PerfRing visit', 'drain.mjs', 'ring'),
      libbpf(BASE, 'sample'),
      cilium('cilium ReadInto', 'readinto'),
    ]),
    sizes: present([
      ours('perfring drain', 'drain.mjs', 'drain'),
      ours('PerfRing visit', 'drain.mjs', 'ring'),
      ours('drain, counting', 'drain.mjs', 'counting'),
      libbpf('libbpf event_cb', 'raw'),
      libbpf(BASE, 'sample'),
      cilium('cilium ReadInto', 'readinto'),
    ]),
    queries: present([ours('perfring query', 'query.mjs'), libbpf('libbpf, the same')]),
    cliff: present([
      ours('perfring drain', 'drain.mjs', 'drain'),
      ours('a closure a call', 'drain.mjs', 'closures'),
      ours('5 other visitors', 'drain.mjs', 'mixed'),
      ours('both of these', 'drain.mjs', 'mixedClosures'),
      overfilled(ours('lost records', 'drain.mjs', 'drain')),
      ours('for await', 'drain.mjs', 'batches'),
      ours('for await, woken', 'drain.mjs', 'woken'),
      libbpf(BASE, 'sample'),
    ]),
    copy: present([
      ours('perfring copyTo', 'drain.mjs', 'copy'),
      ours('perfring bytes()', 'drain.mjs', 'bytes'),
      libbpf(BASE, 'copy'),
      cilium('cilium Read', 'read'),
    ]),
    merge: present([ours('perfring merge', 'merge.mjs')]),
    stream: present([
      ours('perfring', 'stream.mjs'),
      ours('perfring, no wakeups', 'stream.mjs', 'manual'),
      ours('perfring, by time', 'stream.mjs', 'time'),
      libbpf('libbpf', 'sample'),
      libbpf('libbpf, 4 KiB', 'watermark'),
      cilium('cilium/ebpf', 'readinto'),
      withoutTail(cilium('cilium/ebpf, 4 KiB', 'watermark')),
    ]),
    ringBufferDrain: present([
      ours('perfring drain', 'ring-buffer.mjs', 'drain'),
      libbpfRing,
      cilium('cilium Read', 'read'),
      cilium('cilium ReadInto', 'readinto'),
    ]),
    ringBufferStream: present([
      ours('perfring', 'ring-buffer.mjs', 'moderated'),
      ours('perfring, program says NO_WAKEUP', 'ring-buffer.mjs', 'moderated', BPF_RB_NO_WAKEUP),
      libbpfRing,
      cilium('cilium/ebpf', 'readinto'),
    ]),
    start: present([
      ours('perfring', 'stream.mjs'),
      collect,
      built.perfring && nothing,
      libbpf('libbpf'),
      cilium('cilium/ebpf'),
    ]),
  };
}
