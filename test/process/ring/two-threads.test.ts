import { MMAP_PAGE_DATA_HEAD } from '../../../lib/abi/perf-event';
import { CURSOR_KINDS } from '../../support/ring-cursor-kinds';
import { RingThread } from '../../support/ring-thread';
import type { Traffic, TrafficReport } from '../../support/ring-traffic';

const { PERFRING_LONG_RECORDS, PERFRING_SEED } = process.env;
const LONG_RECORDS = Number(PERFRING_LONG_RECORDS ?? 2_000_000);
const SEED = Number(PERFRING_SEED ?? Date.now() & 0x7fff_ffff);

interface Options
  extends Pick<Traffic, 'dataPageCount' | 'pageSize' | 'records' | 'largestBytes' | 'waiting'> {
  readonly writer: string;
  readonly reader: string;
}

/** Where data_head and data_tail begin: they pass 4 GiB, where their high words change, when so many bytes are read. */
const BEFORE_4_GIB = 2n ** 32n - 524_288n;

async function run({ writer, reader, ...options }: Options): Promise<[TrafficReport, TrafficReport]> {
  const memory = new SharedArrayBuffer((1 + options.dataPageCount) * options.pageSize);
  new BigUint64Array(memory, MMAP_PAGE_DATA_HEAD, 2).fill(BEFORE_4_GIB);
  const traffic = {
    ...options,
    memory,
    signals: new SharedArrayBuffer(8),
    seed: SEED,
  };
  const threads = [
    new RingThread<TrafficReport>('ring-writer-thread.ts', { ...traffic, cursors: writer }),
    new RingThread<TrafficReport>('ring-reader-thread.ts', { ...traffic, cursors: reader }),
  ] as const;
  try {
    // Whichever fails first ends the test; the other would wait in vain.
    return await Promise.all([threads[0].answer, threads[1].answer]);
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
}

const PAIRS = CURSOR_KINDS.flatMap(([writer]) =>
  CURSOR_KINDS.flatMap(([reader]) =>
    (['sleep', 'spin'] as const).map((waiting) => ({ writer, reader, waiting })),
  ),
);

/** Who the long runs are by: what users have, where the addon is built. */
const LAST = PAIRS.at(-1) as (typeof PAIRS)[number];

/** Threads that ask again at once take turns by the scheduler's grace on a busy machine: fewer for them. */
const RECORDS = { sleep: 200_000, spin: 20_000 };

describe(`two threads over one SharedArrayBuffer (PERFRING_SEED=${SEED})`, () => {
  it.each(PAIRS)(
    'pass records of random sizes, every byte right: writer by $writer, reader by $reader, who $waiting',
    async (pair) => {
      const size = { dataPageCount: 2, pageSize: 4096, largestBytes: 1000, records: RECORDS[pair.waiting] };
      const [written, read] = await run({ ...size, ...pair });
      expect(read).toMatchObject({ records: size.records, bytes: written.bytes });
    },
  );

  it('pass the largest possible records through a ring with room for little more than one', async () => {
    const size = { dataPageCount: 16, pageSize: 4096, largestBytes: 65_516, records: 5_000 };
    const [written, read] = await run({ ...size, ...LAST, waiting: 'sleep' });
    expect(read).toMatchObject({ records: 5_000, bytes: written.bytes });
  });

  it(
    `pass ${LONG_RECORDS} records (PERFRING_LONG_RECORDS) through 64 KiB`,
    async () => {
      const size = { dataPageCount: 16, pageSize: 4096, largestBytes: 300, records: LONG_RECORDS };
      const [written, read] = await run({ ...size, ...LAST, waiting: 'sleep' });
      expect(read).toMatchObject({ records: LONG_RECORDS, bytes: written.bytes });
      // Far more than the ring holds at once: it was filled and wrapped again and again.
      expect(read.bytes).toBeGreaterThan(100 * 16 * 4096);
    },
    60_000 + LONG_RECORDS / 100,
  );
});
