import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_RINGBUF } from '../../../lib/abi/bpf';
import { addon } from '../../../lib/addon/load';
import { BpfMap } from '../../../lib/bpf/bpf-map';
import { RingBufferMap } from '../../../lib/bpf/ring-buffer-map';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { RingBufferProducer } from '../../support/ring-buffer-producer';

const code = (name: string): Error => expect.objectContaining({ code: name }) as Error;
const page = addon().pageSize();

afterAll(expectNothingLeft);

describeWith(['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_SYS_ADMIN'], 'RingBufferMap', () => {
  it('has the size that was asked for, 256 KiB by default', () => {
    using map = RingBufferMap.create({ name: 'test_ring' });
    expect(map.info).toMatchObject({
      type: BPF_MAP_TYPE_RINGBUF,
      keySize: 0,
      valueSize: 0,
      name: 'test_ring',
    });
    expect(map.capacityBytes).toBe(262_144);
    using small = RingBufferMap.create({ capacityBytes: page });
    expect(small.capacityBytes).toBe(page);
  });

  it.each([0, -1, page / 2, page + 1, 3 * page, 2 ** 32, Number.NaN, '4096'])('has no size of %s', (size) => {
    expect(() => RingBufferMap.create({ capacityBytes: size as number })).toThrow(
      code(size === 2 ** 32 ? 'ERR_PERF_INVALID_ARGUMENT' : 'ERR_PERF_NOT_POWER_OF_TWO'),
    );
  });

  it('has no keys or values', () => {
    const shape = { type: BPF_MAP_TYPE_RINGBUF, keySize: 4, valueSize: 0, maxEntries: page };
    expect(() => BpfMap.create(shape)).toThrow(code('ERR_PERF_INVALID_ARGUMENT'));
    expect(() => BpfMap.create({ ...shape, keySize: 0, valueSize: 4 })).toThrow(
      code('ERR_PERF_INVALID_ARGUMENT'),
    );
  });

  it('takes no unknown option', () => {
    expect(() => RingBufferMap.create({ maxEntries: page } as never)).toThrow(
      code('ERR_PERF_INVALID_OPTION'),
    );
  });

  it('is opened by its id, by a descriptor and by its pin', () => {
    using map = RingBufferMap.create({ capacityBytes: page });
    using byId = RingBufferMap.openById(map.info.id);
    using byFd = RingBufferMap.openByFd(map.fd);
    const directory = mkdtempSync(join(tmpdir(), 'perfring-bpffs-'));
    execFileSync('mount', ['-t', 'bpf', 'bpf', directory]);
    const path = join(directory, 'ring');
    try {
      map.pin(path);
      using pinned = RingBufferMap.openPinned(path);
      expect([byId.info.id, byFd.info.id, pinned.info.id]).toEqual(Array(3).fill(map.info.id));
    } finally {
      execFileSync('umount', [directory]);
      rmdirSync(directory);
    }
  });

  it('is not made of a map of another type', () => {
    using map = BpfMap.create({ type: BPF_MAP_TYPE_ARRAY, keySize: 4, valueSize: 4, maxEntries: 1 });
    expect(() => RingBufferMap.openById(map.info.id)).toThrow(code('ERR_PERF_MAP_TYPE'));
    expect(() => RingBufferMap.openByFd(map.fd)).toThrow(code('ERR_PERF_MAP_TYPE'));
  });

  it('is distinguished from look-alikes', () => {
    using map = RingBufferMap.create({ capacityBytes: page });
    expect([RingBufferMap.is(map), RingBufferMap.is(Object.create(RingBufferMap.prototype))]).toEqual([
      true,
      false,
    ]);
  });

  it('cannot be used after close, and closes twice', () => {
    const map = RingBufferMap.create({ capacityBytes: page });
    map.close();
    map.close();
    expect(map.closed).toBe(true);
    expect(() => map.fd).toThrow(code('ERR_PERF_CLOSED'));
  });

  it.each([false, true])('takes records of programs until it is full (reserves: %s)', (reserves) => {
    using map = RingBufferMap.create({ capacityBytes: page });
    using producer = new RingBufferProducer(map, { size: 44, reserves });
    producer.emit(100);
    expect(producer.counts).toEqual({ emitted: 100, full: 100 - Math.floor(page / 56) });
  });
});
