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

async function run({ writer, reader, ...options }: Options): Promise<[TrafficReport, TrafficReport]> {
  const traffic = {
    ...options,
    memory: new SharedArrayBuffer((1 + options.dataPageCount) * options.pageSize),
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

  it('pass the largest records there are, through a ring that holds hardly more than one', async () => {
    const size = { dataPageCount: 16, pageSize: 4096, largestBytes: 65_516, records: 5_000 };
    const [cursors] = CURSOR_KINDS.at(-1) as [string, unknown];
    const [written, read] = await run({ ...size, writer: cursors, reader: cursors, waiting: 'sleep' });
    expect(read).toMatchObject({ records: 5_000, bytes: written.bytes });
  });

  it(
    `pass ${LONG_RECORDS} records (PERFRING_LONG_RECORDS) through 64 KiB`,
    async () => {
      const size = { dataPageCount: 16, pageSize: 4096, largestBytes: 300, records: LONG_RECORDS };
      const [cursors] = CURSOR_KINDS.at(-1) as [string, unknown];
      const [written, read] = await run({ ...size, writer: cursors, reader: cursors, waiting: 'sleep' });
      expect(read).toMatchObject({ records: LONG_RECORDS, bytes: written.bytes });
      // Far more than the ring holds at once: it was filled and wrapped again and again.
      expect(read.bytes).toBeGreaterThan(100 * 16 * 4096);
    },
    60_000 + LONG_RECORDS / 100,
  );
});
