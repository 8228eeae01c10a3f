import { ringGeometry } from '../../../lib/ring/geometry';
import { type PerfRing, perfRingOver } from '../../../lib/ring/perf-ring';
import type { RingRecord } from '../../../lib/records/record';
import { type RecordFormatAttributes, recordFormat } from '../../../lib/records/record-format';
import { CURSOR_KINDS } from '../../support/ring-cursor-kinds';
import { codeOf } from '../../support/ring-errors';
import type { Hostility } from '../../support/ring-hostile-thread';
import { readInEveryWay } from '../../support/ring-reads';
import { sampleBytes } from '../../support/ring-records';
import { RingThread } from '../../support/ring-thread';

const PAGE = 4096;
const CAPACITY = 2 * PAGE;
const { PERFRING_HOSTILE_BATCHES, PERFRING_SEED } = process.env;
const BATCHES = Number(PERFRING_HOSTILE_BATCHES ?? 1_500);
const SEED = Number(PERFRING_SEED ?? Date.now() & 0x7fff_ffff);

/** PERF_SAMPLE_RAW, with a prefix, and with a callchain. */
const FORMATS: readonly RecordFormatAttributes[] = [
  { sample_type: 1 << 10 },
  { sample_type: (1 << 10) | (1 << 2) | (1 << 1) },
  { sample_type: (1 << 10) | (1 << 5) | (1 << 2) },
  {
    // Every field but WEIGHT, whose place WEIGHT_STRUCT has.
    sample_type: 0x1ff_ffff & ~(1 << 14),
    read_format: 31,
    branch_sample_type: 0xf_ffff,
    sample_regs_user: 0xffn,
    sample_regs_intr: 3n,
    sample_id_all: true,
  },
];

describe.each(CURSOR_KINDS)(
  `a ring that another thread changes while it is read, with %s (PERFRING_SEED=${SEED}),`,
  (_, cursors) => {
    /** Runs `use` on rings over memory under attack: there is no assertion about what it finds, only how. */
    async function underAttack(positions: boolean, use: (ring: PerfRing, positions: BigUint64Array) => void) {
      const memory = new SharedArrayBuffer(PAGE + CAPACITY);
      const data = new Uint8Array(memory, PAGE);
      for (let at = 0; at < CAPACITY; at += 64) data.set(sampleBytes(new Uint8Array(52).fill(7)), at);
      const stop = new SharedArrayBuffer(4);
      const hostility: Hostility = { memory, pageSize: PAGE, seed: SEED, stop, positions };
      const thread = new RingThread<number>('ring-hostile-thread.ts', hostility);
      const heads = new BigUint64Array(memory, 1024, 2);
      try {
        await attackBegun(data);
        for (const format of FORMATS) {
          const geometry = ringGeometry(memory, 2, PAGE);
          const made = cursors(geometry);
          const ring = perfRingOver(geometry, { format: recordFormat(format) }, made, made);
          for (let batch = 0; batch < BATCHES; batch++) use(ring, heads);
          ring.close();
        }
        Atomics.store(new Int32Array(stop), 0, 1);
        return await thread.answer;
      } finally {
        await thread.terminate();
      }
    }

    /** Every batch a full ring. */
    function publishAll(heads: BigUint64Array): void {
      Atomics.store(heads, 0, (Atomics.load(heads, 1) & ~7n) + BigInt(CAPACITY));
      Atomics.store(heads, 1, Atomics.load(heads, 0) - BigInt(CAPACITY));
    }

    const look = (record: RingRecord): void => readInEveryWay(record, CAPACITY);

    it('is visited to its end; the only error is a corrupt header, and no read leaves its record', async () => {
      const codes = new Set<string>();
      const writes = await underAttack(false, (ring, heads) => {
        publishAll(heads);
        ring.startReadBatch();
        for (let steps = 0; ring.bytesRemaining() > 0; steps++) {
          expectAtMost(steps, CAPACITY / 8);
          const code = codeOf(() => ring.visit(look));
          codes.add(code);
          if (code !== 'nothing') ring.skipFault();
        }
        ring.finishReadBatch();
      });
      codes.delete('nothing');
      expect([...codes]).toEqual(['ERR_PERF_RING_CORRUPT']);
      expect(writes).toBeGreaterThan(0);
    });

    it('is read record by record to its end; the only error is a corrupt header', async () => {
      const codes = new Set<string>();
      const target = new Uint8Array(CAPACITY);
      await underAttack(false, (ring, heads) => {
        publishAll(heads);
        ring.startReadBatch();
        for (let steps = 0; ring.bytesRemaining() > 0; steps++) {
          expectAtMost(steps, CAPACITY / 8);
          const code = codeOf(() => {
            const copied = ring.peekCopy(target, 0, ring.peekSize());
            expectAtMost(copied, CAPACITY - 8);
            look(ring.peek() as RingRecord);
            ring.pop();
          });
          codes.add(code);
          if (code !== 'nothing') ring.resynchronise();
          if (code !== 'nothing') break;
        }
        codes.add(codeOf(() => ring.finishReadBatch()));
      });
      codes.delete('nothing');
      // The batch is gone after resynchronise().
      expect([...codes].sort()).toEqual(['ERR_PERF_NO_READ_BATCH', 'ERR_PERF_RING_CORRUPT']);
    });

    it('is read and written while another thread changes data_head and data_tail, with the right errors', async () => {
      const codes = new Set<string>();
      const payload = new Uint8Array(52);
      await underAttack(true, (ring) => {
        const read = codeOf(() => {
          ring.startReadBatch();
          ring.visit(look, { limit: 100 });
        });
        const written = codeOf(() => {
          ring.startWriteBatch();
          while (ring.tryWrite(payload) >= 0);
        });
        codes.add(read).add(written);
        codes.add(codeOf(() => ring.finishReadBatch()));
        codes.add(codeOf(() => ring.finishWriteBatch()));
        codes.add(codeOf(() => ring.availableBytes()));
        expectAtMost(ring.resynchronise(), CAPACITY);
      });
      const documented = [
        'nothing',
        'ERR_PERF_RING_CORRUPT',
        'ERR_PERF_NO_READ_BATCH',
        'ERR_PERF_NO_WRITE_BATCH',
        // The formats with a prefix: only the kernel writes those.
        'ERR_PERF_READ_ONLY',
      ];
      expect([...codes].filter((code) => !documented.includes(code))).toEqual([]);
      expect(codes).toContain('ERR_PERF_RING_CORRUPT');
    });
  },
);

/** A thread takes a while to start: waits for its first change. */
async function attackBegun(data: Uint8Array): Promise<void> {
  const before = Buffer.from(data);
  for (let tries = 0; Buffer.compare(before, data) === 0; tries++) {
    expectAtMost(tries, 30_000);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Thousands of calls of jest's expect would take longer than all the rest. */
function expectAtMost(value: number, most: number): void {
  if (!(value <= most)) throw new Error(`${value} is more than ${most}`);
}
