import { constants } from 'node:os';
import {
  BPF_ANY,
  BPF_F_TEST_RUN_ON_CPU,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_HASH,
  BPF_MAP_TYPE_PERCPU_ARRAY,
  BPF_MAP_TYPE_PERF_EVENT_ARRAY,
  BPF_PROG_TYPE_RAW_TRACEPOINT,
  BPF_PROG_TYPE_SCHED_CLS,
} from '../../../lib/abi/bpf';
import { BAD_ARGUMENT, type BpfMapHandle } from '../../../lib/addon/contract';
import { addon } from '../../../lib/addon/load';
import * as asm from '../../../lib/bpf/instructions';
import { possibleCpus } from '../../../lib/host/cpu-list';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith, READER_CAPABILITIES } from '../../support/privilege';
import {
  CPU,
  loadIdleProgram,
  loadProgram,
  NO_BYTES,
  opened,
  openOutputEvent,
  PACKET,
} from './kernel-fixture';

const { EBADF, EINVAL, ENOENT, ENOSPC } = constants.errno;
const native = addon();

function createMap(type: number, keySize: number, valueSize: number, maxEntries = 4): BpfMapHandle {
  return opened(native.bpfMapCreate(type, keySize, valueSize, maxEntries, 0, 'addon_test'));
}

describeWith(READER_CAPABILITIES, 'bpf(2)', () => {
  describe('maps', () => {
    it('have a description', () => {
      const map = createMap(BPF_MAP_TYPE_HASH, 8, 12, 5);
      expect(native.bpfMapInfo(map)).toEqual({
        type: BPF_MAP_TYPE_HASH,
        id: expect.any(Number),
        keySize: 8,
        valueSize: 12,
        maxEntries: 5,
        flags: 0,
        name: 'addon_test',
        btfId: 0,
        keyTypeId: 0,
        valueTypeId: 0,
      });
      native.bpfMapClose(map);
    });

    it('are opened by descriptor and by id, each time as the same map', () => {
      const map = createMap(BPF_MAP_TYPE_ARRAY, 4, 8);
      const info = native.bpfMapInfo(map);
      if (typeof info === 'number') throw new Error(`bpfMapInfo answered ${info}`);
      const byFd = opened(native.bpfMapOpenFd(native.bpfMapFd(map)));
      const byId = opened(native.bpfMapOpenId(info.id, 0));
      expect(native.bpfMapFd(byFd)).not.toBe(native.bpfMapFd(map));
      expect(native.bpfMapInfo(byFd)).toEqual(info);
      expect(native.bpfMapInfo(byId)).toEqual(info);
      for (const one of [map, byFd, byId]) native.bpfMapClose(one);
    });

    it('keep values, and report missing keys', () => {
      const map = createMap(BPF_MAP_TYPE_HASH, 4, 8);
      const key = Uint8Array.of(1, 2, 3, 4);
      const value = new Uint8Array(8);
      expect(native.bpfMapLookup(map, key, value)).toBe(-ENOENT);
      expect(native.bpfMapUpdate(map, key, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), BPF_ANY)).toBe(0);
      expect(native.bpfMapLookup(map, key, value)).toBe(0);
      expect(value).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
      expect(native.bpfMapDelete(map, key)).toBe(0);
      expect(native.bpfMapDelete(map, key)).toBe(-ENOENT);
      native.bpfMapClose(map);
    });

    it('refuse a key or value of another length: the kernel would read or write past its end', () => {
      const map = createMap(BPF_MAP_TYPE_HASH, 8, 16);
      const key = new Uint8Array(8);
      const value = new Uint8Array(16);
      for (const length of [0, 7, 9]) {
        const wrong = new Uint8Array(length);
        expect(native.bpfMapUpdate(map, wrong, value, BPF_ANY)).toBe(BAD_ARGUMENT);
        expect(native.bpfMapLookup(map, wrong, value)).toBe(BAD_ARGUMENT);
        expect(native.bpfMapDelete(map, wrong)).toBe(BAD_ARGUMENT);
        expect(native.bpfMapUpdate(map, key, wrong, BPF_ANY)).toBe(BAD_ARGUMENT);
        expect(native.bpfMapLookup(map, key, wrong)).toBe(BAD_ARGUMENT);
      }
      native.bpfMapClose(map);
    });

    it('hold a value for each possible CPU when they are per-CPU maps', () => {
      const map = createMap(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 12);
      const key = new Uint8Array(4);
      const value = new Uint8Array(16 * possibleCpus().length).fill(3);
      expect(native.bpfMapLookup(map, key, new Uint8Array(12))).toBe(BAD_ARGUMENT);
      expect(native.bpfMapLookup(map, key, value)).toBe(0);
      expect(value.every((byte) => byte === 0)).toBe(true);
      native.bpfMapClose(map);
    });

    it('take an event only into a slot of a perf event array', () => {
      const event = openOutputEvent();
      const array = createMap(BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, CPU + 1);
      const other = createMap(BPF_MAP_TYPE_ARRAY, 4, 4);
      expect(native.bpfMapSetEvent(array, CPU, event)).toBe(0);
      expect(native.bpfMapSetEvent(array, CPU + 1, event)).toBeLessThan(0);
      expect(native.bpfMapSetEvent(other, 0, event)).toBe(-EINVAL);
      expect(native.bpfMapDelete(array, new Uint8Array(Uint32Array.of(CPU).buffer))).toBe(0);
      native.bpfMapClose(array);
      native.bpfMapClose(other);
      native.perfEventClose(event);
    });

    it('are not opened by a descriptor of something else', () => {
      const program = loadIdleProgram();
      const event = openOutputEvent();
      for (const fd of [native.bpfProgramFd(program), native.perfEventFd(event), 0]) {
        const map = opened(native.bpfMapOpenFd(fd));
        expect(native.bpfMapInfo(map)).toBe(-EINVAL);
        expect(native.bpfMapUpdate(map, new Uint8Array(4), new Uint8Array(4), BPF_ANY)).toBe(-EINVAL);
        expect(native.bpfMapLookup(map, new Uint8Array(4), new Uint8Array(4))).toBe(-EINVAL);
        expect(native.bpfMapSetEvent(map, 0, event)).toBe(-EINVAL);
        expect(native.bpfMapPin(map, '/sys/fs/bpf/perfring_addon_test')).toBe(-EINVAL);
        native.bpfMapClose(map);
      }
      native.bpfProgramClose(program);
      native.perfEventClose(event);
    });

    it('return the errno of what is not there', () => {
      expect(native.bpfMapOpenFd(1_000_000)).toBe(-EBADF);
      expect(native.bpfMapOpenId(0xffff_fff0, 0)).toBe(-ENOENT);
      expect(native.bpfMapOpenPinned('/nowhere/map', 0)).toBe(-ENOENT);
      expect(native.bpfMapCreate(0x7fff_ffff, 4, 4, 1, 0, '')).toBe(-EINVAL);
    });

    it('refuse a name or path with a NUL, or that is too long', () => {
      expect(native.bpfMapCreate(BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0, 'a\0b')).toBe(BAD_ARGUMENT);
      expect(native.bpfMapCreate(BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0, 'sixteen_letters_')).toBe(BAD_ARGUMENT);
      expect(native.bpfMapOpenPinned('/sys/fs/bpf/a\0b', 0)).toBe(BAD_ARGUMENT);
      expect(native.bpfMapOpenPinned('x'.repeat(4096), 0)).toBe(BAD_ARGUMENT);
      const map = createMap(BPF_MAP_TYPE_ARRAY, 4, 4);
      expect(native.bpfMapPin(map, '/sys/fs/bpf/a\0b')).toBe(BAD_ARGUMENT);
      native.bpfMapClose(map);
    });

    it('are bad arguments once closed', () => {
      const map = createMap(BPF_MAP_TYPE_ARRAY, 4, 4);
      expect(native.bpfMapClose(map)).toBe(0);
      expect(native.bpfMapClose(map)).toBe(0);
      expect(native.bpfMapInfo(map)).toBe(BAD_ARGUMENT);
      expect(native.bpfMapFd(map)).toBe(BAD_ARGUMENT);
      expect(native.bpfMapLookup(map, new Uint8Array(4), new Uint8Array(4))).toBe(BAD_ARGUMENT);
    });
  });

  describe('programs', () => {
    const bad = asm.assemble([asm.mov('r0', 'r3'), asm.exit()]);

    it('return the errno and the text of the verifier', () => {
      const log = new Uint8Array(65_536);
      const answer = native.bpfProgramLoad(BPF_PROG_TYPE_SCHED_CLS, bad, 'GPL', 'bad', log);
      expect([-EINVAL, -constants.errno.EACCES]).toContain(answer);
      expect(Buffer.from(log).toString('latin1', 0, log.indexOf(0))).toContain('R3 !read_ok');
    });

    it('return the errno of a log that is too short, and write within it', () => {
      const memory = new Uint8Array(512).fill(0xee);
      const log = memory.subarray(0, 200);
      const lines = Array.from({ length: 50 }, () => asm.mov('r0', 0));
      const instructions = asm.assemble([...lines, asm.mov('r0', 'r3'), asm.exit()]);
      expect(native.bpfProgramLoad(BPF_PROG_TYPE_SCHED_CLS, instructions, 'GPL', 'bad', log)).toBe(-ENOSPC);
      expect(memory.subarray(200).every((byte) => byte === 0xee)).toBe(true);
    });

    it('take whole instructions, and at least one', () => {
      const log = NO_BYTES;
      for (const length of [0, 7, 9]) {
        const instructions = new Uint8Array(length);
        expect(native.bpfProgramLoad(BPF_PROG_TYPE_SCHED_CLS, instructions, 'GPL', '', log)).toBe(
          BAD_ARGUMENT,
        );
      }
    });

    it('run `repeat` times, and return their result', () => {
      const counter = createMap(BPF_MAP_TYPE_ARRAY, 4, 8, 1);
      const program = loadProgram(
        BPF_PROG_TYPE_SCHED_CLS,
        asm.assemble([
          asm.loadMapValue('r1', native.bpfMapFd(counter)),
          asm.mov('r2', 1),
          asm.atomicAdd('u64', 'r1', 0, 'r2'),
          asm.mov('r0', 5),
          asm.exit(),
        ]),
      );
      expect(native.bpfProgramTestRun(program, PACKET, NO_BYTES, 1000, 0, 0)).toEqual({
        returnValue: 5,
        durationNanoseconds: expect.any(Number),
      });
      const value = new Uint8Array(8);
      native.bpfMapLookup(counter, new Uint8Array(4), value);
      expect(new DataView(value.buffer).getUint32(0, true)).toBe(1000);
      expect(native.bpfProgramTestRun(program, new Uint8Array(13), NO_BYTES, 1, 0, 0)).toBe(-EINVAL);
      native.bpfProgramClose(program);
      native.bpfMapClose(counter);
    });

    it('run on a named CPU', () => {
      const program = loadIdleProgram();
      const flags = BPF_F_TEST_RUN_ON_CPU;
      expect(native.bpfProgramTestRun(program, NO_BYTES, NO_BYTES, 0, flags, CPU)).toMatchObject({
        returnValue: 0,
      });
      expect(native.bpfProgramTestRun(program, NO_BYTES, NO_BYTES, 0, flags, 8191)).toBeLessThan(0);
      native.bpfProgramClose(program);
    });

    it('are bad arguments once closed', () => {
      const program = loadIdleProgram();
      expect(native.bpfProgramClose(program)).toBe(0);
      expect(native.bpfProgramClose(program)).toBe(0);
      expect(native.bpfProgramFd(program)).toBe(BAD_ARGUMENT);
      expect(native.bpfProgramTestRun(program, NO_BYTES, NO_BYTES, 1, 0, 0)).toBe(BAD_ARGUMENT);
      expect(native.bpfRawTracepointOpen(program, 'sched_switch')).toBe(BAD_ARGUMENT);
    });
  });

  describe('links', () => {
    it('attach a program to a raw tracepoint until they close', () => {
      const counter = createMap(BPF_MAP_TYPE_ARRAY, 4, 8, 1);
      const program = loadProgram(
        BPF_PROG_TYPE_RAW_TRACEPOINT,
        asm.assemble([
          asm.loadMapValue('r1', native.bpfMapFd(counter)),
          asm.mov('r2', 1),
          asm.atomicAdd('u64', 'r1', 0, 'r2'),
          asm.mov('r0', 0),
          asm.exit(),
        ]),
      );
      const count = () => {
        const value = new Uint8Array(8);
        native.bpfMapLookup(counter, new Uint8Array(4), value);
        return new DataView(value.buffer).getUint32(0, true);
      };
      const link = opened(native.bpfRawTracepointOpen(program, 'sys_enter'));
      native.getThreadAffinity();
      const attached = count();
      expect(attached).toBeGreaterThan(0);
      expect(native.bpfLinkClose(link)).toBe(0);
      expect(native.bpfLinkClose(link)).toBe(0);
      const detached = count();
      for (let call = 0; call < 100; call++) native.getThreadAffinity();
      expect(count()).toBe(detached);
      native.bpfProgramClose(program);
      native.bpfMapClose(counter);
    });

    it('return the errno of a tracepoint that is not there', () => {
      const program = loadIdleProgram();
      expect(native.bpfRawTracepointOpen(program, 'no_such_tracepoint')).toBe(-ENOENT);
      expect(native.bpfRawTracepointOpen(program, 'a\0b')).toBe(BAD_ARGUMENT);
      native.bpfProgramClose(program);
    });
  });

  afterAll(expectNothingLeft);
});
