import { Readable } from 'node:stream';
import type { Consumer } from './consumer';
import { DEFAULT_TURN } from './options';
import { type OwnedRecord, ownedRecord } from './visitors';

/** Records copied before their room in the ring is given back. */
const RECORDS_PER_TURN = 256;

/** A stream of copies: it takes no more from the rings than its buffer holds. */
export function readableOf(
  consumer: Consumer,
  options: { signal?: AbortSignal; highWaterMark?: number },
): Readable {
  const { signal, highWaterMark = RECORDS_PER_TURN } = options;
  return Readable.from(copies(consumer, signal), { objectMode: true, highWaterMark });
}

async function* copies(consumer: Consumer, signal: AbortSignal | undefined): AsyncGenerator<OwnedRecord> {
  const limits = { ...DEFAULT_TURN, records: RECORDS_PER_TURN };
  for await (const batch of consumer.batches(signal, limits)) {
    const records: OwnedRecord[] = [];
    batch.forEach((record) => {
      records.push(ownedRecord(record));
    });
    yield* records;
  }
}
