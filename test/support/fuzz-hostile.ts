import { PERF_SAMPLE_CALLCHAIN, PERF_SAMPLE_RAW, PERF_SAMPLE_TIME } from '../../lib/abi/perf-event';
import { decoderFor } from '../../lib/layout/sample-decoder';
import { defineLayout } from '../../lib/layout/sample-layout';
import { Dispatcher } from '../../lib/delivery/dispatcher';
import { RingReader } from '../../lib/merge/ring-reader';
import { PerfRing } from '../../lib/ring/perf-ring';
import type { RingRecord } from '../../lib/records/record';
import { type RecordFormatAttributes, recordFormat } from '../../lib/records/record-format';
import { FuzzRandom } from './fuzz-random';
import { codeOf } from './ring-errors';
import type { Hostility } from './ring-hostile-thread';
import { decodeOrRefuse, readInEveryWay } from './ring-reads';
import { RingThread } from './ring-thread';

const PAGE = 4096;
const PASSES_IN_A_SEQUENCE = 200;
const FORMATS: readonly RecordFormatAttributes[] = [
  { sample_type: PERF_SAMPLE_RAW },
  { sample_type: PERF_SAMPLE_RAW | PERF_SAMPLE_TIME },
  { sample_type: PERF_SAMPLE_RAW | PERF_SAMPLE_TIME | PERF_SAMPLE_CALLCHAIN },
  {
    // Every field except WEIGHT, which WEIGHT_STRUCT excludes.
    sample_type: 0x1ff_ffff & ~(1 << 14),
    read_format: 31,
    branch_sample_type: 0xf_ffff,
    sample_regs_user: 0xffn,
    sample_regs_intr: 3n,
    sample_id_all: true,
  },
];
/** The end of the last field of the decoded layout, in bytes. */
const LAYOUT_END = 33;
/** The possible outcomes of reading a ring whose positions another thread changes meanwhile. */
const DOCUMENTED: ReadonlySet<string> = new Set(['nothing', 'ERR_PERF_RING_CORRUPT']);

/** Two rings that a hostile thread changes while they are merged, dispatched and decoded. */
export class HostileThread {
  readonly #memories = [1, 2].map((pages) => new SharedArrayBuffer((1 + pages) * PAGE));
  readonly #stop = new SharedArrayBuffer(4);
  readonly #threads: readonly RingThread<number>[];
  readonly #decode = decoderFor(
    defineLayout([
      { name: 'a', kind: 'u64' },
      { name: 'b', kind: 'char[16]' },
      { name: 'c', kind: 'bytes[9]' },
    ]),
  );

  constructor(seed: number) {
    this.#threads = this.#memories.map((memory, index) => {
      const hostility: Hostility = {
        memory,
        pageSize: PAGE,
        seed: seed + index,
        stop: this.#stop,
        positions: true,
      };
      return new RingThread<number>('ring-hostile-thread.ts', hostility);
    });
  }

  async sequence(seed: number): Promise<{ findings: string[]; cases: number }> {
    const random = new FuzzRandom(seed);
    const format = recordFormat(random.pick(FORMATS));
    const rings = this.#memories.map((memory, cpu) =>
      PerfRing.initContiguous(memory, memory.byteLength / PAGE - 1, PAGE, { format, cpu }),
    );
    const capacity = Math.max(...rings.map((ring) => ring.capacityBytes));
    const most = rings.reduce((sum, ring) => sum + ring.capacityBytes / 8, 0);
    let seen = 0;
    const look = (record: RingRecord): void => {
      if (++seen > most) throw new Error('no end');
      readInEveryWay(record, capacity);
      decodeOrRefuse(this.#decode, record, LAYOUT_END);
    };
    const dispatcher = new Dispatcher({
      typeBytes: 1,
      onError: (error) => {
        throw error;
      },
    });
    for (let type = 0; type < 256; type++) dispatcher.onMessage(type, look);
    const reader = new RingReader({ live: random.chance(50), onFault: () => undefined });
    for (const ring of rings) reader.addRing(ring);
    const findings: string[] = [];
    for (let pass = 0; pass < PASSES_IN_A_SEQUENCE; pass++) {
      seen = 0;
      const codes = [
        codeOf(() => {
          reader.start();
          if (random.chance(50)) reader.visit(dispatcher.visitors.sample, { other: look, limit: 10_000 });
          else
            for (let record = reader.peek(); record !== null && seen < most; record = reader.peek()) {
              look(record);
              reader.pop();
            }
        }),
        codeOf(() => reader.finish()),
      ];
      for (const code of codes)
        if (!DOCUMENTED.has(code) && code !== 'ERR_PERF_NO_READ_BATCH') findings.push(code);
    }
    for (const ring of rings) ring.close();
    // The threads start only when this one returns to the event loop.
    await new Promise(setImmediate);
    return { findings, cases: PASSES_IN_A_SEQUENCE };
  }

  async end(): Promise<string[]> {
    Atomics.store(new Int32Array(this.#stop), 0, 1);
    try {
      const writes = await Promise.all(this.#threads.map((thread) => thread.answer));
      return writes.every((count) => count > 0) ? [] : ['the threads wrote nothing'];
    } finally {
      await Promise.all(this.#threads.map((thread) => thread.terminate()));
    }
  }
}
