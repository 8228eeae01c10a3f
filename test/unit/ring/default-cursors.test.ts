import { PerfRing } from '../../../lib/ring/perf-ring';
import { payloadOf } from '../../support/ring-records';

jest.mock('../../../lib/addon/load', () => ({
  addonAvailable: () => false,
  addon: () => {
    throw new Error('there is no addon');
  },
}));

describe('PerfRing where the addon is not built', () => {
  it('writes and reads memory all the same', () => {
    const ring = PerfRing.initContiguous(new SharedArrayBuffer(4096), 1, 2048);
    ring.startWriteBatch();
    ring.write(payloadOf(20));
    ring.finishWriteBatch();
    ring.startReadBatch();
    const copies: Uint8Array[] = [];
    expect(ring.visit((record) => copies.push(record.bytes()))).toBe(1);
    ring.finishReadBatch();
    expect(copies).toEqual([payloadOf(20)]);
    expect(ring.availableBytes()).toBe(0);
  });
});
