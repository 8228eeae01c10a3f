import { setImmediate } from 'node:timers/promises';
import { FlightCollection } from '../../../lib/cli/flight-collection';
import { NdjsonFormat } from '../../../lib/cli/formats/ndjson-format';
import { StopRequest } from '../../../lib/cli/stop-request';
import type { RecordVisitor, RingRecord } from '../../../lib/index';
import { lendRecords } from './lent-records';

describe('FlightCollection', () => {
  it('writes a snapshot at each SIGUSR2, and one at the end after the program was ended', async () => {
    const log: string[] = [];
    const recorder = {
      snapshot: () => {
        log.push('snapshot');
        return {
          visit: (visitor: RecordVisitor) => {
            lendRecords([{ payload: Uint8Array.of(1) }], (record: RingRecord) => void visitor(record));
            return 1;
          },
        };
      },
      close: () => log.push('close'),
    };
    const stop = new StopRequest();
    const written: string[] = [];
    const collection = new FlightCollection(recorder);
    const finished = collection.run({
      format: new NdjsonFormat(undefined),
      output: { write: async (chunk) => void written.push(String(chunk)) },
      stop,
      count: undefined,
      stopProducer: () => log.push('producer off'),
      quiet: true,
      sharesTerminal: false,
    });
    process.emit('SIGUSR2', 'SIGUSR2');
    process.emit('SIGUSR2', 'SIGUSR2');
    await setImmediate();
    stop.request('signal');
    await finished;
    await collection.close();
    expect(log).toEqual(['snapshot', 'producer off', 'snapshot', 'close']);
    expect(written.map((text) => text.split('\n')[0])).toEqual([
      '{"type":"snapshot","number":1}',
      '{"type":"snapshot","number":2}',
    ]);
    expect(await collection.summary()).toBe('2 samples in 2 snapshots\n');
    expect(process.listenerCount('SIGUSR2')).toBe(0);
  });
});
