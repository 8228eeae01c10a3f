import { MemoryRingStorage, type MemoryRingStorageOptions } from '../../../lib/storage/memory-ring-storage';
import { codeOf } from '../../support/ring-errors';

function roundTrip(storage: MemoryRingStorage, payload: Uint8Array): Uint8Array {
  const { ring } = storage;
  ring.startWriteBatch();
  ring.write(payload);
  ring.finishWriteBatch();
  ring.startReadBatch();
  const target = new Uint8Array(payload.length);
  ring.peekCopy(target);
  ring.pop();
  ring.finishReadBatch();
  return target;
}

describe('MemoryRingStorage', () => {
  it.each([false, true])('holds a ring in memory of its own (shared: %p)', (shared) => {
    using storage = new MemoryRingStorage({ dataPageCount: 4, shared });
    expect(storage.ring.capacityBytes).toBe(4 * 4096);
    expect([storage.dataPageCount, storage.pageSize, storage.fileDescriptor]).toEqual([4, 4096, -1]);
    expect(storage.unsafeMemory.constructor.name).toBe(shared ? 'SharedArrayBuffer' : 'ArrayBuffer');
    expect(storage.unsafeMemory.byteLength).toBe(5 * 4096);
    const payload = Uint8Array.of(1, 2, 3, 4);
    for (let round = 0; round < 2000; round++) expect(roundTrip(storage, payload)).toEqual(payload);
  });

  it('can use the memory of another storage: one reads what the other writes', () => {
    using writer = new MemoryRingStorage({ dataPageCount: 1, pageSize: 2048, shared: true });
    using reader = new MemoryRingStorage({
      dataPageCount: 1,
      pageSize: 2048,
      memory: writer.unsafeMemory,
      cpu: 5,
    });
    writer.ring.startWriteBatch();
    writer.ring.write(Uint8Array.of(7));
    writer.ring.finishWriteBatch();
    expect(reader.ring.startReadBatch()).toBe(16);
    expect([reader.ring.peek()?.u8(0), reader.ring.peek()?.cpu]).toEqual([7, 5]);
  });

  it('closes its ring for good', () => {
    const storage = new MemoryRingStorage({ dataPageCount: 1 });
    expect(storage.closed).toBe(false);
    storage.close();
    storage.close();
    storage[Symbol.dispose]();
    expect([storage.closed, storage.ring.closed]).toEqual([true, true]);
    expect(codeOf(() => storage.ring.startReadBatch())).toBe('ERR_PERF_CLOSED');
  });

  it.each<[unknown, string]>([
    [{ dataPageCount: 0 }, 'ERR_PERF_NO_DATA_PAGES'],
    [{ dataPageCount: 3 }, 'ERR_PERF_NOT_POWER_OF_TWO'],
    [{ dataPageCount: -1 }, 'ERR_PERF_INVALID_ARGUMENT'],
    [{ dataPageCount: 2 ** 50 }, 'ERR_PERF_INVALID_OPTION'],
    [{ dataPageCount: Number.NaN }, 'ERR_PERF_INVALID_ARGUMENT'],
    [{ dataPageCount: 1, pageSize: 1000 }, 'ERR_PERF_NOT_POWER_OF_TWO'],
    [{ dataPageCount: 1, pageSize: 1024 }, 'ERR_PERF_INVALID_ARGUMENT'],
    [{ dataPageCount: 2, memory: new ArrayBuffer(8192) }, 'ERR_PERF_MEMORY_TOO_SHORT'],
    [{ dataPageCount: 1, memory: 'memory' }, 'ERR_PERF_INVALID_ARGUMENT'],
    [{ dataPageCount: 1, timeInPayload: 3 }, 'ERR_PERF_INVALID_OPTION'],
    [{}, 'ERR_PERF_INVALID_ARGUMENT'],
  ])('refuses the options %p', (options, code) => {
    expect(codeOf(() => new MemoryRingStorage(options as MemoryRingStorageOptions))).toBe(code);
  });
});
