import { BpfRing } from '../../../lib/bpf-ring/bpf-ring';
import { BUSY, CORRUPT } from '../../../lib/bpf-ring/bpf-ring-cursors';
import { BpfMemoryRing } from '../../support/bpf-memory-ring';

const PAYLOAD = new Uint8Array(16).fill(7);
const RECORD_BYTES = 24;

/** Reads a batch. @returns records delivered */
function drain(ring: BpfRing): number {
  ring.beginBatch();
  let records = 0;
  while (ring.bytesLeft > 0) {
    records += ring.visit(
      (record) => expect(record.u8(0)).toBe(7),
      () => undefined,
      1000,
    );
  }
  ring.finishBatch();
  return records;
}

describe('MappedBpfCursors', () => {
  it('acquire by pending_pos all records but the last one, and that by its header', () => {
    const memory = new BpfMemoryRing();
    const { cursors } = memory.mappedParts;
    for (let i = 0; i < 50; i++) memory.output(PAYLOAD);
    expect(memory.pending).toBe(BigInt(49 * RECORD_BYTES));
    const published = cursors.available(0);
    expect(published).toBe(50 * RECORD_BYTES);
    expect(cursors.committed(0, 0, published, 1)).toBe(50 * RECORD_BYTES);
    expect(cursors.committed(0, 49 * RECORD_BYTES, published, 1)).toBe(RECORD_BYTES);
    memory.reserve(16);
    expect(cursors.committed(0, 0, published + RECORD_BYTES, 1)).toBe(50 * RECORD_BYTES);
    expect(cursors.committed(0, 50 * RECORD_BYTES, published + RECORD_BYTES, 1)).toBe(BUSY);
  });

  it.each<[string, (memory: BpfMemoryRing) => bigint]>([
    ['0, as before Linux 6.10', () => 0n],
    ['after producer_pos', (memory) => memory.producer + 24n],
    ['before consumer_pos', (memory) => memory.consumer - 24n],
    ['anything', () => 0x1234_5678_9abc_def0n],
  ])('walk over headers where pending_pos is %s', (_what, pendingOf) => {
    const memory = new BpfMemoryRing(4096, 2n ** 32n - 48n);
    const ring = new BpfRing(memory.mappedParts);
    for (let i = 0; i < 50; i++) memory.output(PAYLOAD);
    memory.reserve(16);
    memory.pending = pendingOf(memory);
    expect(drain(ring)).toBe(50);
    expect(memory.producer - memory.consumer).toBe(BigInt(RECORD_BYTES));
  });

  it('deliver no record before it is committed, where pending_pos lies', () => {
    const memory = new BpfMemoryRing();
    const faults: unknown[] = [];
    const ring = new BpfRing(memory.mappedParts);
    ring.onFault = (fault) => faults.push(fault);
    for (let i = 0; i < 10; i++) memory.output(PAYLOAD);
    const busy = memory.reserve(16);
    for (let i = 0; i < 10; i++) memory.output(PAYLOAD);
    memory.pending = memory.producer;
    expect([drain(ring), drain(ring)]).toEqual([10, 0]);
    if (busy === null) throw new Error('full');
    memory.write(busy, PAYLOAD);
    memory.commit(busy);
    expect([drain(ring), faults]).toEqual([11, []]);
  });

  it('find a header that ends after producer_pos', () => {
    const memory = new BpfMemoryRing();
    const { cursors } = memory.mappedParts;
    memory.output(PAYLOAD);
    memory.setHeader(0n, 17);
    expect(cursors.committed(0, 0, RECORD_BYTES, 1)).toBe(CORRUPT);
  });
});
