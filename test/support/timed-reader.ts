import { RingReader, type RingReaderOptions } from '../../lib/merge/ring-reader';
import type { RingRecord } from '../../lib/records/record';
import type { RingFixture } from './ring-fixture';
import { publishTimed, timedRing, timedSample } from './timed-rings';

/** Rings of CPU 0, 1, …, each with samples of these times. The id of a sample is its index in its list. */
export function ringsWith(...times: readonly (readonly (number | bigint)[])[]): RingFixture[] {
  return times.map((list, cpu) => {
    const fixture = timedRing({ cpu });
    publishTimed(
      fixture,
      list.map((time, id) => timedSample(BigInt(time), id)),
    );
    return fixture;
  });
}

export function readerOf(
  fixtures: readonly RingFixture[],
  options: RingReaderOptions = { live: false },
): RingReader {
  const reader = new RingReader(options);
  for (const { ring } of fixtures) reader.addRing(ring);
  return reader;
}

/** `cpu:time`, with `!` after it if the record is late. */
export const seenAs = (record: RingRecord): string => `${record.cpu}:${record.time}${record.late ? '!' : ''}`;

export function visitAll(reader: RingReader, limit = Number.POSITIVE_INFINITY): string[] {
  const seen: string[] = [];
  reader.visit(
    (record) => {
      seen.push(seenAs(record));
    },
    { limit },
  );
  return seen;
}

/** Makes a whole pass. @returns the visited records, as {@link seenAs} */
export function pass(reader: RingReader): string[] {
  reader.start();
  const seen = visitAll(reader);
  reader.finish();
  return seen;
}
