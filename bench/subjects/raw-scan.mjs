// A yardstick: the plainest loop in JavaScript over the mapped ring. It trusts every header's size, knows no other record
// than a sample that starts at the 8-byte header, and reads the number where it lies. As a C loop it waits for each size to
// know where the next record is; and it asks the addon for its positions.
import { fromDist, loadProgram } from './load-source.mjs';
import { now, serve } from './line-loop.mjs';

const PACKET = new Uint8Array(64);
const PERF_RECORD_SAMPLE = 9;
const PAYLOAD = 12; // after the header and raw_size

const native = fromDist('addon/load').addon();
const { PerfEventArray } = fromDist('bpf/perf-event-array');

let ring = null;

function must(result, what) {
  if (typeof result === 'number' && result < 0) throw new Error(`${what}: errno ${-result}`);
  return result;
}

/** struct perf_event_attr of a BPF output event that wakes nobody; sample_type is PERF_SAMPLE_RAW. */
function quietAttributes() {
  const attr = new DataView(new ArrayBuffer(112));
  attr.setUint32(0, 1, true); // PERF_TYPE_SOFTWARE
  attr.setUint32(4, 112, true);
  attr.setUint32(8, 10, true); // PERF_COUNT_SW_BPF_OUTPUT
  attr.setUint32(16, 1, true); // sample_period
  attr.setUint32(24, 1 << 10, true); // PERF_SAMPLE_RAW
  attr.setUint32(48, 1 << 30, true); // wakeup_events: from 2^31 on the kernel would wake at every record
  return new Uint8Array(attr.buffer);
}

/** One lap, or up to the end of what is published. */
function scan(words, from, to, state) {
  const mask = state.mask;
  let position = from;
  let low = state.low;
  let high = state.high;
  let records = 0;
  while (position < to) {
    const at = position >> 2;
    if (words[at] === PERF_RECORD_SAMPLE) {
      // Only the bytes of the header never wrap: the payload's number may.
      const number = ((position + PAYLOAD) & mask) >> 2;
      const seenLow = words[number];
      const seenHigh = words[((position + PAYLOAD + 4) & mask) >> 2];
      if (seenLow !== low || seenHigh !== high) {
        if (state.started) state.gaps++;
        state.started = true;
      }
      low = (seenLow + 1) | 0;
      high = low === 0 ? (seenHigh + 1) | 0 : seenHigh;
      records++;
    }
    position += words[at + 1] >>> 16;
  }
  state.low = low;
  state.high = high;
  state.records += records;
  return position;
}

serve({
  open({ map: id, cpu, ringBytes, instructions }) {
    const event = must(native.perfEventOpen(quietAttributes(), -1, cpu, -1, 0), 'perf_event_open');
    const mapping = must(native.ringMap(event, ringBytes / native.pageSize(), true), 'mmap');
    const buffer = must(native.ringBuffer(mapping), 'ArrayBuffer');
    const metadata = new DataView(buffer);
    const capacity = Number(metadata.getBigUint64(1048, true));
    const words = new Int32Array(buffer, Number(metadata.getBigUint64(1040, true)), capacity >> 2);
    const map = PerfEventArray.openById(id);
    map.set(cpu, event);
    const state = { low: 0, high: 0, records: 0, gaps: 0, started: false, mask: capacity - 1 };
    const positions = new Int32Array(new SharedArrayBuffer(20));
    const group = must(native.ringGroup([mapping], positions), 'ringGroup');
    ring = {
      event,
      mapping,
      group,
      positions,
      words,
      capacity,
      map,
      state,
      program: loadProgram(instructions),
    };
    return { ready: 1 };
  },
  drain({ records, cycles }) {
    const { group, positions, words, capacity, state, program } = ring;
    state.records = 0;
    state.gaps = 0;
    let milliseconds = 0;
    for (let cycle = 0; cycle < cycles; cycle++) {
      program.testRun({ dataIn: PACKET, repeat: records });
      const start = now();
      group.acquire();
      const [, , available, offset] = positions;
      const end = offset + available;
      const reached = scan(words, offset, Math.min(end, capacity), state);
      if (end > capacity) scan(words, reached - capacity, end - capacity, state);
      positions[4] = available;
      group.release();
      milliseconds += now() - start;
    }
    return { ns: Math.round(milliseconds * 1e6), records: state.records, gaps: state.gaps, lost: 0 };
  },
  close() {
    ring.map.close();
    ring.program.close();
    native.ringClose(ring.mapping);
    native.perfEventClose(ring.event);
    ring = null;
    return { closed: 1 };
  },
});
