import { constants } from 'node:os';
import { BPF_PROG_TYPE_TRACEPOINT } from '../../../lib/abi/bpf';
import {
  encodePerfEventAttr,
  PERF_COUNT_SW_TASK_CLOCK,
  PERF_FORMAT_ID,
  PERF_TYPE_SOFTWARE,
  PERF_TYPE_TRACEPOINT,
} from '../../../lib/abi/perf-event';
import { BAD_ARGUMENT, type PerfEventHandle } from '../../../lib/addon/contract';
import { addon } from '../../../lib/addon/load';
import * as asm from '../../../lib/bpf/instructions';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith, READER_CAPABILITIES } from '../../support/privilege';
import { CPU, loadProgram, opened, openOutputEvent, outputAttr, RingFixture } from './kernel-fixture';

const { E2BIG, EINVAL, ENOENT, ENOSPC } = constants.errno;
const native = addon();

describeWith(READER_CAPABILITIES, 'perf events', () => {
  describe('perfEventOpen', () => {
    it('opens an event with a descriptor', () => {
      const event = openOutputEvent();
      expect(native.perfEventFd(event)).toBeGreaterThan(2);
      expect(native.perfEventClose(event)).toBe(0);
    });

    it('returns the errno of what the kernel refuses', () => {
      expect(native.perfEventOpen(outputAttr({ type: 0x7fff_ffff }), -1, CPU, -1, 0)).toBe(-ENOENT);
      expect(native.perfEventOpen(outputAttr(), -1, 0x7fff_ffff, -1, 0)).toBe(-EINVAL);
      expect(native.perfEventOpen(outputAttr(), -1, -1, -1, 0)).toBe(-EINVAL);
    });

    it('leaves the bytes it was given alone, where the kernel would write attr.size', () => {
      const attr = new Uint8Array(4096).fill(0xff);
      new DataView(attr.buffer).setUint32(4, attr.length, true);
      const before = attr.slice();
      expect(native.perfEventOpen(attr, -1, CPU, -1, 0)).toBe(-E2BIG);
      expect(attr).toEqual(before);
    });

    it('refuses attributes that end before attr.size does', () => {
      const attr = outputAttr();
      expect(native.perfEventOpen(attr.subarray(0, attr.length - 1), -1, CPU, -1, 0)).toBe(BAD_ARGUMENT);
      expect(native.perfEventOpen(new Uint8Array(8), -1, CPU, -1, 0)).toBe(BAD_ARGUMENT);
      expect(native.perfEventOpen(new Uint8Array(0), -1, CPU, -1, 0)).toBe(BAD_ARGUMENT);
    });
  });

  describe('perfEventRead', () => {
    it('returns the counter, the lost records and the number of words', () => {
      const words = new BigUint64Array(8);
      const fixture = new RingFixture();
      const { capacityBytes, source } = fixture;
      const tooMany = Math.ceil(capacityBytes / source.recordBytes) + 10;
      source.write(tooMany);
      const kept = fixture.positions.available() / source.recordBytes;
      expect(native.perfEventRead(fixture.event, words)).toBe(2);
      expect(words[1]).toBe(BigInt(tooMany - kept));
      fixture.close();
    });

    it('returns ENOSPC when there is too little room', () => {
      const event = openOutputEvent();
      expect(native.perfEventRead(event, new BigUint64Array(1))).toBe(-ENOSPC);
      native.perfEventClose(event);
    });
  });

  it('pauses the output of an event, and resumes it', () => {
    const fixture = new RingFixture();
    expect(native.perfEventPauseOutput(fixture.event, true)).toBe(0);
    fixture.source.write(1);
    expect(fixture.positions.available()).toBe(0);
    expect(native.perfEventPauseOutput(fixture.event, false)).toBe(0);
    fixture.source.write(2);
    expect(fixture.positions.available()).toBeGreaterThanOrEqual(2 * fixture.source.recordBytes);
    fixture.close();
  });

  it('disables an event, so that it takes no output, and enables it', () => {
    const fixture = new RingFixture();
    expect(native.perfEventEnable(fixture.event, false)).toBe(0);
    fixture.source.write(1);
    expect(fixture.positions.available()).toBe(0);
    expect(native.perfEventEnable(fixture.event, true)).toBe(0);
    fixture.source.write(1);
    expect(fixture.positions.available()).toBe(fixture.source.recordBytes);
    fixture.close();
  });

  it('sets the counter to 0, and returns the id of an event', () => {
    const attr = encodePerfEventAttr({
      type: PERF_TYPE_SOFTWARE,
      config: PERF_COUNT_SW_TASK_CLOCK,
      read_format: PERF_FORMAT_ID,
    });
    const event = opened(native.perfEventOpen(attr, 0, -1, -1, 0));
    const words = new BigUint64Array(2);
    expect(native.perfEventRead(event, words)).toBe(2);
    const [before, id] = words;
    expect(native.perfEventId(event)).toBe(Number(id));
    expect(native.perfEventEnable(event, false)).toBe(0);
    expect(native.perfEventReset(event)).toBe(0);
    expect(native.perfEventRead(event, words)).toBe(2);
    expect(before).toBeGreaterThan(0n);
    expect(words[0]).toBe(0n);
    native.perfEventClose(event);
  });

  it('redirects the output of one event into the ring of another, and detaches it', () => {
    const fixture = new RingFixture();
    const quiet = openOutputEvent({ wakeup_events: 0 });
    expect(native.perfEventSetOutput(quiet, fixture.event)).toBe(0);
    fixture.source.connect(quiet);
    fixture.source.write(3);
    expect(fixture.positions.available()).toBe(3 * fixture.source.recordBytes);
    expect(native.perfEventSetOutput(quiet, null)).toBe(0);
    fixture.source.write(1);
    expect(fixture.positions.available()).toBe(3 * fixture.source.recordBytes);
    native.perfEventClose(quiet);
    fixture.close();
  });

  it('takes a program for a tracepoint', () => {
    const program = loadProgram(BPF_PROG_TYPE_TRACEPOINT, asm.assemble([asm.mov('r0', 0), asm.exit()]));
    const config = native.tracepointId('sched', 'sched_process_exit');
    const attr = encodePerfEventAttr({ type: PERF_TYPE_TRACEPOINT, config, sample_period: 1 });
    const event = opened(native.perfEventOpen(attr, -1, CPU, -1, 0));
    expect(native.perfEventSetBpf(event, program)).toBe(0);
    const other = openOutputEvent();
    expect(native.perfEventSetBpf(other, program)).toBeLessThan(0);
    native.perfEventClose(event);
    native.perfEventClose(other);
    native.bpfProgramClose(program);
  });

  describe('a closed event', () => {
    it('is a bad argument to everything but closing', () => {
      const event = openOutputEvent();
      const other = openOutputEvent();
      expect(native.perfEventClose(event)).toBe(0);
      expect(native.perfEventClose(event)).toBe(0);
      expect(native.perfEventFd(event)).toBe(BAD_ARGUMENT);
      expect(native.perfEventEnable(event, true)).toBe(BAD_ARGUMENT);
      expect(native.perfEventReset(event)).toBe(BAD_ARGUMENT);
      expect(native.perfEventId(event)).toBe(BAD_ARGUMENT);
      expect(native.perfEventPauseOutput(event, true)).toBe(BAD_ARGUMENT);
      expect(native.perfEventSetOutput(event, null)).toBe(BAD_ARGUMENT);
      expect(native.perfEventSetOutput(other, event)).toBe(BAD_ARGUMENT);
      expect(native.perfEventRead(event, new BigUint64Array(4))).toBe(BAD_ARGUMENT);
      expect(native.ringMap(event, 1, true)).toBe(BAD_ARGUMENT);
      native.perfEventClose(other);
    });
  });

  it('refuses a handle of another kind, and objects that look like one', () => {
    const fixture = new RingFixture();
    const { map, program } = fixture.source;
    for (const other of [fixture.ring, map, program, {}, null, undefined, 3, 'event', Symbol('event')]) {
      expect(native.perfEventFd(other as unknown as PerfEventHandle)).toBe(BAD_ARGUMENT);
      expect(native.perfEventClose(other as unknown as PerfEventHandle)).toBe(BAD_ARGUMENT);
    }
    expect(native.perfEventFd(new Proxy(fixture.event, {}))).toBe(BAD_ARGUMENT);
    fixture.close();
  });

  afterAll(expectNothingLeft);
});
