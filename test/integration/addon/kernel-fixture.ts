/** Kernel objects for tests of the addon. They use only addon calls, and no other code of lib. */

import {
  BPF_F_CURRENT_CPU,
  BPF_FUNC_perf_event_output,
  BPF_MAP_TYPE_PERF_EVENT_ARRAY,
  BPF_PROG_TYPE_RAW_TRACEPOINT,
  BPF_PROG_TYPE_SCHED_CLS,
} from '../../../lib/abi/bpf';
import {
  encodePerfEventAttr,
  HEADER_BYTES,
  PERF_COUNT_SW_BPF_OUTPUT,
  PERF_FORMAT_LOST,
  PERF_SAMPLE_RAW,
  PERF_TYPE_SOFTWARE,
  type PerfEventAttr,
} from '../../../lib/abi/perf-event';
import type {
  BpfMapHandle,
  BpfProgramHandle,
  MappedRingHandle,
  NativeAddon,
  OrErrno,
  PerfEventHandle,
} from '../../../lib/addon/contract';
import { addon } from '../../../lib/addon/load';
import * as asm from '../../../lib/bpf/instructions';
import { possibleCpus } from '../../../lib/host/cpu-list';
import { RingPositions } from '../../support/ring-positions';

/** The CPU on which the tests write: the first that this thread may use. */
export const CPU = opened(addon().getThreadAffinity())[0] ?? 0;

export const NO_BYTES = new Uint8Array(0);
/** The shortest packet with which the kernel runs a tc program. */
export const PACKET = new Uint8Array(14);

/** The result of a call. Fails the test if it is an errno. */
export function opened<T extends object>(answer: OrErrno<T>): T {
  if (typeof answer === 'number') throw new Error(`native answered ${answer}`);
  return answer;
}

/** The attributes of an event for the output of a BPF program. */
export function outputAttr(words: Partial<PerfEventAttr> = {}): Uint8Array {
  return encodePerfEventAttr({
    type: PERF_TYPE_SOFTWARE,
    config: PERF_COUNT_SW_BPF_OUTPUT,
    sample_period: 1,
    sample_type: PERF_SAMPLE_RAW,
    read_format: PERF_FORMAT_LOST,
    wakeup_events: 1,
    ...words,
  });
}

export function openOutputEvent(words: Partial<PerfEventAttr> = {}): PerfEventHandle {
  return opened(addon().perfEventOpen(outputAttr(words), -1, CPU, -1, 0));
}

/** The size of a record with this many bytes of payload. */
function recordBytes(payloadBytes: number): number {
  return HEADER_BYTES + Math.ceil((payloadBytes + 4) / 8) * 8;
}

/** Instructions that write `payloadBytes` bytes of the stack, all 0xa5, to a perf event array. */
function outputProgram(mapFd: number, payloadBytes: number): Uint8Array {
  const words = payloadBytes / 8;
  return asm.assemble([
    asm.mov('r6', 'r1'),
    asm.loadImmediate64('r7', 0xa5a5a5a5a5a5a5a5n),
    ...Array.from({ length: words }, (_, word) => asm.store('u64', 'r10', -8 * (word + 1), 'r7')),
    asm.mov('r1', 'r6'),
    asm.loadMapFd('r2', mapFd),
    asm.mov32('r3', BPF_F_CURRENT_CPU),
    asm.mov('r4', 'r10'),
    asm.add('r4', -payloadBytes),
    asm.mov('r5', payloadBytes),
    asm.call(BPF_FUNC_perf_event_output),
    asm.mov('r0', 0),
    asm.exit(),
  ]);
}

/** A perf event array, and a program that writes one record to it each time it runs. */
class RecordSource {
  readonly #native: NativeAddon = addon();
  readonly map: BpfMapHandle;
  readonly program: BpfProgramHandle;
  readonly recordBytes: number;

  /** @param payloadBytes a multiple of 8, up to 504 */
  constructor(payloadBytes = 8) {
    const slots = Math.max(...possibleCpus()) + 1;
    this.map = opened(this.#native.bpfMapCreate(BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, slots, 0, 'addon_test'));
    this.program = loadProgram(
      BPF_PROG_TYPE_SCHED_CLS,
      outputProgram(this.#native.bpfMapFd(this.map), payloadBytes),
    );
    this.recordBytes = recordBytes(payloadBytes);
  }

  /** Puts the event into the slot of {@link CPU}, so that it gets the records. */
  connect(event: PerfEventHandle): void {
    const status = this.#native.bpfMapSetEvent(this.map, CPU, event);
    if (status !== 0) throw new Error(`bpfMapSetEvent answered ${status}`);
  }

  /** Writes exactly `count` records on the calling thread. */
  write(count: number): void {
    const before = opened(this.#native.getThreadAffinity());
    this.#native.setThreadAffinity([CPU]);
    opened(this.#native.bpfProgramTestRun(this.program, PACKET, NO_BYTES, count, 0, 0));
    this.#native.setThreadAffinity(before);
  }

  close(): void {
    this.#native.bpfMapClose(this.map);
    this.#native.bpfProgramClose(this.program);
  }
}

export function loadProgram(type: number, instructions: Uint8Array): BpfProgramHandle {
  return opened(addon().bpfProgramLoad(type, instructions, 'GPL', 'addon_test', NO_BYTES));
}

/** A program that does nothing, for a raw tracepoint. */
export function loadIdleProgram(): BpfProgramHandle {
  return loadProgram(BPF_PROG_TYPE_RAW_TRACEPOINT, asm.assemble([asm.mov('r0', 0), asm.exit()]));
}

/** An event, its ring and a source of records. All are closed together. */
export class RingFixture {
  readonly event: PerfEventHandle;
  readonly ring: MappedRingHandle;
  /** Of the ring. */
  readonly positions: RingPositions;
  readonly source: RecordSource;
  readonly capacityBytes: number;
  readonly mappingBytes: number;

  constructor({
    dataPageCount = 1,
    payloadBytes = 8,
    overwrite = false,
    attr = {} as Partial<PerfEventAttr>,
  } = {}) {
    const native = addon();
    this.event = openOutputEvent({ ...attr, ...(overwrite ? { write_backward: true } : {}) });
    this.ring = opened(native.ringMap(this.event, dataPageCount, !overwrite));
    this.positions = new RingPositions(this.ring);
    this.source = new RecordSource(payloadBytes);
    this.source.connect(this.event);
    this.capacityBytes = dataPageCount * native.pageSize();
    this.mappingBytes = this.capacityBytes + native.pageSize();
  }

  close(): void {
    addon().ringClose(this.ring);
    addon().perfEventClose(this.event);
    this.source.close();
  }
}
