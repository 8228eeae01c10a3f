import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_HASH,
  BPF_MAP_TYPE_PERCPU_ARRAY,
  BPF_MAP_TYPE_PERF_EVENT_ARRAY,
} from '../../../lib/abi/bpf';
import { BpfMap } from '../../../lib/bpf/bpf-map';
import { PerfEventArray } from '../../../lib/bpf/perf-event-array';
import { possibleCpus } from '../../../lib/host/cpu-list';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';

const HASH = { type: BPF_MAP_TYPE_HASH, keySize: 4, valueSize: 8, maxEntries: 2, name: 'test_hash' };
const ONE = Uint8Array.of(1, 0, 0, 0);
const EIGHT = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

afterAll(expectNothingLeft);

describeWith(['CAP_BPF'], 'BpfMap', () => {
  it('has a description', () => {
    using map = BpfMap.create(HASH);
    expect(map.info).toMatchObject({ ...HASH, flags: 0 });
    expect(map.info.id).toBeGreaterThan(0);
    expect(map.valueBytes).toBe(8);
  });

  it('keeps values, and returns null for missing keys', () => {
    using map = BpfMap.create(HASH);
    expect(map.lookup(ONE)).toBeNull();
    map.update(ONE, EIGHT);
    expect(map.lookup(ONE)).toEqual(EIGHT);
    const target = new Uint8Array(8);
    expect(map.lookup(ONE, target)).toBe(target);
    expect(target).toEqual(EIGHT);
    expect(map.delete(ONE)).toBe(true);
    expect(map.delete(ONE)).toBe(false);
  });

  it('has a value for each possible CPU in a per-CPU map, each rounded up to 8 bytes', () => {
    using map = BpfMap.create({ type: BPF_MAP_TYPE_PERCPU_ARRAY, keySize: 4, valueSize: 4, maxEntries: 1 });
    expect(map.lookup(Uint8Array.of(0, 0, 0, 0))).toHaveLength(8 * possibleCpus().length);
  });

  it.each([
    ['a shape no map has', { ...HASH, type: BPF_MAP_TYPE_ARRAY, keySize: 8 }, 'EINVAL'],
    ['a type no map has', { ...HASH, type: 9999 }, 'EINVAL'],
    ['a name the kernel does not take', { ...HASH, name: 'no spaces' }, 'ERR_PERF_INVALID_ARGUMENT'],
    ['a name past 15 characters', { ...HASH, name: 'abcdefghijklmnop' }, 'ERR_PERF_INVALID_ARGUMENT'],
    ['a negative size', { ...HASH, valueSize: -1 }, 'ERR_PERF_INVALID_ARGUMENT'],
  ])('is not created with %s', (_what, options, code) => {
    expect(() => BpfMap.create(options)).toThrow(expect.objectContaining({ code }));
  });

  it('refuses keys and values of other lengths before it asks the kernel', () => {
    using map = BpfMap.create(HASH);
    const refused = expect.objectContaining({ code: 'ERR_PERF_INVALID_ARGUMENT' });
    expect(() => map.lookup(new Uint8Array(3))).toThrow(refused);
    expect(() => map.lookup(ONE, new Uint8Array(9))).toThrow(refused);
    expect(() => map.update(ONE, new Uint8Array(4))).toThrow(refused);
    expect(() => map.delete(new Uint8Array(8))).toThrow(refused);
  });

  it('says that it is full', () => {
    using map = BpfMap.create(HASH);
    for (let key = 0; key < 2; key++) map.update(Uint8Array.of(key, 0, 0, 0), EIGHT);
    expect(() => map.update(Uint8Array.of(9, 0, 0, 0), EIGHT)).toThrow(
      expect.objectContaining({ code: 'E2BIG' }),
    );
  });

  it('is another view of the same map when opened by descriptor', () => {
    using map = BpfMap.create(HASH);
    using other = BpfMap.openByFd(map.fd);
    expect(other.fd).not.toBe(map.fd);
    map.update(ONE, EIGHT);
    expect(other.lookup(ONE)).toEqual(EIGHT);
  });

  it('refuses a descriptor that is not a map, or not open', () => {
    expect(() => BpfMap.openByFd(0)).toThrow(expect.objectContaining({ code: 'ERR_PERF_MAP_TYPE' }));
    expect(() => BpfMap.openByFd(99_999)).toThrow(expect.objectContaining({ code: 'EBADF' }));
    expect(() => BpfMap.openByFd(-1)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^(EBADF|ERR_PERF_INVALID_ARGUMENT)$/) }),
    );
  });

  it('cannot be used after close, and closes twice', () => {
    const map = BpfMap.create(HASH);
    map.close();
    map.close();
    expect(map.closed).toBe(true);
    for (const use of [
      () => map.fd,
      () => map.lookup(ONE),
      () => map.delete(ONE),
      () => map.pin('/nowhere'),
    ]) {
      expect(use).toThrow(expect.objectContaining({ code: 'ERR_PERF_CLOSED' }));
    }
  });

  describeWith(['CAP_SYS_ADMIN'], 'by id', () => {
    it('is another view of the same map', () => {
      using map = BpfMap.create(HASH);
      using other = BpfMap.openById(map.info.id);
      expect(other.info).toEqual(map.info);
    });

    it('cannot be changed when opened read-only', () => {
      using map = BpfMap.create(HASH);
      map.update(ONE, EIGHT);
      using other = BpfMap.openById(map.info.id, { readOnly: true });
      expect(other.lookup(ONE)).toEqual(EIGHT);
      expect(() => other.update(ONE, EIGHT)).toThrow(
        expect.objectContaining({ code: 'EPERM', message: expect.stringContaining('read-only') }),
      );
    });

    it('says that no map has the id', () => {
      expect(() => BpfMap.openById(0x7fff_ffff)).toThrow(
        expect.objectContaining({ code: 'ENOENT', syscall: 'bpf(BPF_MAP_GET_FD_BY_ID)' }),
      );
    });
  });

  describeWith(['CAP_SYS_ADMIN'], 'pinned', () => {
    let directory: string;

    beforeAll(() => {
      directory = mkdtempSync(join(tmpdir(), 'perfring-bpffs-'));
      execFileSync('mount', ['-t', 'bpf', 'bpf', directory]);
    });

    afterAll(() => {
      execFileSync('umount', [directory]);
      rmdirSync(directory);
    });

    it('still exists under its path after its descriptors are closed', () => {
      const path = join(directory, 'map');
      const map = BpfMap.create(HASH);
      map.update(ONE, EIGHT);
      map.pin(path);
      expect(() => map.pin(path)).toThrow(expect.objectContaining({ code: 'EEXIST' }));
      map.close();
      using other = BpfMap.openPinned(path, { readOnly: true });
      expect(other.lookup(ONE)).toEqual(EIGHT);
      expect(() => other.delete(ONE)).toThrow(expect.objectContaining({ code: 'EPERM' }));
      unlinkSync(path);
    });

    it('is opened as a perf event array only if it is one', () => {
      const path = join(directory, 'array');
      using map = BpfMap.create(HASH);
      map.pin(path);
      expect(() => PerfEventArray.openPinned(path)).toThrow(
        expect.objectContaining({ code: 'ERR_PERF_MAP_TYPE', message: expect.stringContaining('of type 1') }),
      );
      unlinkSync(path);
      using array = PerfEventArray.create();
      array.pin(path);
      using other = PerfEventArray.openPinned(path);
      expect(other.info).toMatchObject({ id: array.info.id, type: BPF_MAP_TYPE_PERF_EVENT_ARRAY });
      unlinkSync(path);
    });

    it('says what to do when the path is not a pin', () => {
      const file = join(tmpdir(), `perfring-no-pin-${process.pid}`);
      writeFileSync(file, '');
      try {
        expect(() => BpfMap.openPinned(file)).toThrow(
          expect.objectContaining({ code: 'EACCES', message: expect.stringContaining('bpf file system') }),
        );
        using map = BpfMap.create(HASH);
        expect(() => map.pin(`${file}.map`)).toThrow(
          expect.objectContaining({ code: 'EPERM', message: expect.stringContaining('mount -t bpf') }),
        );
      } finally {
        unlinkSync(file);
      }
      expect(() => BpfMap.openPinned(join(directory, 'nothing'))).toThrow(
        expect.objectContaining({ code: 'ENOENT' }),
      );
    });
  });
});
